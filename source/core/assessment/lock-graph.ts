import type {Snapshot} from '../../model/snapshot.ts';
import {memoizeByObject} from '../text/memoize.ts';

/** Who waits for whom. */
export type LockGraph = {
  /** For each session or background process that waits for a lock, the pids that it waits for. */
  blockers: ReadonlyMap<number, readonly number[]>;
  /** For each pid that others wait for, those that do. */
  waiters: ReadonlyMap<number, readonly number[]>;
};

type Waits = Pick<Snapshot, 'backends' | 'background_workers' | 'lock_waits'>;

/** A parallel worker stands for its leader: the one waits for the other. */
export function lockGraph(snapshot: Waits): LockGraph {
  const known = graphs.get(snapshot.lock_waits);
  if (known !== undefined) return known;
  const graph = buildGraph(snapshot);
  graphs.set(snapshot.lock_waits, graph);
  return graph;
}

/** By the list of a snapshot, which does not change: several parts of an assessment ask, and 500 sessions make 125,000 edges. */
const graphs = new WeakMap<Snapshot['lock_waits'], LockGraph>();

function buildGraph({backends, background_workers, lock_waits}: Waits): LockGraph {
  const leaders = new Map<number, number>();
  for (const {pid, backend_type, leader_pid} of background_workers) {
    if (backend_type === 'parallel worker' && leader_pid !== null) leaders.set(pid, leader_pid);
  }
  const leaderOf = (pid: number) => leaders.get(pid) ?? pid;
  const blockers = new Map<number, readonly number[]>();
  const read = new Set<readonly number[]>();
  for (const {pid: process, blocked_by} of [...backends, ...background_workers, ...lock_waits]) {
    // A session and its lock wait have one list.
    if (blocked_by.length === 0 || read.has(blocked_by)) continue;
    read.add(blocked_by);
    if (leaders.size === 0) {
      blockers.set(process, blocked_by);
      continue;
    }
    const pid = leaderOf(process);
    // pg_blocking_pids() names the leader once for each of its parallel workers.
    const others = new Set([...(blockers.get(pid) ?? []), ...blocked_by.map(leaderOf)]);
    others.delete(pid);
    if (others.size > 0) blockers.set(pid, [...others]);
  }
  const waiters = new Map<number, number[]>();
  for (const [pid, others] of blockers) {
    for (const other of others) {
      const own = waiters.get(other);
      if (own === undefined) waiters.set(other, [pid]);
      else own.push(pid);
    }
  }
  return {blockers, waiters};
}

/**
 * For each process that waits for a lock: the pids at the end of its waits, which wait for no lock themselves. Sessions of a
 * deadlock have none.
 */
export function rootsOf(snapshot: Waits): ReadonlyMap<number, readonly number[]> {
  return rootsOfGraph(lockGraph(snapshot));
}

/** By the graph, which is one for a snapshot. */
const rootsOfGraph = memoizeByObject((graph: LockGraph) => {
  const roots = new Map<number, number[]>([...graph.blockers.keys()].map(pid => [pid, []]));
  const ends = [...graph.waiters.keys()].filter(pid => !graph.blockers.has(pid)).sort((a, b) => a - b);
  // From the ends backward: a queue of 500 sessions has 125,000 edges, which each session would follow again.
  for (const end of ends) for (const pid of waitersOf([end], graph)) roots.get(pid)?.push(end);
  return roots;
});

/** The sessions that wait for one of `pids`, directly or through others, but not through `without`. */
export function waitersOf(
  pids: Iterable<number>,
  {waiters}: Pick<LockGraph, 'waiters'>,
  without: readonly number[] = [],
): Set<number> {
  const reached = new Set<number>();
  const queue = [...pids];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    for (const waiter of waiters.get(pid) ?? []) {
      if (reached.has(waiter) || without.includes(waiter)) continue;
      reached.add(waiter);
      queue.push(waiter);
    }
  }
  return reached;
}

/**
 * The sessions that wait no longer if `pids` are gone, once those before them in the queue are done: all that wait for
 * nothing else that does not wait itself.
 */
export function freedBy(pids: readonly number[], graph: LockGraph): Set<number> {
  const others = [...graph.waiters.keys()].filter(pid => !pids.includes(pid) && !graph.blockers.has(pid));
  const stillWaiting = waitersOf(others, graph, pids);
  return new Set([...waitersOf(pids, graph)].filter(pid => !pids.includes(pid) && !stillWaiting.has(pid)));
}
