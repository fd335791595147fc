import {type LockNode, lockTree} from '../../core/activity/lock-tree.ts';
import type {LockWait, Snapshot} from '../../model/snapshot.ts';

/** A session that held locks which others waited for. State and statement are those when most waited. */
export type LockHolder = {
  /** 0 is a prepared transaction. */
  pid: number;
  backend_start: string | null;
  /** Or what kind of process it is. */
  application_name: string;
  usename: string | null;
  /** The first and last reading in which a session waited for it. */
  first_ms: number;
  last_ms: number;
  /** Sessions that waited for it concurrently, directly or behind others, at most. */
  waiting: number;
  /** The longest wait for one of its locks. */
  longest_wait_ms: number | null;
  /** `row of public.orders`; [] if it was not seen. */
  objects: string[];
  state: string | null;
  /** At most. */
  xact_age_ms: number | null;
  /** The statement that it ran, or had run last. */
  query: string | null;
};

/** Collects who held locks, from snapshots: those that most sessions waited for first. */
export function lockHolders(): {add(snapshot: Snapshot): void; all(): LockHolder[]} {
  const found = new Map<string, LockHolder>();
  return {
    add(snapshot) {
      const nodes = new Map(lockTree(snapshot.backends, snapshot.lock_waits).flatMap(flatten));
      for (const [pid, waits] of waitsByHolder(snapshot.lock_waits)) {
        const seen = holderOf(pid, snapshot, waits, nodes.get(pid)?.waiters_total ?? waits.length);
        const id = `${pid} ${seen.backend_start}`;
        found.set(id, merged(found.get(id), seen));
      }
    },
    all: () => [...found.values()].sort((a, b) => b.waiting - a.waiting || a.first_ms - b.first_ms),
  };
}

function flatten(node: LockNode): [number, LockNode][] {
  return [[node.pid, node], ...node.children.flatMap(flatten)];
}

/** A session at the head of a queue holds nothing of what those behind it wait for. */
function waitsByHolder(waits: readonly LockWait[]): Map<number, LockWait[]> {
  const byHolder = new Map<number, LockWait[]>();
  for (const wait of waits) {
    const pids = new Set(wait.holders?.map(({pid}) => pid) ?? wait.blocked_by);
    for (const pid of pids) byHolder.set(pid, [...(byHolder.get(pid) ?? []), wait]);
  }
  return byHolder;
}

function holderOf(
  pid: number,
  {at, backends, background_workers}: Snapshot,
  waits: readonly LockWait[],
  waiting: number,
): LockHolder {
  const backend = backends.find(each => each.pid === pid);
  const worker = background_workers.find(each => each.pid === pid);
  const {usename = null, state = null, xact_age_ms = null, query = null} = backend ?? worker ?? {};
  return {
    pid,
    backend_start: backend?.backend_start ?? null,
    application_name:
      backend?.application_name ?? worker?.backend_type ?? (pid === 0 ? 'a prepared transaction' : ''),
    usename,
    first_ms: Date.parse(at),
    last_ms: Date.parse(at),
    waiting,
    longest_wait_ms: mostOf(...waits.map(({wait_age_ms}) => wait_age_ms)),
    objects: [...new Set(waits.flatMap(({object}) => object ?? []))],
    state,
    xact_age_ms,
    query,
  };
}

/** Those of one application and role with one statement together, as for a row that every request changes. */
export function foldHolders(holders: readonly LockHolder[]): {holder: LockHolder; sessions: number}[] {
  const folded = new Map<string, {holder: LockHolder; sessions: number}>();
  for (const holder of holders) {
    const key = [holder.application_name, holder.usename, holder.query].join('\0');
    const known = folded.get(key);
    if (known === undefined) folded.set(key, {holder, sessions: 1});
    else folded.set(key, {holder: merged(known.holder, holder), sessions: known.sessions + 1});
  }
  return [...folded.values()];
}

function merged(known: LockHolder | undefined, seen: LockHolder): LockHolder {
  if (known === undefined) return seen;
  return {
    ...(seen.waiting > known.waiting ? seen : known),
    first_ms: Math.min(known.first_ms, seen.first_ms),
    last_ms: Math.max(known.last_ms, seen.last_ms),
    longest_wait_ms: mostOf(known.longest_wait_ms, seen.longest_wait_ms),
    xact_age_ms: mostOf(known.xact_age_ms, seen.xact_age_ms),
    objects: [...new Set([...known.objects, ...seen.objects])],
  };
}

/** null if all are unknown. */
function mostOf(...values: (number | null)[]): number | null {
  const known = values.flatMap(value => value ?? []);
  return known.length === 0 ? null : Math.max(...known);
}
