import type {PoolSample} from '../../../model/assessment.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {protectionOf} from '../../sessions/protection.ts';
import {redactLiterals} from '../../sql/shown-sql.ts';
import {memoize} from '../../text/memoize.ts';
import type {Context, PoolHistory} from '../context.ts';

/** No session is free for the next request. */
export function isBusy(pool: PoolSample | undefined): boolean {
  return pool !== undefined && pool.active + pool.idle_in_transaction === pool.sessions;
}

/** Number of readings in which all sessions were busy. */
export function busyReadings({samples}: PoolHistory): number {
  return samples.filter(({pool}) => isBusy(pool)).length;
}

/** Fewer readings say little about the time between them. */
const leastReadings = 5;

/** In most readings no session was free for the next request. */
export function isBusyPool(history: PoolHistory): boolean {
  const {last, samples} = history;
  const {pool_sessions, pool_busy_ratio} = thresholds;
  return (
    last.sessions >= pool_sessions.warning &&
    samples.length >= leastReadings &&
    busyReadings(history) >= samples.length * pool_busy_ratio.warning
  );
}

/** The same of one or two sessions, which are often no pool: more has to be seen. */
export function isBusySmallPool(history: PoolHistory): boolean {
  const {last, samples} = history;
  return (
    last.sessions < thresholds.pool_sessions.warning &&
    samples.length >= 2 * leastReadings &&
    busyReadings(history) >= samples.length * smallBusyShare
  );
}

const smallBusyShare = 0.9;

/** It has a session that recipes leave alone: a dump, a migration. */
export function isProtected({snapshot}: Context, {sessions}: PoolHistory): boolean {
  return sessions.some(backend => protectionOf(backend, snapshot, false) !== null);
}

const named =
  /^(?:with\b.*?\b)?(insert\s+into|update|delete\s+from|select\b.*?\bfrom)\s+(?:only\s+)?("[^"]+"(?:\."[^"]+")*|[\w$.]+)/is;

/** `UPDATE "Booking"`: a statement in two or three words; null without one. */
export function statementText(query: string | null): string | null {
  return textOf((query ?? '').slice(0, 2000));
}

const textOf = memoize(shorten, 1000);

function shorten(sql: string): string | null {
  const text = redactLiterals(sql);
  if (text === '') return null;
  const [, verb = '', table = ''] = named.exec(text) ?? [];
  if (table === '') return text.split(' ').slice(0, 2).join(' ');
  const words = /^select/i.test(verb) ? 'SELECT FROM' : verb.replace(/\s+/g, ' ').toUpperCase();
  return `${words} ${table.replace(/^"public"\./, '')}`;
}

/** Since the statistics were reset, over all users; null if it is not in pg_stat_statements. */
export function meanExecMs({statements}: Snapshot, query_id: string | null): number | null {
  const own = statements.filter(({queryid}) => queryid === query_id);
  const calls = own.reduce((sum, each) => sum + each.calls, 0);
  return calls === 0 ? null : own.reduce((sum, each) => sum + each.total_exec_time_ms, 0) / calls;
}
