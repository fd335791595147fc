import type {Catalog, ForeignKey, Table} from '../../model/catalog.ts';
import type {SkippedIndex} from '../../model/recipe-data.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import type {WorkloadStatement} from './candidates.ts';
import {type Candidate, toCandidate} from './candidates.ts';
import {type ExistingIndex, findCovering, isIndexable, minimumRows} from './existing-index.ts';
import {btree, key} from './index-spec.ts';
import {rowsOf} from './statistics.ts';
import {columnTerm} from './terms.ts';

/** A foreign key that no index covers: every DELETE on the parent scans the table. */
export type ForeignKeyNeed = {
  foreign_key: ForeignKey;
  candidate: Candidate;
  statement: WorkloadStatement;
  /** For display. */
  what: string;
};

export function foreignKeyNeeds(
  {foreign_keys, tables}: Catalog,
  existing: readonly ExistingIndex[],
  skipped: SkippedIndex[],
): ForeignKeyNeed[] {
  return foreign_keys.flatMap(foreign_key => {
    const table = tables.find(({oid}) => oid === foreign_key.table_oid);
    if (table === undefined) return [];
    const what = `foreign key ${foreign_key.name} of ${table.schema}.${table.name}`;
    const spec = btree(foreign_key.columns.map(name => key(quoteIdentifier(name))));
    const candidate = toCandidate(table, spec, spec.keys.length);
    if (findCovering(candidate, existing) !== null) return [];
    const reason = whyNot(table);
    if (reason !== null) {
      skipped.push({what, reason});
      return [];
    }
    return [{foreign_key, candidate, what, statement: foreignKeyStatement(foreign_key, table)}];
  });
}

function whyNot(table: Table): string | null {
  if (!isIndexable(table)) {
    return 'its table is partitioned, where an index cannot be built concurrently: build one on each partition, then on the parent';
  }
  const rows = rowsOf(table);
  return rows < minimumRows ? `its table has only ${Math.round(rows)} rows` : null;
}

/** The statement that the server runs when a parent row is deleted or its key changes (RI_FKey_noaction_del). */
function foreignKeyStatement({schema, name, columns}: ForeignKey, table: Table): WorkloadStatement {
  const terms = columns.map(columnTerm);
  const where = terms.map(({expression}, index) => `x.${expression} = $${index + 1}`).join(' AND ');
  const from = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  return {
    queryid: `${schema}.${table.name}.${name}`,
    query: `SELECT 1 FROM ONLY ${from} x WHERE ${where}`,
    calls: 0,
    total_exec_time_ms: 0,
    source: 'foreign_key',
    shape: {
      uses: [
        {
          table,
          conditions: terms.map(term => ({kind: 'equal', term, is_list: false, values: 1})),
          order: [],
          is_limited: false,
        },
      ],
    },
  };
}
