import type {Table} from '../../model/catalog.ts';
import type {IndexSpec} from './index-spec.ts';
import type {Column, Columns, Condition, Term} from './statement-shape.ts';

/** Default selectivities (selfuncs.h). */
const halfOpenRange = 1 / 3;
const boundedRange = 0.005;
const contained = 0.01;

/** Rows of a table, estimated from its size if it was never analyzed. */
export function rowsOf({estimated_rows, live_rows, size_bytes}: Table): number {
  return estimated_rows >= 0 ? estimated_rows : Math.max(live_rows, size_bytes / 100);
}

export function columnOf(table: Table, {column}: Term, columns: Columns): Column | undefined {
  return columns.get(table.oid)?.find(({name}) => name === column);
}

/** Distinct values of a column; 200, as in PostgreSQL, if it was never analyzed. */
export function distinctOf(table: Table, term: Term, columns: Columns): number {
  const n_distinct = columnOf(table, term, columns)?.n_distinct ?? 0;
  const rows = Math.max(1, rowsOf(table));
  if (n_distinct === 0) return Math.min(200, rows);
  return Math.max(1, n_distinct > 0 ? n_distinct : -n_distinct * rows);
}

/** The share of a table's rows that match a condition, 0 to 1. */
export function selectivityOf(condition: Condition, table: Table, columns: Columns): number {
  switch (condition.kind) {
    case 'equal':
    case 'join': {
      const {term} = condition;
      const notNull = 1 - (columnOf(table, term, columns)?.null_ratio ?? 0);
      if (condition.kind === 'equal' && condition.share !== undefined) return condition.share;
      const values = condition.kind === 'equal' ? condition.values : 1;
      return Math.min(1, (notNull * values) / distinctOf(table, term, columns));
    }
    case 'range':
      return condition.share ?? (condition.is_bounded ? boundedRange : halfOpenRange);
    case 'null': {
      const nulls = columnOf(table, condition.term, columns)?.null_ratio ?? 0;
      return condition.is_null ? nulls : 1 - nulls;
    }
    case 'contains':
      return contained;
    case 'any': {
      const arms = condition.arms.map(arm => productOf(arm, table, columns));
      return Math.min(
        1,
        arms.reduce((sum, each) => sum + each, 0),
      );
    }
  }
}

/**
 * Treats conditions as independent, like PostgreSQL without extended statistics; but `>` and `<` on one
 * column are one range.
 */
export function productOf(conditions: readonly Condition[], table: Table, columns: Columns): number {
  const halves = new Map<string, number>();
  let product = 1;
  for (const each of conditions) {
    product *= selectivityOf(each, table, columns);
    if (each.kind !== 'range' || each.is_bounded || each.share !== undefined) continue;
    const {expression} = each.term;
    const seen = (halves.get(expression) ?? 0) + 1;
    halves.set(expression, seen);
    if (seen === 2) product *= boundedRange / halfOpenRange ** 2;
  }
  return product;
}

/** BLCKSZ. */
export const pageBytes = 8192;
/** BTREE_DEFAULT_FILLFACTOR. */
const fillFactor = 0.9;
const headerBytes = 8;
const itemPointerBytes = 4;
const heapPointerBytes = 6;
/** Assumed width of an expression's result. */
const unknownWidthBytes = 32;

/**
 * Estimated size of an index in bytes, from the widths in pg_stats. A btree stores a key that several rows share once, with
 * their row pointers (deduplication, PostgreSQL 13).
 */
export function estimateSize(table: Table, {method, keys, predicate}: IndexSpec, columns: Columns): number {
  const known = keys.map(({expression}) =>
    columns.get(table.oid)?.find(({name}) => expression === `"${name.replaceAll('"', '""')}"`),
  );
  const rows = Math.ceil(
    rowsOf(table) * (predicate === null ? 1 : predicateSelectivity(predicate, table, columns)),
  );
  const width = known.reduce((sum, column) => sum + (column?.average_width_bytes ?? unknownWidthBytes), 0);
  // Each value in a document is a key with a list of row pointers.
  if (method === 'gin') return pagesFor(rows * width * 0.5);
  const entry = Math.ceil(width / 8) * 8 + headerBytes + itemPointerBytes;
  const distinct = known.reduce(
    (product, column) => product * distinctAmong(column?.n_distinct ?? -1, rows),
    1,
  );
  const entries = Math.min(rows, Math.max(1, distinct));
  return pagesFor((entries * entry + (entries < rows ? rows * heapPointerBytes : 0)) / fillFactor);
}

function distinctAmong(n_distinct: number, rows: number): number {
  if (n_distinct === 0) return rows;
  return n_distinct > 0 ? n_distinct : -n_distinct * rows;
}

function predicateSelectivity(predicate: string, table: Table, columns: Columns): number {
  const parts = predicate.split(' AND ').map(part => {
    const [, name, not] = /^"((?:[^"]|"")+)" IS (NOT )?NULL$/.exec(part) ?? [];
    const nulls = columns
      .get(table.oid)
      ?.find(column => column.name === name?.replaceAll('""', '"'))?.null_ratio;
    return nulls === undefined ? 1 : not === undefined ? nulls : 1 - nulls;
  });
  return parts.reduce((product, each) => product * each, 1);
}

/** Including the metapage. */
function pagesFor(bytes: number): number {
  return (Math.ceil(bytes / pageBytes) + 1) * pageBytes;
}
