import type {Backend, LockWait} from '../../model/snapshot.ts';

/** A session in the lock tree. */
export type LockNode = {
  /** 0 is a prepared transaction, which has no session. */
  pid: number;
  /** Number of children in the tree. */
  waiters_direct: number;
  /** Sessions that it blocks, directly and through others. */
  waiters_total: number;
  /** Part of a deadlock that the server has not resolved yet. */
  is_in_cycle: boolean;
  /** Blockers other than its parent in the tree. */
  also_blocked_by: number[];
  children: LockNode[];
};

/**
 * The lock waits as a forest: roots do not wait, and the root that blocks most sessions comes first. Each waiter
 * appears once, under the blocker that blocks most; its other blockers are in `also_blocked_by`.
 * A deadlock is shown under the member that blocks most.
 */
export function lockTree(
  backends: readonly Pick<Backend, 'pid' | 'blocked_by'>[],
  lockWaits: readonly Pick<LockWait, 'pid' | 'blocked_by'>[],
): LockNode[] {
  const graph = buildGraph(backends, lockWaits);
  const reach = reachOf(graph);
  const byHeldUp = (a: number, b: number) => reach.count(b) - reach.count(a) || a - b;
  const parents = new Map([...graph].map(([pid, {blockers}]) => [pid, parentOf(pid, blockers)]));

  /** Prefers a blocker outside its deadlocks: otherwise no root would lead to it. */
  function parentOf(pid: number, blockers: Set<number>): number | undefined {
    const outside = [...blockers].filter(blocker => !reach.has(pid, blocker));
    return (outside.length > 0 ? outside : [...blockers]).sort(byHeldUp)[0];
  }

  const placed = new Set<number>();
  function place(pid: number, parent: number | null): LockNode {
    placed.add(pid);
    const {waiters, blockers} = graph.get(pid) ?? {waiters: [], blockers: []};
    const own = [...waiters].filter(waiter => parents.get(waiter) === pid && !placed.has(waiter));
    // Mark all before descending, so that a cycle does not lead back to a sibling.
    for (const waiter of own) placed.add(waiter);
    return {
      pid,
      waiters_direct: own.length,
      waiters_total: reach.count(pid),
      is_in_cycle: reach.has(pid, pid),
      also_blocked_by: [...blockers].filter(blocker => blocker !== parent).sort((a, b) => a - b),
      children: own.sort(byHeldUp).map(waiter => place(waiter, pid)),
    };
  }

  const roots = [...graph].filter(([, {blockers}]) => blockers.size === 0).map(([pid]) => pid);
  const forest = roots.map(pid => place(pid, null));
  // The remaining sessions wait for a deadlock, which has no root.
  for (const pid of [...graph.keys()].sort(byHeldUp)) {
    if (!placed.has(pid)) forest.push(place(pid, null));
  }
  return forest.sort((a, b) => b.waiters_total - a.waiters_total || a.pid - b.pid);
}

type Graph = Map<number, {blockers: Set<number>; waiters: Set<number>}>;

/** pg_blocking_pids() may name a blocker twice (parallel workers of one leader). */
function buildGraph(...sources: (readonly {pid: number; blocked_by: number[]}[])[]): Graph {
  const graph: Graph = new Map();
  const nodeOf = (pid: number) => {
    const node = graph.get(pid) ?? {blockers: new Set<number>(), waiters: new Set<number>()};
    graph.set(pid, node);
    return node;
  };
  for (const {pid, blocked_by} of sources.flat()) {
    for (const blocker of blocked_by) {
      if (blocker === pid) continue;
      nodeOf(pid).blockers.add(blocker);
      nodeOf(blocker).waiters.add(pid);
    }
  }
  return graph;
}

type Reach = {
  /** How many others it blocks, directly and through others. */
  count(pid: number): number;
  /** Whether `pid` blocks `waiter`; itself only in a deadlock. */
  has(pid: number, waiter: number): boolean;
};

/**
 * Sets of sessions as bits. In a lock queue each session waits for all ahead of it, so 300 waiters make 45,000
 * edges; sessions that wait for most come first, so that one pass resolves such a queue.
 */
function reachOf(graph: Graph): Reach {
  const pids = [...graph.keys()];
  const bitOf = new Map(pids.map((pid, index) => [pid, 1n << BigInt(index)]));
  const masks = new Map(pids.map(pid => [pid, 0n]));
  const ordered = [...graph].sort(([, a], [, b]) => b.blockers.size - a.blockers.size);
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    for (const [pid, {waiters}] of ordered) {
      const before = masks.get(pid) ?? 0n;
      let mask = before;
      for (const waiter of waiters) mask |= (masks.get(waiter) ?? 0n) | (bitOf.get(waiter) ?? 0n);
      if (mask === before) continue;
      masks.set(pid, mask);
      isSettled = false;
    }
  }
  const has = (pid: number, waiter: number) => ((masks.get(pid) ?? 0n) & (bitOf.get(waiter) ?? 0n)) !== 0n;
  const counts = new Map(pids.map(pid => [pid, countBits(masks.get(pid) ?? 0n) - Number(has(pid, pid))]));
  return {has, count: pid => counts.get(pid) ?? 0};
}

function countBits(mask: bigint): number {
  return mask.toString(2).replaceAll('0', '').length;
}
