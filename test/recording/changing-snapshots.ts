import type {Backend, Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';

const start_ms = Date.parse('2026-01-01T12:00:00.000Z');

/** `count` snapshots, 2 s apart, of a server whose sessions change, start and end, and whose counters rise. */
export function changingSnapshots(count: number): Snapshot[] {
  return Array.from({length: count}, (_, index) => changingSnapshot(index));
}

export function changingSnapshot(index: number): Snapshot {
  const at_ms = start_ms + index * 2000;
  const waiter = {pid: 3, blocked_by: [2], locktype: 'transactionid', mode: 'ShareLock', relation: null};
  return createSnapshot({
    max_connections: 103,
    at: new Date(at_ms).toISOString().replace('Z', '000Z'),
    backends: [
      ...(index % 3 === 0 ? [session(9, at_ms, at_ms - 500)] : []),
      session(1, at_ms, start_ms - 60_000),
      session(2, at_ms, at_ms - (index % 5) * 100, {state: 'active', query: `SELECT ${index}`}),
      session(3, at_ms, start_ms - 1000, {blocked_by: index % 2 === 0 ? [2] : []}),
    ],
    statements: [createStatement({mean_exec_time_ms: 0.5})],
    lock_waits: index % 2 === 0 ? [{...waiter, wait_age_ms: 1000 + index * 2000}] : [],
    databases: createSnapshot().databases.map(of => ({...of, xact_commit: 5000 + index * 17})),
  });
}

function session(pid: number, at_ms: number, changed_ms: number, overrides: Partial<Backend> = {}): Backend {
  return createBackend({
    pid,
    backend_start: '2026-01-01T11:00:00.123456Z',
    state_change: new Date(changed_ms).toISOString().replace('Z', '000Z'),
    state_age_ms: Math.max(0, at_ms - changed_ms),
    query_age_ms: at_ms - changed_ms + 3,
    backend_age_ms: at_ms - Date.parse('2026-01-01T11:00:00.123Z'),
    ...overrides,
  });
}
