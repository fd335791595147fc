import type {Timed, Unit} from './units.ts';

export type Timeline = {
  body: Timed[];
  /** The most units running at the same time. */
  maxAtOnce: number;
  /** Pauses longer than an application takes between two statements: a person between two clicks. */
  pauses: number;
};

/** Longest pause that is kept outside of a transaction. Within one every pause is kept: it holds the connection. */
const maxThink_ms = 5000;

/** Turns units, in the order they began, into a sequence in which overlapping ones are parallel. */
export function timelineOf(units: readonly Unit[]): Timeline {
  const timeline: Timeline = {body: [], maxAtOnce: 0, pauses: 0};
  let ended_ms: number | null = null;
  for (let at = 0; at < units.length; ) {
    const cluster = clusterAt(units, at);
    at += cluster.length;
    const started_ms = cluster[0]?.started_ms ?? 0;
    const gap_ms = ended_ms === null ? 0 : started_ms - ended_ms;
    if (gap_ms > maxThink_ms) timeline.pauses++;
    const node = nodeOf(cluster, gap_ms > maxThink_ms ? 0 : gap_ms);
    timeline.body.push(...flat(node));
    timeline.maxAtOnce = Math.max(timeline.maxAtOnce, node.kind === 'parallel' ? node.branches.length : 1);
    ended_ms = Math.max(...cluster.map(unit => unit.ended_ms));
  }
  return timeline;
}

/** A group that is not a branch needs no block: the sequence has the same order. */
function flat(node: Timed): readonly Timed[] {
  if (node.kind !== 'group') return [node];
  return node.body.map((each, index) => (index === 0 ? {...each, think_ms: node.think_ms} : each));
}

/** The overlapping units from `at` on: each begins before one of the earlier ones has ended. */
function clusterAt(units: readonly Unit[], at: number): Unit[] {
  const cluster: Unit[] = [];
  let ended_ms = Number.POSITIVE_INFINITY;
  for (const unit of units.slice(at)) {
    if (unit.started_ms >= ended_ms) break;
    ended_ms = cluster.length === 0 ? unit.ended_ms : Math.max(ended_ms, unit.ended_ms);
    cluster.push(unit);
  }
  return cluster;
}

function nodeOf(cluster: readonly Unit[], think_ms: number): Timed {
  const [only] = cluster;
  if (cluster.length === 1 && only !== undefined) return {...only.node, think_ms};
  const branches = branchesOf(cluster).map(branchNode);
  return {kind: 'parallel', branches, units: cluster.map(({node}) => node), think_ms};
}

/** As few branches as units ran at the same time. A connection continues its own branch if it can. */
function branchesOf(cluster: readonly Unit[]): Unit[][] {
  const branches: Unit[][] = [];
  for (const unit of cluster) {
    const free = branches.filter(branch => (branch.at(-1)?.ended_ms ?? 0) <= unit.started_ms);
    const own = free.find(branch => branch.at(-1)?.connection === unit.connection) ?? free[0];
    if (own === undefined) branches.push([unit]);
    else own.push(unit);
  }
  return branches;
}

function branchNode(branch: readonly Unit[]): Timed {
  const [first] = branch;
  if (branch.length === 1 && first !== undefined) return first.node;
  const body = branch.map(({node, started_ms}, index) => {
    const before = branch[index - 1];
    return {...node, think_ms: before === undefined ? 0 : started_ms - before.ended_ms};
  });
  return {kind: 'group', body, think_ms: 0, trailing_ms: 0};
}
