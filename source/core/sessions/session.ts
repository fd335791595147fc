import type {Backend, BackendState, SessionIdentity} from '../../model/snapshot.ts';

/** `4711@2025-01-01T…`: pid and backend_start, because pids are reused; only the pid if the start is hidden. */
export function sessionId(backend: {pid: number; backend_start: string | null}): string {
  return `${backend.pid}@${backend.backend_start ?? ''}`;
}

export function parseSessionId(id: string): SessionIdentity {
  const at = id.indexOf('@');
  return {pid: Number(id.slice(0, at)), backend_start: id.slice(at + 1)};
}

/** What it does is unknown: it is hidden from this role, or track_activities is off for it. */
export function isUnseen({state}: {state: BackendState | null}): boolean {
  return state === null || state === 'disabled';
}

export function isIdleInTransaction({state}: Pick<Backend, 'state'>): boolean {
  return state === 'idle in transaction' || state === 'idle in transaction (aborted)';
}

/** Sessions that run a statement, waiting ones included. */
export function isActive({state}: Pick<Backend, 'state'>): boolean {
  return state === 'active' || state === 'fastpath function call';
}

/** Whether it waits for a heavyweight lock. A hidden session has no wait event, but shows who blocks it. */
export function isWaitingForLock({
  wait_event_type,
  blocked_by,
}: Pick<Backend, 'wait_event_type' | 'blocked_by'>): boolean {
  return wait_event_type === 'Lock' || blocked_by.length > 0;
}

/** Every state that pg_stat_activity.state can show. */
export const backendStates = [
  'active',
  'idle',
  'idle in transaction',
  'idle in transaction (aborted)',
  'fastpath function call',
  'disabled',
  'starting',
] as const satisfies readonly BackendState[];

/** SQL condition: session `pid` holds the advisory lock. pg_locks shows the key in halves. */
export function holdsAdvisoryLock(pid: string, key: bigint): string {
  const bits = BigInt.asUintN(64, key);
  const [high, low] = [bits >> 32n, bits & 0xffff_ffffn];
  return `EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = ${pid} AND l.granted AND l.classid = ${high} AND l.objid = ${low} AND l.objsubid = 1)`;
}
