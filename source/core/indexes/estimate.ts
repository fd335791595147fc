import type {Table} from '../../model/catalog.ts';
import type {Planned, WorkloadStatement} from './candidates.ts';
import {stopsAfter, stopsEarly, withCommonValues} from './evidence.ts';
import {type Candidate, comesInOrder, type IndexKey, type IndexSpec} from './index-spec.ts';
import type {Columns, Condition, TableUse, Term} from './statement-shape.ts';
import {columnOf, distinctOf, pageBytes, productOf, rowsOf, selectivityOf} from './statistics.ts';

/** The indexes a table has, by its oid. */
export type Existing = ReadonlyMap<string, readonly IndexSpec[]>;

/**
 * Estimates a statement's cost with these indexes from pg_stats alone, of calls with average values and with the most
 * common ones.
 */
export function estimateStatement(
  statement: WorkloadStatement,
  candidates: readonly Candidate[],
  known: Statistics & {existing: Existing},
): Planned {
  const average = estimateOnce(statement, candidates, {...known, statement});
  const common = statement.source === 'statements' ? withCommonValues(statement.shape, known.columns) : null;
  if (common === null) return average;
  const skewed = {...statement, shape: common.shape};
  return blend(average, estimateOnce(skewed, candidates, {...known, statement: skewed}), common.weight);
}

/** Average costs of two plans, the second for this share of the calls. */
export function blend(average: Planned, frequent: Planned, weight: number): Planned {
  return {
    ...average,
    cost: average.cost * (1 - weight) + frequent.cost * weight,
    used: new Set([...average.used, ...frequent.used]),
  };
}

/** Tables are joined one after the other, fewest rows first, each scanned once or looked up for each row so far. */
function estimateOnce(
  {shape: {uses}}: WorkloadStatement,
  candidates: readonly Candidate[],
  known: Known & {existing: Existing},
): Planned {
  const availableTo = ({table}: TableUse): Available[] => [
    ...(known.existing.get(table.oid) ?? []).map(spec => ({spec, candidate: null})),
    ...candidates
      .filter(each => each.table.oid === table.oid)
      .map(candidate => ({spec: candidate.spec, candidate})),
  ];
  const used = new Set<string>();
  const joined = new Set<TableUse>();
  let cost = 0;
  let rows = 1;
  while (joined.size < uses.length) {
    const steps = uses
      .filter(use => !joined.has(use))
      .map(use => nextStep(use, joined, rows, availableTo(use), known));
    const connected = steps.filter(({is_connected}) => is_connected);
    const [next] = (connected.length > 0 ? connected : steps).sort((a, b) => a.rows - b.rows);
    if (next === undefined) break;
    if (next.access.candidate !== null) used.add(next.access.candidate.id);
    cost += next.cost;
    rows = next.rows;
    joined.add(next.use);
  }
  return {cost, used};
}

type Step = {use: TableUse; access: Access; cost: number; rows: number; is_connected: boolean};

function nextStep(
  use: TableUse,
  joined: ReadonlySet<TableUse>,
  rows: number,
  available: readonly Available[],
  known: Known,
): Step {
  const own = use.conditions.filter(({kind}) => kind !== 'join');
  const alone = cheapestAccess(use, own, available, known);
  const joins = use.conditions.filter((each): each is Condition & {kind: 'join'} => each.kind === 'join');
  const reached = joins.filter(({other}) => joined.has(other));
  if (reached.length === 0) {
    return {use, access: alone, cost: alone.cost, rows: alone.rows, is_connected: joined.size === 0};
  }
  // Rows of a nested loop come in the order of the outer table.
  const loops = Math.min(...reached.map(({other}) => ownRows(other, known.columns)));
  const lookup = cheapestAccess({...use, order: []}, [...own, ...reached], available, known, loops);
  const lookups = rows * lookup.cost;
  const found = Math.max(1, rows * lookup.rows);
  return lookups < alone.cost
    ? {use, access: lookup, cost: lookups, rows: found, is_connected: true}
    : {use, access: alone, cost: alone.cost, rows: found, is_connected: true};
}

/** The planner counts lookups by the rows of the outer table alone. */
function ownRows({table, conditions}: TableUse, columns: Columns): number {
  const own = conditions.filter(({kind}) => kind !== 'join');
  return Math.max(1, rowsOf(table) * productOf(own, table, columns));
}

/** The cheapest path to a table's rows; `cost` in the planner's units. */
type Access = {cost: number; rows: number; candidate: Candidate | null};

