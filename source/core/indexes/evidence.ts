import type {WorkloadStatement} from './candidates.ts';
import type {Columns, Condition, StatementShape, TableUse} from './statement-shape.ts';
import {columnOf, productOf, rowsOf, selectivityOf} from './statistics.ts';

/** Constants of a statement are parameters in pg_stat_statements; here is what its counters and pg_stats say of them. */

/** Below this, as many rows in each call may be all that match, rather than a full page. */
const surePage = 10;

/**
 * Rows after which a scan in the requested order stops; null if it reads to the end. The rows per call are the LIMIT if
 * each call filled it. A condition without statistics may leave fewer rows than the LIMIT: then as many rows in each call
 * are proof of a LIMIT only if they fill a page.
 */
export function stopsAfter(use: TableUse, {rows, calls}: WorkloadStatement): number | null {
  if (use.limit !== 'result') return use.limit;
  if (rows === null || calls === 0) return null;
  const page = rows / calls;
  if (isOpaque(use)) return Number.isInteger(page) && page >= surePage && calls > 1 ? page : null;
  return Math.max(1, Math.ceil(page));
}

/** Whether rows in order come early: otherwise an index for the order alone is read to its end by some calls. */
export function stopsEarly(use: TableUse, statement: WorkloadStatement): boolean {
  if (use.limit === null || stopsAfter(use, statement) === null) return false;
  if (use.limit !== 'result' || use.conditions.length === 0) return true;
  const {rows, calls} = statement;
  return rows !== null && rows > 0 && rows % calls === 0;
}

/** A condition whose matches no statistics of a column tell. */
function isOpaque({conditions, unread_share}: TableUse): boolean {
  return (
    unread_share !== undefined ||
    conditions.some(each => each.kind === 'contains' || ('term' in each && !each.term.is_column))
  );
}

/**
 * Sets the share of each range instead of the planner's fixed third: of `< now()` from the histogram, of parameters from
 * the rows per call of a statement that returns all matches.
 */
export function learnRanges(
  shape: StatementShape,
  {rows, calls}: Pick<WorkloadStatement, 'rows' | 'calls'>,
  columns: Columns,
): void {
  for (const {table, conditions} of shape.uses) {
    for (const each of conditions) {
      if (each.kind !== 'range' || each.is_bounded) continue;
      const {expression} = each.term;
      const ends = conditions.filter(one => one.kind === 'range' && one.term.expression === expression);
      // Of `at > now() - $1 AND at < now()` the histogram says nothing: the planner takes both for a narrow range.
      if (ends.length > 1) continue;
      const before = columnOf(table, each.term, columns)?.before_now ?? null;
      if (before === null || !each.term.is_column) continue;
      if (each.upper === 'now') each.share = before;
      else if (each.lower === 'now') each.share = 1 - before;
    }
  }
  const [use] = shape.uses;
  if (!shape.returns_matches || use === undefined || rows === null || calls === 0) return;
  const ranges = use.conditions.filter(each => each.kind === 'range' && each.share === undefined);
  if (ranges.length === 0 || use.unread_share !== undefined) return;
  const rest = productOf(
    use.conditions.filter(each => !ranges.includes(each)),
    use.table,
    columns,
  );
  const total = Math.max(1, rowsOf(use.table)) * rest;
  const share = Math.min(1, Math.max(rows / calls, 0.5) / Math.max(total, 1));
  for (const each of ranges) if (each.kind === 'range') each.share = share ** (1 / ranges.length);
}

/** A most common value this much more frequent than the average is worth a plan of its own. */
const skewed = 2;

/**
 * The statement as it is called with the most common values, and the share of its calls that are, if values are asked for
 * as often as they occur; null without skew.
 */
export function withCommonValues(
  shape: StatementShape,
  columns: Columns,
): {shape: StatementShape; weight: number} | null {
  let weight = 1;
  let isSkewed = false;
  const others = new Map<TableUse, TableUse>();
  for (const use of shape.uses) {
    const conditions = use.conditions.map((each): Condition => {
      if (each.kind !== 'equal' || each.is_list || !each.term.is_column) return each;
      const share = columnOf(use.table, each.term, columns)?.most_common_share ?? 0;
      if (share < skewed * selectivityOf(each, use.table, columns)) return each;
      weight *= share;
      isSkewed = true;
      return {...each, share};
    });
    others.set(use, {...use, conditions});
  }
  for (const use of others.values()) {
    use.conditions = use.conditions.map(each =>
      each.kind === 'join' ? {...each, other: others.get(each.other) ?? each.other} : each,
    );
  }
  return isSkewed ? {shape: {...shape, uses: [...others.values()]}, weight} : null;
}

/** Values of a column, as text: the most common one, and the bounds of its histogram. */
export type ColumnValues = {most_common: string | null; histogram: string[]};

/** Literals for parameters, by number: what the planner should take them for. Empty if nothing is known of them. */
export function literalsFor(
  {uses}: StatementShape,
  valuesOf: (table_oid: string, column: string) => ColumnValues | undefined,
): Map<number, string> {
  const literals = new Map<number, string>();
  for (const {table, conditions} of uses) {
    for (const each of conditions) {
      if (!('term' in each) || !each.term.is_column) continue;
      const values = valuesOf(table.oid, each.term.column);
      if (values === undefined) continue;
      if (each.kind === 'equal' && each.share !== undefined && each.parameter !== undefined) {
        if (values.most_common !== null) literals.set(each.parameter, values.most_common);
      } else if (each.kind === 'range' && each.share !== undefined) {
        const {expression} = each.term;
        const same = conditions.filter(
          (one): one is typeof each =>
            one.kind === 'range' && one.term.expression === expression && one.share !== undefined,
        );
        setEnds(same, values.histogram, literals);
      }
    }
  }
  return literals;
}

type Range = Condition & {kind: 'range'};

/** The most recent part of the histogram that holds the share of all ranges of one column. */
function setEnds(ranges: readonly Range[], histogram: readonly string[], literals: Map<number, string>) {
  if (histogram.length < 2) return;
  const share = ranges.reduce((product, each) => product * (each.share ?? 1), 1);
  const lower = ranges.find(each => each.lower !== undefined)?.lower;
  const upper = ranges.find(each => each.upper !== undefined)?.upper;
  const at = (part: number) => histogram[Math.round(part * (histogram.length - 1))] ?? '';
  if (typeof lower === 'number') literals.set(lower, at(1 - share));
  if (typeof upper === 'number') literals.set(upper, lower === undefined ? at(share) : at(1));
}
