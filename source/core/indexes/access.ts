import type {Table} from '../../model/catalog.ts';
import type {Candidate} from './candidates.ts';
import type {IndexKey, IndexSpec} from './index-spec.ts';
import {comesInOrder} from './index-spec.ts';
import type {Columns, Condition, TableUse, Term} from './statement-shape.ts';
import {columnOf, distinctOf, productOf, rowsOf, selectivityOf} from './statistics.ts';

/** How a table's rows are come by, in the planner's units. */
export type Access = {cost: number; rows: number; candidate: Candidate | null};

/** An index that is there, or that might be. */
export type Available = {spec: IndexSpec; candidate: Candidate | null};

/** What is known of the tables, and whether a btree can leave out a leading key (skip scan, PostgreSQL 18). */
export type Known = {columns: Columns; can_skip: boolean};

/** A page of results, as applications ask for. */
const pageOfRows = 100;
/** An estimate is one: what might be built has to be clearly cheaper than what is there. */
const worthTrying = 0.7;
const randomPage = 4;
const tuple = 0.01;
const indexTuple = 0.005;
const operator = 0.0025;
/** More values of a leading key than that, and each is a look-up of its own. */
const mostSkipped = 100;
const pageBytes = 8192;
const entriesPerLeaf = 300;

/**
 * The cheapest way to the rows that `conditions` leave: the whole table, or an index. PostgreSQL's own formulas in
 * short (costsize.c): a bitmap's pages get cheaper the more of them there are, and those that many look-ups
 * share (`loops`) are read once.
 */
export function cheapestAccess(
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
  const kept = Math.max(1, rows * (use.unread_share ?? 1));
  const sorting = use.order.length === 0 ? 0 : 2 * operator * kept * Math.log2(kept + 1);
  const checks = operator * conditions.length;
  const whole = pages + total * (tuple + checks) + sorting;
  let best: Access = {cost: whole, rows, candidate: null};
  // Those that are there come first.
  let existing = whole;
  for (const {spec, candidate} of available) {
    const path = match(use, conditions, spec, known);
    if (path === null) continue;
    const read = Math.max(1, total * path.selectivity);
    const found = Math.max(1, read * path.filtered);
    const isInOrder = use.order.length > 0 && path.is_in_order;
    const inOrder = inOrderPages(pages, found, path.correlation, loops);
    const heap = isInOrder ? inOrder : Math.min(inOrder, bitmapPages(pages, found, loops));
    const leaves = fetched(total / entriesPerLeaf, (read / entriesPerLeaf) * loops) / loops;
    const entries =
      read * (indexTuple + operator) + leaves * randomPage + descent(total, loops) * path.probes;
    const scan = heap + entries + found * (tuple + checks);
    const share = isInOrder && use.is_limited ? Math.min(1, pageOfRows / kept) : 1;
    const cost = scan * share + (isInOrder ? 0 : sorting);
    if (candidate === null) existing = Math.min(existing, cost);
    else if (cost > existing * worthTrying) continue;
    if (cost < best.cost) best = {cost, rows, candidate};
  }
  return best;
}

/** `selectivity` of the entries read; `filtered` is the share of them whose rows are looked at. */
type Match = {
  selectivity: number;
  filtered: number;
  is_in_order: boolean;
  correlation: number;
  probes: number;
};

/** What the leading keys of an index narrow down; null where it answers nothing of what is asked. */
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
      : {selectivity, filtered: 1, is_in_order: false, correlation: 0, probes: 3};
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
      const leadsOn = spec.keys.slice(position + 1).some(later => onKey(conditions, later) !== undefined);
      const values = distinctOf(table, termOf(key), columns);
      if (!can_skip || !leadsOn || !isNarrowed || values > mostSkipped) break;
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
  // As btcostestimate has it (selfuncs.c): later keys spoil what the first promises.
  const correlation = spec.keys.length > 1 ? 0.75 * own : own;
  const isPartial = spec.predicate !== null;
  if (isPartial)
    selectivity *= productOf(
      conditions.filter(({kind}) => kind === 'null'),
      table,
      columns,
    );
  return matched === 0 && !is_in_order && !isPartial
    ? null
    : {selectivity, filtered, is_in_order, correlation, probes};
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

/** Both ends of a range count. */
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
  return predicate.split(' AND ').every(part => tests.includes(part));
}

/** Pages fetched for so many rows (Mackert and Lohman, as in index_pages_fetched). */
function fetched(pages: number, rows: number): number {
  return Math.min(pages, (2 * pages * rows) / (2 * pages + rows));
}

function bitmapPages(pages: number, rows: number, loops: number): number {
  const count = fetched(pages, rows * loops) / loops;
  return count * (randomPage - (randomPage - 1) * Math.sqrt(count / pages));
}

function inOrderPages(pages: number, rows: number, correlation: number, loops: number): number {
  const worst = (fetched(pages, rows * loops) / loops) * randomPage;
  return worst + correlation ** 2 * (Math.min(worst, pages) - worst);
}

/** Down to a leaf: its page, shared by look-ups that come to the same ones, and the comparisons on the way. */
function descent(rows: number, loops: number): number {
  const leaves = Math.max(1, rows / entriesPerLeaf);
  return (fetched(leaves, loops) / loops) * randomPage + operator * (Math.log2(rows + 1) + 50);
}
