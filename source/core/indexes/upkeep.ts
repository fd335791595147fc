import type {Catalog} from '../../model/catalog.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import type {StatementWrites} from './candidates.ts';
import type {Candidate} from './index-spec.ts';
import type {Columns} from './statement-shape.ts';
import {columnOf} from './statistics.ts';

/** Assumed cost of one more index entry: a btree insertion in memory, and its WAL. */
const entryCost_ms = 0.01;

/** What writes pay for an index over the time in which the statements were counted. */
export type Upkeep = {
  ms: number;
  /** Rows inserted, deleted, or updated with new entries in each index. */
  writes: number;
  /** Updates that change no indexed column now (HOT), but would change one of this index. */
  hot_updates: number;
};

export type UpkeepOf = (candidate: Candidate) => Upkeep;

/** An INSERT of more rows per call is a bulk load, which is not repeated. */
const largestBatch = 1000;

/**
 * The counters of tables cover another time than those of statements: they are assumed to cover the same part of it. Rows that
 * are still there may come from one bulk load, unless statements insert them a few at a time.
 */
export function createUpkeep(
  {indexes, stats_age_ms}: Pick<Catalog, 'indexes' | 'stats_age_ms'>,
  writes: readonly StatementWrites[],
  statements_age_ms: number | null,
): UpkeepOf {
  const isKnown = statements_age_ms !== null && stats_age_ms !== null && stats_age_ms > 0;
  const part = isKnown ? Math.min(1, statements_age_ms / stats_age_ms) : 1;
  const rowsOf = (table_oid: string, isMeant: (each: StatementWrites) => boolean) =>
    writes
      .filter(each => each.table_oid === table_oid && isMeant(each))
      .reduce((sum, {rows}) => sum + rows, 0);
  return ({table, spec}) => {
    const {rows_inserted, rows_updated, rows_hot_updated, rows_deleted, live_rows} = table;
    // A table may be younger than the counters, so that its part is larger: what statements wrote is counted at least.
    const written = (counted: number, isMeant: (each: StatementWrites) => boolean) =>
      Math.max(counted * part, rowsOf(table.oid, isMeant));
    const inserted = written(
      Math.max(0, rows_inserted - live_rows),
      ({kind, rows, calls}) => kind === 'insert' && rows / calls <= largestBatch,
    );
    const deleted = written(rows_deleted, ({kind}) => kind === 'delete');
    const updated = written(rows_updated, ({kind}) => kind === 'update');
    const hotShare = rows_updated === 0 ? 0 : rows_hot_updated / rows_updated;
    const text = [...spec.keys.map(({expression}) => expression), spec.predicate ?? ''].join(' ');
    const changing = rowsOf(
      table.oid,
      ({kind, columns}) => kind === 'update' && columns.some(name => text.includes(quoteIdentifier(name))),
    );
    const hot_updates = Math.min(rows_hot_updated, changing);
    const entries = inserted + deleted + updated * (1 - hotShare);
    // An update that is not HOT makes an entry in every index of the table.
    const others = indexes.filter(each => each.table_oid === table.oid).length;
    const ms = (entries + hot_updates * (1 + others)) * entryCost_ms;
    return {ms, writes: Math.round(entries), hot_updates: Math.round(hot_updates)};
  };
}

/** A column of which this share is NULL gets a partial index. */
const mostlyNull = 0.5;

/**
 * The same index without rows whose key is NULL, if most are: a comparison never finds them, and each write of one would
 * make an entry. The planner infers `IS NOT NULL` from any comparison of the column (predtest.c).
 */
export function withoutNulls({table, spec, equal_count}: Candidate, columns: Columns): IndexSpecOfRows {
  const [first] = spec.keys;
  if (first === undefined || equal_count === 0 || spec.predicate !== null || spec.method !== 'btree')
    return spec;
  const column = {expression: first.expression, column: unquoted(first.expression), is_column: true};
  const nulls = columnOf(table, column, columns)?.null_ratio ?? 0;
  return nulls < mostlyNull ? spec : {...spec, predicate: `${first.expression} IS NOT NULL`};
}

/**
 * The inverse, for HypoPG: it proves a predicate by a statement's own conditions only, not by a join, so that a join
 * would not use the index. No plan reads NULLs by it in any case, as most rows have them.
 */
export function withNulls(spec: IndexSpecOfRows): IndexSpecOfRows {
  const [first] = spec.keys;
  return spec.predicate === `${first?.expression} IS NOT NULL` ? {...spec, predicate: null} : spec;
}

type IndexSpecOfRows = Candidate['spec'];

function unquoted(expression: string): string {
  return expression.slice(1, -1).replaceAll('""', '"');
}
