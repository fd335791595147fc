import type {SqlNode, SqlParam} from '../endpoint/sql-endpoint.ts';
import type {Source, Timed, Unit} from './units.ts';

/** Shorter pauses are network time. */
const minThink_ms = 1;
/** Most statements in a repeated block. */
const maxBlock = 32;

/**
 * Turns a sequence into the nodes of an endpoint file. Identical repetitions become `@repeat`. A loop over the rows of
 * the statement before becomes `@each`: the same statements for every row, in order, each parameter either constant or
 * the value of one column of the row.
 */
export function fold(body: readonly Timed[], inherited: Source | null = null): SqlNode[] {
  const nodes: SqlNode[] = [];
  let source = inherited;
  for (let at = 0; at < body.length; ) {
    const folded = eachAt(body, at, source) ?? repeatAt(body, at);
    if (folded !== null) {
      nodes.push(folded.node);
      at += folded.length;
      continue;
    }
    const timed = body[at++];
    if (timed === undefined) break;
    nodes.push(...think(timed.think_ms), nodeOf(timed, source));
    if (timed.kind === 'statement') source = timed.result;
  }
  return nodes;
}

type Folded = {node: SqlNode; length: number};

function eachAt(body: readonly Timed[], at: number, source: Source | null): Folded | null {
  const iterations = source?.rows.length ?? 0;
  if (iterations < 2) return null;
  for (let length = 1; length <= maxBlock && at + length * iterations <= body.length; length++) {
    const unified = unify(blocksOf(body, at, length, iterations), source);
    if (unified?.usesRow)
      return {node: {kind: 'each', body: unified.nodes, line: 0}, length: length * iterations};
  }
  return null;
}

function repeatAt(body: readonly Timed[], at: number): Folded | null {
  for (let length = 1; length <= maxBlock && at + 2 * length <= body.length; length++) {
    let count = 1;
    while (
      at + (count + 1) * length <= body.length &&
      unify([body.slice(at, at + length), body.slice(at + count * length, at + (count + 1) * length)], null)
    )
      count++;
    const unified = count > 1 ? unify(blocksOf(body, at, length, count), null) : null;
    if (unified !== null)
      return {node: {kind: 'repeat', count, body: unified.nodes, line: 0}, length: count * length};
  }
  return null;
}

function blocksOf(body: readonly Timed[], at: number, length: number, count: number): Timed[][] {
  return Array.from({length: count}, (_, iteration) =>
    body.slice(at + iteration * length, at + (iteration + 1) * length),
  );
}

function nodeOf(timed: Timed, source: Source | null): SqlNode {
  if (timed.kind === 'statement') {
    return {kind: 'statement', text: timed.text, params: timed.values.map(({param}) => param), line: 0};
  }
  if (timed.kind === 'parallel') return {kind: 'parallel', body: foldParallel(timed, source), line: 0};
  return {kind: timed.kind, body: [...fold(timed.body, source), ...think(timed.trailing_ms)], line: 0};
}

/**
 * If the units are one block per row, or one block repeated, the application sent all of them at the same time and its
 * pool distributed them: they become one loop instead of branches.
 */
function foldParallel(
  {units, branches}: Extract<Timed, {kind: 'parallel'}>,
  source: Source | null,
): SqlNode[] {
  const whole = eachAt(units, 0, source) ?? repeatAt(units, 0);
  if (whole?.length === units.length) return [whole.node];
  return branches.map(branch => nodeOf(branch, source));
}

/** `usesRow`: a parameter comes from the source's row. */
type Unified = {nodes: SqlNode[]; usesRow: boolean};

/** The nodes that all blocks share, one block per row of the source; null if they differ in more than the row's values. */
function unify(blocks: readonly (readonly Timed[])[], source: Source | null): Unified | null {
  const [first] = blocks;
  if (first === undefined || blocks.some(block => block.length !== first.length)) return null;
  const nodes: SqlNode[] = [];
  let usesRow = false;
  for (const index of first.keys()) {
    const iterations = blocks.flatMap(block => block[index] ?? []);
    const one = unifyOne(iterations, source);
    if (one === null) return null;
    nodes.push(...think(median(iterations.map(({think_ms}) => think_ms))), ...one.nodes);
    usesRow ||= one.usesRow;
  }
  return {nodes, usesRow};
}

