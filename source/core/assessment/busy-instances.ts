import type {BusyInstance} from '../../model/assessment.ts';
import type {Backend} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {openTogetherMs} from '../pool/clients.ts';
import {isActive, isIdleInTransaction, isWaitingForLock} from '../sessions/session.ts';

/**
 * Of one pool's instances, as far as the server shows them, those with every session busy: an instance is an address, as pools of a
 * process open their sessions one after another. One that reports its pool says itself whether requests wait.
 */
export function busyInstances(sessions: readonly Backend[]): BusyInstance[] {
  // Without a name, several programs may look like one. Most pools have few busy sessions: they need no grouping.
  const least = thresholds.pool_sessions.warning;
  if (sessions[0]?.application_name === '' || sessions.filter(isBusySession).length < least) return [];
  return [...groupBy(sessions, ({client_addr}) => client_addr ?? '').values()].flatMap(atAddress => {
    const own = withoutLeft(bareOf(atAddress));
    if (own.length < least || !own.every(isBusySession)) return [];
    return toBusyInstance(own);
  });
}

export function toBusyInstance(own: readonly Backend[]): BusyInstance {
  return {
    client_addr: own[0]?.client_addr ?? null,
    pids: own.map(({pid}) => pid),
    active: own.filter(isActive).length,
    waiting_for_lock: own.filter(isWaitingForLock).length,
    xact_ms: own.reduce((sum, {xact_age_ms, query_age_ms}) => sum + (xact_age_ms ?? query_age_ms ?? 0), 0),
    query_ids: own.filter(isActive).flatMap(({query_id, query}) => query_id ?? query ?? []),
  };
}

export function isBusySession(backend: Backend): boolean {
  return isActive(backend) || isIdleInTransaction(backend);
}

/** Those that no reporting pool can have: a session that has not reported yet may be one of it, up to its size. */
export function bareOf(atAddress: readonly Backend[]): readonly Backend[] {
  const sizes = new Map(
    atAddress.flatMap(({pool_report}) => (pool_report ? [[pool_report.instance, pool_report.size]] : [])),
  );
  const reported = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return atAddress.length > reported ? atAddress.filter(({pool_report}) => pool_report === undefined) : [];
}

/**
 * Those since which no other one was idle: a pool opens no session while it has an idle one, so what has been idle since well before
 * the others began belongs to another pool. One that opens a minimum of sessions does so within a moment.
 */
function withoutLeft(sessions: readonly Backend[]): readonly Backend[] {
  const newestFirst = sessions.toSorted((a, b) => ageOf(a) - ageOf(b));
  let own = newestFirst;
  let silent_ms = Number.POSITIVE_INFINITY;
  for (let count = newestFirst.length - 1; count >= thresholds.pool_sessions.warning; count--) {
    const [newer, older] = newestFirst.slice(count - 1, count + 1) as [Backend, Backend];
    if (older.state !== 'idle') break;
    silent_ms = Math.min(silent_ms, older.state_age_ms ?? 0);
    if (silent_ms >= ageOf(newer) + openTogetherMs) own = newestFirst.slice(0, count);
  }
  return own;
}

function ageOf({backend_age_ms}: Backend): number {
  return backend_age_ms ?? Number.POSITIVE_INFINITY;
}
