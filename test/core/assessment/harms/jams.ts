import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineWaiting} from '../../../../source/core/assessment/harms/waiting.ts';
import {samplesOf} from '../../../../source/core/assessment/samples.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend, BackgroundWorker, LockWait, Snapshot} from '../../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../../helpers/snapshot.ts';

export type WaitOf = Partial<LockWait> & Pick<LockWait, 'pid' | 'blocked_by'>;

/** A reading with these sessions, by pid, and these lock waits. */
export function reading(
  sessions: Record<number, Partial<Backend>>,
  waits: WaitOf[],
  overrides: Partial<Snapshot> = {},
): Snapshot {
  const waiting = new Map(waits.map(wait => [wait.pid, wait]));
  return createSnapshot({
    backends: Object.entries(sessions).map(([pid, of]) => {
      const wait = waiting.get(Number(pid));
      return createBackend({
        pid: Number(pid),
        ...(wait && {state: 'active', wait_event_type: 'Lock', blocked_by: wait.blocked_by}),
        ...of,
      });
    }),
    lock_waits: waits.map(wait => ({
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: 'orders',
      wait_age_ms: 9000,
      ...wait,
    })),
    ...overrides,
  });
}

/** One reading, or several a second apart: the last one is assessed. */
export function contextOf(snapshots: Snapshot | Snapshot[], facts: AssessmentFacts = {}): Context {
  const all = [snapshots].flat().map((snapshot, index) => ({
    ...snapshot,
    at: new Date(Date.UTC(2026, 0, 1, 0, 1, index)).toISOString(),
  }));
  const snapshot = all.at(-1);
  if (snapshot === undefined) throw new RangeError('no snapshot');
  return {snapshot, samples: samplesOf(all), facts};
}

export const worker = (overrides: Partial<BackgroundWorker> = {}): BackgroundWorker => ({
  pid: 9,
  backend_type: 'autovacuum worker',
  application_name: '',
  datname: null,
  usename: null,
  xact_age_ms: null,
  xmin_age: null,
  blocked_by: [],
  leader_pid: null,
  state: null,
  wait_event_type: null,
  wait_event: null,
  query_age_ms: null,
  query: null,
  ...overrides,
});

/** What `examineWaiting` finds in them. */
export const examine = (snapshots: Snapshot | Snapshot[], facts: AssessmentFacts = {}) =>
  examineWaiting(contextOf(snapshots, facts));