function unifyOne(iterations: readonly Timed[], source: Source | null): Unified | null {
  const [first] = iterations;
  if (first === undefined || iterations.some(({kind}) => kind !== first.kind)) return null;
  if (first.kind === 'statement') return unifyStatement(iterations.filter(isStatement), source);
  const inner = unify(
    iterations.map(iteration =>
      iteration.kind === 'parallel'
        ? iteration.branches
        : iteration.kind === 'statement'
          ? []
          : iteration.body,
    ),
    source,
  );
  if (inner === null) return null;
  const trailing = iterations.map(iteration => ('trailing_ms' in iteration ? iteration.trailing_ms : 0));
  // Pauses apply to sequences; branches have none.
  const body = [...inner.nodes, ...think(median(trailing))];
  return {nodes: [{kind: first.kind, body, line: 0}], usesRow: inner.usesRow};
}

type TimedStatement = Extract<Timed, {kind: 'statement'}>;

function isStatement(timed: Timed): timed is TimedStatement {
  return timed.kind === 'statement';
}

function unifyStatement(iterations: readonly TimedStatement[], source: Source | null): Unified | null {
  const [first] = iterations;
  if (first === undefined) return null;
  const isSame = ({text, values}: TimedStatement) =>
    text === first.text && values.length === first.values.length;
  if (!iterations.every(isSame)) return null;
  const params: SqlParam[] = [];
  for (const [index, {param, key}] of first.values.entries()) {
    const keys = iterations.map(({values}) => values[index]?.key);
    if (keys.every(each => each === key)) params.push(param);
    else {
      const column = source?.columns.find((_, column) =>
        keys.every((each, iteration) => each !== undefined && source.rows[iteration]?.[column] === each),
      );
      if (column === undefined) return null;
      params.push({name: column});
    }
  }
  const usesRow = params.some(param => 'name' in param);
  return {nodes: [{kind: 'statement', text: first.text, params, line: 0}], usesRow};
}

function think(ms: number): SqlNode[] {
  return ms < minThink_ms ? [] : [{kind: 'think', ms: Math.round(ms), line: 0}];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

type Timeline = {
  body: Timed[];
  /** The most units running at the same time. */
  maxAtOnce: number;
  /** Pauses longer than `maxThink_ms`, taken for a user between two clicks. */
  pauses: number;
};

/** Longest pause kept outside a transaction. Inside one every pause is kept, because the transaction occupies its connection. */
const maxThink_ms = 5000;

/** Turns units, ordered by start, into a sequence in which overlapping units are parallel. */
export function timelineOf(pipelined: readonly Unit[]): Timeline {
  const units = oneByOne(pipelined);
  const timeline: Timeline = {body: [], maxAtOnce: 0, pauses: 0};
  let ended_ms: number | null = null;
  for (let at = 0; at < units.length; ) {
    const cluster = clusterAt(units, at);
    at += cluster.length;
    const started_ms = cluster[0]?.started_ms ?? 0;
    const gap_ms = ended_ms === null ? 0 : started_ms - ended_ms;
    if (gap_ms > maxThink_ms) timeline.pauses++;
    const node = clusterNode(cluster, gap_ms > maxThink_ms ? 0 : gap_ms);
    timeline.body.push(...flat(node));
    timeline.maxAtOnce = Math.max(timeline.maxAtOnce, node.kind === 'parallel' ? node.branches.length : 1);
    ended_ms = Math.max(...cluster.map(unit => unit.ended_ms));
  }
  return timeline;
}

/** The server runs the statements that a client pipelines on one connection one after the other. */
function oneByOne(units: readonly Unit[]): Unit[] {
  const ends = new Map<number, number>();
  return units
    .map(unit => {
      const {connection, started_ms, ended_ms} = unit;
      const free_ms = ends.get(connection) ?? started_ms;
      ends.set(connection, Math.max(free_ms, ended_ms));
      return {...unit, started_ms: Math.max(started_ms, free_ms)};
    })
    .sort((a, b) => a.started_ms - b.started_ms);
}

/** Outside @parallel a group needs no block: the sequence has the same order. */
function flat(node: Timed): readonly Timed[] {
  if (node.kind !== 'group') return [node];
  return node.body.map((each, index) => (index === 0 ? {...each, think_ms: node.think_ms} : each));
}

/** The overlapping units from `at` on: each begins before an earlier one has ended. */
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

function clusterNode(cluster: readonly Unit[], think_ms: number): Timed {
  const [only] = cluster;
  if (cluster.length === 1 && only !== undefined) return {...only.node, think_ms};
  const branches = branchesOf(cluster).map(branchNode);
  return {kind: 'parallel', branches, units: cluster.map(({node}) => node), think_ms};
}

/** Distributes units over as few branches as possible. A unit continues the branch of its connection if that is free. */
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