/** An existing index (`candidate` null) or a hypothetical one. */
type Available = {spec: IndexSpec; candidate: Candidate | null};

/** Column statistics, and whether a btree scan can skip a leading key (PostgreSQL 18). */
export type Statistics = {columns: Columns; can_skip: boolean};

type Known = Statistics & {statement: WorkloadStatement};

/** Estimates are rough: a candidate must cost less than this share of the existing paths. */
const maxCostShare = 0.7;
const randomPage = 4;
const tuple = 0.01;
const indexTuple = 0.005;
const operator = 0.0025;
/** Maximum number of distinct values of a leading key that a skip scan is assumed to probe. */
const maxSkipProbes = 100;
const entriesPerLeaf = 300;

/**
 * The cheapest path to the rows that match `conditions`: a sequential scan or an index. PostgreSQL's formulas in
 * short (costsize.c): a bitmap scan's pages get cheaper the more there are, and pages that many lookups
 * share (`loops`) are read once.
 */
function cheapestAccess(
  use: TableUse,
  conditions: readonly Condition[],
  available: readonly Available[],
  known: Known,
  loops = 1,
): Access {
  const {table} = use;
  const pages = Math.max(1, table.size_bytes / pageBytes);
  const total = Math.max(1, rowsOf(table));
  const rows = Math.max(1, total * productOf(conditions, table, known.columns));
  const returned = Math.max(1, rows * (use.unread_share ?? 1));
  const sorting = use.order.length === 0 ? 0 : 2 * operator * returned * Math.log2(returned + 1);
  const checks = operator * conditions.length;
  const sequentialScan = pages + total * (tuple + checks) + sorting;
  let best: Access = {cost: sequentialScan, rows, candidate: null};
  // Existing indexes come first in `available`.
  let existing = sequentialScan;
  for (const {spec, candidate} of available) {
    const path = match(use, conditions, spec, known);
    if (path === null) continue;
    const read = Math.max(1, total * path.selectivity);
    const found = Math.max(1, read * path.filtered);
    const isInOrder = use.order.length > 0 && path.is_in_order;
    const inOrder = inOrderPages(pages, found, path.correlation, loops);
    const heap = isInOrder ? inOrder : Math.min(inOrder, bitmapPages(pages, found, loops));
    const leaves = pagesFetched(total / entriesPerLeaf, (read / entriesPerLeaf) * loops) / loops;
    const reading = read * (indexTuple + operator) + leaves * randomPage;
    const scan = heap + reading + descent(total, loops) * path.probes + found * (tuple + checks);
    const isEarly = path.is_narrowed || stopsEarly(use, known.statement);
    const stop = isInOrder && isEarly ? stopsAfter(use, known.statement) : null;
    const share = stop === null ? 1 : Math.min(1, stop / returned);
    const cost = scan * share + (isInOrder ? 0 : sorting);
    if (candidate === null) existing = Math.min(existing, cost);
    else if (cost > existing * maxCostShare) continue;
    if (cost < best.cost) best = {cost, rows, candidate};
  }
  return best;
}

/** `selectivity`: share of index entries read; `filtered`: share of those whose heap rows are fetched. */
type Match = {
  selectivity: number;
  filtered: number;
  is_in_order: boolean;
  correlation: number;
  probes: number;
  /** A condition narrows the scan down. */
  is_narrowed: boolean;
};

