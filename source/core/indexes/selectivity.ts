import type {Table} from '../../model/catalog.ts';
import type {Column, Columns, Condition, Term} from './shape.ts';

/** What PostgreSQL assumes where it does not know the value (selfuncs.h). */
const halfOpenRange = 1 / 3;
const boundedRange = 0.005;
const contained = 0.01;

/** Rows of a table; one never analyzed is reckoned by its size. */
export function rowsOf({estimated_rows, live_rows, size_bytes}: Table): number {
  return estimated_rows >= 0 ? estimated_rows : Math.max(live_rows, size_bytes / 100);
}

export function columnOf(table: Table, {column}: Term, columns: Columns): Column | undefined {
  return columns.get(table.oid)?.find(({name}) => name === column);
}

/** Distinct values of a column; of one never analyzed, PostgreSQL's 200. */
export function distinctOf(table: Table, term: Term, columns: Columns): number {
  const n_distinct = columnOf(table, term, columns)?.n_distinct ?? 0;
  const rows = Math.max(1, rowsOf(table));
  if (n_distinct === 0) return Math.min(200, rows);
  return Math.max(1, n_distinct > 0 ? n_distinct : -n_distinct * rows);
}

/** The share of a table's rows that a condition leaves, 0 to 1. */
export function selectivityOf(condition: Condition, table: Table, columns: Columns): number {
  switch (condition.kind) {
    case 'equal':
    case 'join': {
      const {term} = condition;
      const held = 1 - (columnOf(table, term, columns)?.null_ratio ?? 0);
      const values = condition.kind === 'equal' ? condition.values : 1;
      return Math.min(1, (held * values) / distinctOf(table, term, columns));
    }
    case 'range':
      return condition.is_bounded ? boundedRange : halfOpenRange;
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
 * As if they had nothing to do with each other, like PostgreSQL without extended statistics; but `>` and `<` of one
 * column are a range with two ends.
 */
export function productOf(conditions: readonly Condition[], table: Table, columns: Columns): number {
  const halves = new Map<string, number>();
  let product = 1;
  for (const each of conditions) {
    product *= selectivityOf(each, table, columns);
    if (each.kind !== 'range' || each.is_bounded) continue;
    const {expression} = each.term;
    const seen = (halves.get(expression) ?? 0) + 1;
    halves.set(expression, seen);
    if (seen === 2) product *= boundedRange / halfOpenRange ** 2;
  }
  return product;
}
