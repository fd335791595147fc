import type {Table} from '../../../model/catalog.ts';
import {type Query, type ReadRows, userSchema} from '../../queries/query.ts';

export async function readTables(readRows: ReadRows): Promise<Table[]> {
  return (await readRows<CatalogTableRow>(catalogTablesQuery)).map(toTable);
}

/**
 * Tables with their counters. pg_table_size() opens the relation (try_relation_open in dbsize.c) and so waits for an
 * ACCESS EXCLUSIVE lock; of a table that is locked so, relpages is used. Before PostgreSQL 14 `reltuples` of a table that
 * was never analyzed is 0, as of an empty one.
 */
const text = (never_analyzed: string) => `
SELECT /* poolctl */ c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
  CASE WHEN ${never_analyzed} THEN -1 ELSE c.reltuples END::float8,
  CASE WHEN locked.relation IS NULL THEN coalesce(pg_table_size(c.oid), 0)
    ELSE c.relpages::int8 * current_setting('block_size')::int8 END,
  coalesce(s.seq_scan, 0), coalesce(s.seq_tup_read, 0), coalesce(s.idx_scan, 0),
  coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_del, 0),
  coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), coalesce(s.n_mod_since_analyze, 0),
  (extract(epoch FROM now() - greatest(s.last_analyze, s.last_autoanalyze)) * 1000)::float8,
  (extract(epoch FROM now() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
LEFT JOIN (
  SELECT DISTINCT l.relation FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
) locked ON locked.relation = c.oid
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND ${userSchema('n.nspname')}
ORDER BY n.nspname, c.relname`;

export const catalogTablesQuery: Query = {
  name: 'poolctl_catalog_tables',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('c.reltuples = 0 AND c.relpages = 0')},
    {floor: 140_000, text: text('c.reltuples < 0')},
  ],
};

type CatalogTableRow = [
  oid: string,
  schema: string,
  name: string,
  relkind: 'r' | 'p' | 'm',
  is_partition: boolean,
  estimated_rows: number,
  size_bytes: number,
  seq_scans: number,
  seq_rows_read: number,
  index_scans: number,
  rows_inserted: number,
  rows_updated: number,
  rows_deleted: number,
  live_rows: number,
  dead_rows: number,
  rows_changed_since_analyze: number,
  analyze_age_ms: number | null,
  vacuum_age_ms: number | null,
];

const kinds = {r: 'table', p: 'partitioned', m: 'materialized view'} as const;

function toTable(row: CatalogTableRow): Table {
  const [oid, schema, name, relkind, is_partition, estimated_rows, size_bytes, ...counters] = row;
  const [seq_scans, seq_rows_read, index_scans, rows_inserted, rows_updated, rows_deleted, ...state] =
    counters;
  const [live_rows, dead_rows, rows_changed_since_analyze, analyze_age_ms, vacuum_age_ms] = state;
  return {
    oid,
    schema,
    name,
    kind: kinds[relkind],
    is_partition,
    estimated_rows,
    size_bytes,
    seq_scans,
    seq_rows_read,
    index_scans,
    rows_inserted,
    rows_updated,
    rows_deleted,
    live_rows,
    dead_rows,
    rows_changed_since_analyze,
    analyze_age_ms,
    vacuum_age_ms,
  };
}
