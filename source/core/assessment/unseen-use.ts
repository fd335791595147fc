import type {UnseenUse} from '../../model/assessment.ts';
import type {Backend} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {byStart} from '../pool/clients.ts';
import {bareOf, isBusySession, toBusyInstance} from './busy-instances.ts';

/** A session that is used this often is not one that its pool has no need for: node-postgres closes those after 10 s. */
const inUseMs = 5000;

export function isInUse({state, state_age_ms}: Pick<Backend, 'state' | 'state_age_ms'>): boolean {
  return state !== 'idle' || (state_age_ms ?? 0) < inUseMs;
}

/** Statements of one request that are sent together begin within this time. */
const atOnceMs = 20;
const mostlyOneByOne = 0.6;

/**
 * Where a pool of one application that reports nothing may be full though sessions of it are idle. The server does not show
 * which sessions a pool has handed out, nor which process has them: client ports of one address are those of all its processes.
 */
export function unseenUse(sessions: readonly Backend[]): UnseenUse[] {
  const least = thresholds.pool_sessions.warning;
  // Without a name, several programs may look like one.
  if (sessions.length < least || sessions[0]?.application_name === '') return [];
  return [...groupBy(sessions, ({client_addr}) => client_addr ?? '').values()].flatMap(atAddress => {
    const own = atAddress.length < least ? [] : bareOf(atAddress);
    if (own.length < least) return [];
    return usedInTurn(own) ?? busyBurst(own) ?? [];
  });
}

/**
 * Idle for the most part, yet each used a moment ago, and not by statements that were sent together. A pool takes the session that was
 * released last (node-postgres, Prisma): it uses all of them only while all are handed out.
 */
function usedInTurn(own: readonly Backend[]): UnseenUse | null {
  if (own.filter(isBusySession).length > own.length / 2) return null;
  const idle_ms = own
    .map(({state, state_age_ms}) => (state === 'idle' ? (state_age_ms ?? Infinity) : 0))
    .sort((a, b) => a - b);
  const [longest_ms = 0, median_ms = 0] = [idle_ms.at(-1), idle_ms[idle_ms.length >> 1]];
  if (!own.every(isInUse) || longest_ms < thresholds.pool_transaction_ms.warning) return null;
  const ages_ms = own.map(({query_age_ms}) => query_age_ms ?? 0).sort((a, b) => a - b);
  const moments = 1 + ages_ms.slice(1).filter((age, index) => age - (ages_ms[index] ?? 0) > atOnceMs).length;
  if (moments < own.length * mostlyOneByOne) return null;
  const client_addr = own[0]?.client_addr ?? null;
  return {kind: 'in turn', client_addr, sessions: own.length, longest_ms, median_ms};
}

/** Of the bursts in which its sessions began one that is wholly busy, beside others in use, which are no more. */
function busyBurst(own: readonly Backend[]): UnseenUse | null {
  const least = thresholds.pool_sessions.warning;
  if (own.filter(isBusySession).length < least) return null;
  const full = byStart(own).find(burst => burst.length >= least && burst.every(isBusySession));
  if (full === undefined) return null;
  const others = own.filter(each => !full.includes(each));
  if (!others.some(isInUse) || others.length > full.length || others.every(isBusySession)) return null;
  const busy = toBusyInstance(full);
  return {kind: 'burst', client_addr: busy.client_addr, sessions: own.length, busy};
}

const usedMs = 60_000;

/** Processes at one address, as far as bursts of connects of one size show them; null: one, or they report their pools. */
export function instancesByBursts(atAddress: readonly Backend[]): number | null {
  if (atAddress[0]?.application_name === '' || atAddress.some(each => each.pool_report !== undefined))
    return null;
  const bursts = byStart(atAddress);
  const [first = []] = bursts;
  const isUsed = ({state, state_age_ms}: Backend) => state !== 'idle' || (state_age_ms ?? Infinity) < usedMs;
  const isAlike = first.length >= thresholds.pool_sessions.warning;
  const areAlike = bursts.every(each => each.length === first.length && each.some(isUsed));
  return bursts.length > 1 && isAlike && areAlike ? bursts.length : null;
}
