import type {BackendState} from '../../model/snapshot.ts';

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
