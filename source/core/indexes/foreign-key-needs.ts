import type {ForeignKey, Table} from '../../model/catalog.ts';
import type {SkippedIndex} from '../../model/index-advice.ts';
import {thresholds} from '../health/thresholds.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import type {AdviceInput, WorkloadStatement} from './candidates.ts';
import {tableOf, whyNoDelete} from './index-catalog.ts';
import {btree, type Candidate, findCovering, isIndexable, key, toCandidate} from './index-spec.ts';
import {columnTerm} from './statement-shape.ts';
import {rowsOf} from './statistics.ts';
import {withoutNulls} from './upkeep.ts';

/** A foreign key that no index covers, of a parent that loses rows: every DELETE on it scans the table. */
export type ForeignKeyNeed = {
  foreign_key: ForeignKey;
  candidate: Candidate;
  statement: WorkloadStatement;
  /** For display. */
  what: string;
};

/** The foreign keys that need an index; `skipped` takes those whose table needs none. */
export function foreignKeyNeeds(
  {catalog, existing, columns}: AdviceInput,
  skipped: SkippedIndex[],
): ForeignKeyNeed[] {
  return catalog.foreign_keys.flatMap(foreign_key => {
    const table = tableOf(catalog, foreign_key.table_oid);
    if (table === null) return [];
    const what = `foreign key ${foreign_key.name} of ${table.schema}.${table.name}`;
    const spec = btree(foreign_key.columns.map(name => key(quoteIdentifier(name))));
    const full = toCandidate(table, spec, spec.keys.length);
    const candidate = toCandidate(table, withoutNulls(full, columns), spec.keys.length);
    if (findCovering(candidate, existing) !== null) return [];
    const reason = reasonToSkip(table) ?? whyNoDelete(catalog, foreign_key);
    if (reason !== null) {
      skipped.push({what, reason});
      return [];
    }
    return [{foreign_key, candidate, what, statement: foreignKeyStatement(foreign_key, table)}];
  });
}

function reasonToSkip(table: Table): string | null {
  if (!isIndexable(table)) {
    return 'its table is partitioned, where an index cannot be built concurrently: build one on each partition, then on the parent';
  }
  const rows = rowsOf(table);
  return rows < thresholds.unindexed_table_rows.warning
    ? `its table has only ${Math.round(rows)} rows`
    : null;
}

/**
 * The statement that the server runs when a parent row is deleted or its key changes (RI_FKey_noaction_del). Its lock
 * rules out index-only scans.
 */
function foreignKeyStatement({schema, name, columns}: ForeignKey, table: Table): WorkloadStatement {
  const terms = columns.map(columnTerm);
  const where = terms.map(({expression}, index) => `x.${expression} = $${index + 1}`).join(' AND ');
  const from = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  return {
    queryid: `${schema}.${table.name}.${name}`,
    query: `SELECT 1 FROM ONLY ${from} x WHERE ${where} FOR KEY SHARE OF x`,
    calls: 0,
    rows: null,
    total_exec_time_ms: 0,
    source: 'foreign_key',
    shape: {
      uses: [
        {
          table,
          conditions: terms.map(term => ({kind: 'equal', term, is_list: false, values: 1})),
          order: [],
          limit: null,
        },
      ],
      returns_matches: true,
      write: null,
    },
  };
}
