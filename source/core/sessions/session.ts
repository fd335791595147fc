import type {BackendState, SessionIdentity} from '../../model/snapshot.ts';

/** `4711@2025-01-01T…`: pid and backend_start, because pids are reused; only the pid if the start is hidden. */
export function sessionId(backend: {pid: number; backend_start: string | null}): string {
  return `${backend.pid}@${backend.backend_start ?? ''}`;
}

export function parseSessionId(id: string): SessionIdentity {
  const at = id.indexOf('@');
  return {pid: Number(id.slice(0, at)), backend_start: id.slice(at + 1)};
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
