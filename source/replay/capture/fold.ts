import type {SqlNode, SqlParam} from '../endpoint/sql-endpoint.ts';
import type {Source, Timed, Unit} from './units.ts';

/** Shorter pauses are network time. */
const minThink_ms = 1;
/** Statements in a repeated block. */
const maxBlock = 32;

/**
 * Turns a sequence into the nodes of an endpoint file. Identical repetitions become `@repeat`. `@each` needs proof that
 * the application looped over the rows of the statement before: for every row, in order, the same statements, whose
 * parameters are either constant or the value of one column of the row.
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
  const turns = source?.rows.length ?? 0;
  if (turns < 2) return null;
  for (let length = 1; length <= maxBlock && at + length * turns <= body.length; length++) {
    const unified = unify(blocksOf(body, at, length, turns), source);
    if (unified?.isOfRow) return {node: {kind: 'each', body: unified.nodes, line: 0}, length: length * turns};
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
  return Array.from({length: count}, (_, turn) => body.slice(at + turn * length, at + (turn + 1) * length));
}

function nodeOf(timed: Timed, source: Source | null): SqlNode {
  if (timed.kind === 'statement') {
    return {kind: 'statement', text: timed.text, params: timed.values.map(({param}) => param), line: 0};
  }
  if (timed.kind === 'parallel') return {kind: 'parallel', body: foldParallel(timed, source), line: 0};
  return {kind: timed.kind, body: [...fold(timed.body, source), ...think(timed.trailing_ms)], line: 0};
}

/**
 * If all of it is one block for each row, or one block repeated, the application sent it all at the same time, and its
 * pool spread it over the branches.
 */
function foldParallel(
  {units, branches}: Extract<Timed, {kind: 'parallel'}>,
  source: Source | null,
): SqlNode[] {
  const whole = eachAt(units, 0, source) ?? repeatAt(units, 0);
  if (whole?.length === units.length) return [whole.node];
  return branches.map(branch => nodeOf(branch, source));
}

/** `isOfRow`: a parameter comes from the source's row. */
type Unified = {nodes: SqlNode[]; isOfRow: boolean};

/** The nodes all blocks have in common, one block per row of the source; null where they differ otherwise. */
function unify(blocks: readonly (readonly Timed[])[], source: Source | null): Unified | null {
  const [first] = blocks;
  if (first === undefined || blocks.some(block => block.length !== first.length)) return null;
  const nodes: SqlNode[] = [];
  let isOfRow = false;
  for (const index of first.keys()) {
    const turns = blocks.flatMap(block => block[index] ?? []);
    const one = unifyOne(turns, source);
    if (one === null) return null;
    nodes.push(...think(median(turns.map(({think_ms}) => think_ms))), ...one.nodes);
    isOfRow ||= one.isOfRow;
  }
  return {nodes, isOfRow};
}

function unifyOne(turns: readonly Timed[], source: Source | null): Unified | null {
  const [first] = turns;
  if (first === undefined || turns.some(({kind}) => kind !== first.kind)) return null;
  if (first.kind === 'statement') return unifyStatement(turns.filter(isStatement), source);
  const inner = unify(
    turns.map(turn =>
      turn.kind === 'parallel' ? turn.branches : turn.kind === 'statement' ? [] : turn.body,
    ),
    source,
  );
  if (inner === null) return null;
  const trailing = turns.map(turn => ('trailing_ms' in turn ? turn.trailing_ms : 0));
  // Pauses apply to sequences; branches have none.
  const body = [...inner.nodes, ...think(median(trailing))];
  return {nodes: [{kind: first.kind, body, line: 0}], isOfRow: inner.isOfRow};
}

type TimedStatement = Extract<Timed, {kind: 'statement'}>;

function isStatement(timed: Timed): timed is TimedStatement {
  return timed.kind === 'statement';
}

function unifyStatement(turns: readonly TimedStatement[], source: Source | null): Unified | null {
  const [first] = turns;
  if (first === undefined) return null;
  const isSame = ({text, values}: TimedStatement) =>
    text === first.text && values.length === first.values.length;
  if (!turns.every(isSame)) return null;
  const params: SqlParam[] = [];
  for (const [index, {param, key}] of first.values.entries()) {
    const keys = turns.map(({values}) => values[index]?.key);
    if (keys.every(each => each === key)) params.push(param);
    else {
      const column = source?.columns.find((_, column) =>
        keys.every((each, turn) => each !== undefined && source.rows[turn]?.[column] === each),
      );
      if (column === undefined) return null;
      params.push({name: column});
    }
  }
  const isOfRow = params.some(param => 'name' in param);
  return {nodes: [{kind: 'statement', text: first.text, params, line: 0}], isOfRow};
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
    const node = clusterNode(cluster, gap_ms > maxThink_ms ? 0 : gap_ms);
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

function clusterNode(cluster: readonly Unit[], think_ms: number): Timed {
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
