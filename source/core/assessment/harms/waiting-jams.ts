import type {WaitSample} from '../../../model/assessment.ts';
import type {Harm} from '../../../model/recipe.ts';
import type {Backend, BackgroundWorker, LockWait} from '../../../model/snapshot.ts';
import {averageOf, type Context, heldSince, shareOf} from '../context.ts';
import {type LockGraph, lockGraph, rootsOf} from '../lock-graph.ts';
import {lockedObject, withoutSchema} from '../locked-object.ts';

/** Sessions that wait for each other's locks, and what they wait for in the end. */
export type Jam = {
  /** The longest wait first. */
  waits: Wait[];
  /** What does not wait itself: the one that most sessions wait for first. */
  roots: Root[];
  graph: LockGraph;
  longest_ms: number;
  harm: Harm;
};

export type Wait = LockWait & {
  backend: Backend;
  /** By name: `row of public.orders`. */
  object: string;
};

/**
 * What sessions wait for in the end. Pid 0 is a prepared transaction, which has no session; without `backend` and `worker` it
 * is gone since, or not visible.
 */
export type Root = {
  pid: number;
  /** Sessions that wait for it, directly or through others. */
  waiting: number;
  backend: Backend | null;
  /** Autovacuum, an apply worker, the startup process of a standby. */
  worker: BackgroundWorker | null;
};

/** The jams of the last reading, the one that holds up most sessions first. */
export function findJams(context: Context): Jam[] {
  const {snapshot} = context;
  if (snapshot.lock_waits.length === 0) return [];
  const graph = lockGraph(snapshot);
  const roots = rootsOf(snapshot);
  const backends = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const jams = new Map<number, Wait[]>();
  const jamOf = connect(graph, roots);
  for (const wait of snapshot.lock_waits) {
    const backend = backends.get(wait.pid) ?? waitingWorker(wait.pid, context, backends);
    if (backend === null) continue;
    const own = jams.get(jamOf(wait.pid)) ?? [];
    own.push({...wait, backend, object: lockedObject(wait, backend)});
    jams.set(jamOf(wait.pid), own);
  }
  return [...jams.values()]
    .map(waits => toJam(waits, {graph, roots, backends, context}))
    .sort((a, b) => b.waits.length - a.waits.length);
}

/**
 * A background process that waits: a parallel worker is its leader's session, an apply worker holds up replication. Autovacuum
 * that waits harms no session, and gives way.
 */
function waitingWorker(
  pid: number,
  {snapshot}: Context,
  backends: ReadonlyMap<number, Backend>,
): Backend | null {
  const worker = snapshot.background_workers.find(each => each.pid === pid);
  if (worker === undefined || worker.backend_type === 'autovacuum worker') return null;
  const leader = worker.leader_pid === null ? undefined : backends.get(worker.leader_pid);
  if (leader !== undefined) return leader;
  return {
    ...noSession,
    ...worker,
    application_name: worker.application_name || worker.backend_type,
  };
}

/** What a background process does not have. */
const noSession = {
  backend_start: null,
  datid: null,
  usesysid: null,
  is_superuser: false,
  client_addr: null,
  client_port: null,
  state_age_ms: null,
  state_change: null,
  xact_start: null,
  query_start: null,
  backend_xid: null,
  backend_age_ms: null,
  query_id: null,
  tags: {},
} satisfies Partial<Backend>;

/**
 * For each pid one that is the same for all that waits connect (union-find). Those that wait for one another in the end wait for the
 * same roots; only a deadlock has none, and makes it look at each wait: 500 sessions have 125,000.
 */
function connect(
  {blockers}: LockGraph,
  roots: ReadonlyMap<number, readonly number[]>,
): (pid: number) => number {
  const isDeadlock = [...roots.values()].some(({length}) => length === 0);
  const parents = new Map<number, number>();
  function topOf(pid: number): number {
    let top = pid;
    for (let next = parents.get(top); next !== undefined; next = parents.get(top)) top = next;
    if (top !== pid && parents.get(pid) !== top) parents.set(pid, top);
    return top;
  }
  for (const [pid, others] of isDeadlock ? blockers : roots) {
    const top = topOf(pid);
    for (const other of others) {
      const own = topOf(other);
      if (own !== top) parents.set(own, top);
    }
  }
  return topOf;
}

type Parts = {
  graph: LockGraph;
  roots: ReadonlyMap<number, readonly number[]>;
  backends: ReadonlyMap<number, Backend>;
  context: Context;
};

function toJam(own: Wait[], {graph, roots, backends, context}: Parts): Jam {
  const waits = own.sort((a, b) => (b.wait_age_ms ?? 0) - (a.wait_age_ms ?? 0));
  const counts = new Map<number, number>();
  for (const {pid} of waits) {
    for (const root of roots.get(pid) ?? []) counts.set(root, (counts.get(root) ?? 0) + 1);
  }
  return {
    waits,
    roots: [...counts]
      .map(([pid, waiting]) => ({
        pid,
        waiting,
        backend: backends.get(pid) ?? null,
        worker: context.snapshot.background_workers.find(each => each.pid === pid) ?? null,
      }))
      .sort((a, b) => b.waiting - a.waiting || a.pid - b.pid),
    graph,
    longest_ms: waits[0]?.wait_age_ms ?? 0,
    harm: harmOf(waits, context),
  };
}

/** What is said of the jam's objects in the assessed time: one jam is one queue, whichever its sessions. */
function harmOf(waits: readonly Pick<Wait, 'object'>[], {samples}: Context): Harm {
  const objects = new Set(waits.map(({object}) => withoutSchema(object)));
  const waitingIn = ({waits: seen}: Context['samples'][number]) =>
    seen.reduce((sum, {object, waiting}) => sum + (objects.has(withoutSchema(object)) ? waiting : 0), 0);
  const isSeen = (sample: Context['samples'][number]) => waitingIn(sample) > 0;
  const withIt = samples.filter(isSeen);
  // The last readings may have none, if the waits are short.
  const since = heldSince(samples.slice(0, samples.findLastIndex(isSeen) + 1), isSeen);
  return {
    kind: 'waiting',
    sessions: withIt.length === 0 ? waits.length : averageOf(withIt, waitingIn),
    share: samples.length === 0 ? 1 : shareOf(samples, isSeen),
    since: since === undefined ? null : since,
  };
}

/** A jam of which no session waits in the last reading. */
export function emptyJam({object, longest_ms}: WaitSample, context: Context): Jam {
  return {
    waits: [],
    roots: [],
    graph: lockGraph(context.snapshot),
    longest_ms,
    harm: harmOf([{object}], context),
  };
}