/** How far an index narrows the rows down; null if it answers none of the conditions. */
function match(
  use: TableUse,
  conditions: readonly Condition[],
  spec: IndexSpec,
  {columns, can_skip}: Known,
): Match | null {
  if (!impliesPredicate(conditions, spec.predicate)) return null;
  const {table} = use;
  if (spec.method === 'gin') {
    const inside = conditions.filter(
      each =>
        each.kind === 'contains' && spec.keys.some(({expression}) => expression === each.term.expression),
    );
    const selectivity = productOf(inside, table, columns);
    return inside.length === 0
      ? null
      : {selectivity, filtered: 1, is_in_order: false, correlation: 0, probes: 3, is_narrowed: true};
  }
  if (spec.method !== 'btree') return null;
  let selectivity = 1;
  let filtered = 1;
  let isNarrowed = true;
  let matched = 0;
  let isOrdered = true;
  let probes = 1;
  for (const [position, key] of spec.keys.entries()) {
    const condition = onKey(conditions, key);
    if (condition === undefined) {
      const hasLaterCondition = spec.keys
        .slice(position + 1)
        .some(later => onKey(conditions, later) !== undefined);
      const values = distinctOf(table, termOf(key), columns);
      if (!can_skip || !hasLaterCondition || !isNarrowed || values > maxSkipProbes) break;
      probes *= values;
      continue;
    }
    const share = narrowing(condition, conditions, table, columns);
    if (isNarrowed) selectivity *= share;
    else filtered *= share;
    matched++;
    // Keys after a range are compared in the index, entry by entry.
    if (condition.kind === 'range') isNarrowed = false;
    if (condition.kind === 'null' || (condition.kind === 'equal' && condition.is_list)) isOrdered = false;
    if (condition.kind === 'equal' && condition.is_list) probes *= condition.values;
  }
  const equal = spec.keys.filter((key, index) => index < matched && isEqual(onKey(conditions, key))).length;
  const is_in_order = isOrdered && comesInOrder(spec.keys.slice(equal), use.order);
  const [first] = spec.keys;
  const own = first === undefined ? 0 : (columnOf(table, termOf(first), columns)?.correlation ?? 0);
  // As in btcostestimate (selfuncs.c): further keys reduce the correlation.
  const correlation = spec.keys.length > 1 ? 0.75 * own : own;
  const isPartial = spec.predicate !== null;
  // What a key's condition implies is counted with the key.
  if (isPartial)
    selectivity *= productOf(
      conditions.filter(({kind}) => kind === 'null'),
      table,
      columns,
    );
  return matched === 0 && !is_in_order && !isPartial
    ? null
    : {selectivity, filtered, is_in_order, correlation, probes, is_narrowed: matched > 0};
}

function termOf({expression}: IndexKey): Term {
  return {expression, column: expression.slice(1, -1).replaceAll('""', '"'), is_column: true};
}

function onKey(conditions: readonly Condition[], {expression, opclass}: IndexKey): Condition | undefined {
  if (opclass !== '') return undefined;
  const own = conditions.filter(
    each => 'term' in each && each.kind !== 'contains' && each.term.expression === expression,
  );
  return (
    own.find(isEqual) ??
    own.find(each => each.kind === 'null' && each.is_null) ??
    own.find(({kind}) => kind === 'range')
  );
}

/** The selectivity of both ends of a range together. */
function narrowing(condition: Condition, all: readonly Condition[], table: Table, columns: Columns): number {
  if (condition.kind !== 'range') return selectivityOf(condition, table, columns);
  const {expression} = condition.term;
  const ends = all.filter(each => each.kind === 'range' && each.term.expression === expression);
  return productOf(ends, table, columns);
}

function isEqual(condition: Condition | undefined): boolean {
  return condition?.kind === 'equal' || condition?.kind === 'join';
}

function impliesPredicate(conditions: readonly Condition[], predicate: string | null): boolean {
  if (predicate === null) return true;
  const tests = conditions.flatMap(each =>
    each.kind === 'null' ? [`${each.term.expression} IS ${each.is_null ? '' : 'NOT '}NULL`] : [],
  );
  // A row that is compared with anything but IS NULL is not null there.
  const compared = conditions.flatMap(each =>
    'term' in each && each.kind !== 'null' ? [`${each.term.expression} IS NOT NULL`] : [],
  );
  return predicate.split(' AND ').every(part => tests.includes(part) || compared.includes(part));
}

/** Pages fetched for `rows` rows (Mackert and Lohman, as in index_pages_fetched). */
function pagesFetched(pages: number, rows: number): number {
  return Math.min(pages, (2 * pages * rows) / (2 * pages + rows));
}

function bitmapPages(pages: number, rows: number, loops: number): number {
  const count = pagesFetched(pages, rows * loops) / loops;
  return count * (randomPage - (randomPage - 1) * Math.sqrt(count / pages));
}

function inOrderPages(pages: number, rows: number, correlation: number, loops: number): number {
  const worst = (pagesFetched(pages, rows * loops) / loops) * randomPage;
  return worst + correlation ** 2 * (Math.min(worst, pages) - worst);
}

/** Cost of descending to a leaf: its page, shared by lookups of the same leaf, and the comparisons on the way. */
function descent(rows: number, loops: number): number {
  const page = pagesFetched(Math.max(1, rows / entriesPerLeaf), loops) / loops;
  return page * randomPage + operator * (Math.log2(rows + 1) + 50);
}
