import type {Query} from './query.ts';

/**
 * What the planner knows of the columns of tables, given by oid: pg_stats shows only those this role may read, and
 * of a partitioned table the whole's.
 */
export const columnStatisticsQuery: Query = {
  name: 'poolctl_column_statistics',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ a.attrelid::text, a.attname::text, t.typname::text, a.attnotnull,
  coalesce(s.n_distinct, 0)::float8, coalesce(s.null_frac, 0)::float8,
  coalesce(s.avg_width, CASE WHEN a.attlen > 0 THEN a.attlen ELSE 32 END)::int4,
  coalesce(s.correlation, 0)::float8
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN LATERAL (
  SELECT p.n_distinct, p.null_frac, p.avg_width, p.correlation FROM pg_stats p
  WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
  ORDER BY p.inherited DESC LIMIT 1
) s ON true
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`,
    },
  ],
};

export type ColumnStatisticsRow = [
  table_oid: string,
  name: string,
  type: string,
  is_not_null: boolean,
  n_distinct: number,
  null_ratio: number,
  average_width_bytes: number,
  correlation: number,
];
