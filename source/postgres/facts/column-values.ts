import type {WorkloadStatement} from '../../core/indexes/candidates.ts';
import type {ColumnValues} from '../../core/indexes/evidence.ts';
import type {Connection} from '../connect/connect.ts';
import {oldestVersionNum, pickVariant, serverQuery} from '../queries/query.ts';

/** The values that statements are planned with (`literalsFor`), by `table_oid.column`. Sent to this server only. */
export async function readValues(
  {client}: Connection,
  statements: readonly WorkloadStatement[],
): Promise<Map<string, ColumnValues>> {
  const compared = statements.flatMap(({shape}) =>
    shape.uses.flatMap(({table, conditions}) =>
      conditions.flatMap(each =>
        'term' in each && each.term.is_column ? [[table.oid, each.term.column]] : [],
      ),
    ),
  );
  const {text} = pickVariant(columnValuesQuery, oldestVersionNum);
  const values = [compared.map(([oid]) => oid ?? ''), compared.map(([, column]) => column ?? '')];
  const {rows} = await client.query<ColumnValuesRow>({text, values, rowMode: 'array'});
  return new Map(
    rows.map(([oid, column, most_common, histogram]) => [
      `${oid}.${column}`,
      {most_common, histogram: histogram ?? []},
    ]),
  );
}

/**
 * The most common value and the histogram of columns, as text. Only of PostgreSQL's own types and enums: a literal of
 * another would run its input function.
 */
export const columnValuesQuery = serverQuery(
  'poolctl_column_values',
  `
SELECT /* poolctl */ c.oid::text, p.attname::text, (p.most_common_vals::text::text[])[1], to_json(p.histogram_bounds::text::text[])
FROM (SELECT DISTINCT x.oid, x.attname FROM unnest($1::oid[], $2::text[]) x (oid, attname)) w
JOIN pg_class c ON c.oid = w.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.attname AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid AND (t.typtype = 'e' OR t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace)
JOIN pg_stats p ON p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
ORDER BY c.oid, p.attname, p.inherited`,
);

type ColumnValuesRow = [
  table_oid: string,
  column: string,
  most_common: string | null,
  histogram: string[] | null,
];
