import type {Backend, Snapshot} from '../../model/snapshot.ts';
import type {WaitSamples} from '../../model/wait-samples.ts';
import {rootsOf} from '../assessment/lock-graph.ts';
import {isActive, isIdleInTransaction} from '../sessions/session.ts';

/**
 * What a busy session does, by pg_stat_activity.wait_event_type: without a wait event it runs on a CPU or waits for one.
 * `blocker`: idle in a transaction for whose locks others wait.
 */
export const loadClasses = ['CPU', 'IO', 'Lock', 'LWLock', 'IPC', 'Client', 'blocker', 'other'] as const;

export type LoadClass = (typeof loadClasses)[number];

export type BusySession = {
  /** null: it began and ended between two readings. */
  backend: Backend | null;
  /** `backend` with the statement that it ran then; null where it runs another now. */
  in_statement: Backend | null;
  class: LoadClass;
  /** `Lock:tuple`, `CPU`, `idle in transaction`. */
  event: string;
  query_id: string | null;
  /** In how many samples. */
  count: number;
};

export type BusySessions = {
  /** Of the same moments all sessions were looked at. */
  samples: number;
  /** Whether sessions whose state this role may not see are among them. */
  seesHidden: boolean;
  sessions: BusySession[];
};

/** Of a reading, which is one sample, or of what pg_wait_sampling has seen since the one before. */
export function busySessions(snapshot: Snapshot): BusySessions {
  const {wait_samples} = snapshot;
  if (wait_samples === undefined) return {samples: 1, seesHidden: false, sessions: ofReading(snapshot)};
  return {
    samples: wait_samples.samples,
    seesHidden: wait_samples.has_cpu,
    sessions: [...sampled(snapshot, wait_samples), ...notSampled(snapshot, wait_samples)],
  };
}

function ofReading(snapshot: Snapshot): BusySession[] {
  const blockers = blockersOf(snapshot);
  return snapshot.backends.flatMap(backend => {
    const isBlocker = isIdleInTransaction(backend) && blockers.has(backend.pid);
    if (!isBlocker && !isActive(backend)) return [];
    const kind = isBlocker ? idleBlocker : kindOf(backend);
    // Without a spread, by which an object takes three times the room.
    return [
      {
        backend,
        in_statement: backend,
        class: kind.class,
        event: kind.event,
        query_id: backend.query_id,
        count: 1,
      },
    ];
  });
}

/** Sessions; of processes that are none of this reading those in a statement: a session that was short, or its parallel worker. */
function sampled({backends, background_workers}: Snapshot, {seen}: WaitSamples): BusySession[] {
  const sessions = new Map(backends.map(backend => [backend.pid, backend]));
  const background = new Set(background_workers.map(({pid}) => pid));
  return seen.flatMap(process => {
    const backend = sessions.get(process.pid) ?? null;
    const isSession = backend !== null || (process.query_id !== null && !background.has(process.pid));
    if (!isSession) return [];
    const {query_id, count} = process;
    const in_statement = query_id !== null && backend?.query_id === query_id ? backend : null;
    return [{...kindOf(process), backend, in_statement, query_id, count}];
  });
}

/** What the extension does not see is as this reading saw it, in all of the samples. */
function notSampled(snapshot: Snapshot, {samples, has_cpu}: WaitSamples): BusySession[] {
  return ofReading(snapshot)
    .filter(
      ({class: kind, event}) =>
        kind === 'blocker' || event === 'Client:ClientRead' || (kind === 'CPU' && !has_cpu),
    )
    .map(each => ({...each, count: samples}));
}

/** Sessions at the head of a lock queue. */
function blockersOf(snapshot: Snapshot): ReadonlySet<number> {
  return new Set(snapshot.lock_waits.length === 0 ? [] : [...rootsOf(snapshot).values()].flat());
}

type Kind = Pick<BusySession, 'class' | 'event'>;

const idleBlocker: Kind = {class: 'blocker', event: 'idle in transaction'};

function kindOf({wait_event_type: type, wait_event}: Pick<Backend, 'wait_event_type' | 'wait_event'>): Kind {
  if (type === null) return {class: 'CPU', event: 'CPU'};
  return {class: loadClasses.find(each => each === type) ?? 'other', event: `${type}:${wait_event}`};
}
