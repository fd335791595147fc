import type {Catalog, ForeignKey, IndexBuild, Table} from '../../model/catalog.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query, type ReadRows, serverQuery, userSchema} from '../queries/query.ts';
import {readIndexes} from './catalog-indexes.ts';

/** The catalog of the connected database, in one round trip. Throws the server's errors. */
export async function readCatalog({client, server_version_num}: Connection): Promise<Catalog> {
  const readRows: ReadRows = async <Row>(query: Query) => {
    const {text} = pickVariant(query, server_version_num);
    return (await client.query<Row>({text, rowMode: 'array'})).rows;
  };
  const [ages, tables, indexes, foreign_keys, builds, hiddenBuilds] = await Promise.all([
    readRows<CatalogAgeRow>(catalogAgeQuery),
    readTables(readRows),
    readIndexes(readRows),
    readForeignKeys(readRows),
    readRows<CatalogBuildRow>(catalogBuildsQuery),
    readRows<[table_oid: string]>(hiddenBuildsQuery),
  ]);
  const [stats_reset = null, stats_age_ms = null, has_standby = false, is_counted = false] = ages[0] ?? [];
  return {
    stats_reset: isoTime(stats_reset),
    stats_age_ms,
    is_counted,
    has_standby,
    tables,
    indexes,
    foreign_keys,
    builds: builds.map(toBuild),
    ...(hiddenBuilds.length > 0 && {hidden_build_tables: hiddenBuilds.map(([oid]) => oid)}),
  };
}

function toBuild([pid, backend_start, index_oid, table_oid, phase, command]: CatalogBuildRow): IndexBuild {
  return {pid, backend_start: isoTime(backend_start) ?? backend_start, index_oid, table_oid, phase, command};
}

/**
 * When scans and writes began to be counted. From PostgreSQL 15 a database whose statistics were never reset has no
 * date, and an unclean shutdown drops all counters silently but dates the cluster's own (pgstat_reset_after_failure):
 * counting cannot have begun before the oldest of those dates. A logical walsender does not use the indexes, so it is
 * no standby. pg_stat_replication would read every session for its few rows.
 */
export const catalogAgeQuery = serverQuery(
  'poolctl_catalog_age',
  `
SELECT /* poolctl */ d.stats_reset::text,
  (extract(epoch FROM now() - greatest(d.stats_reset, least(
    (SELECT b.stats_reset FROM pg_stat_bgwriter b), (SELECT a.stats_reset FROM pg_stat_archiver a)))) * 1000)::float8,
  EXISTS (SELECT FROM pg_stat_get_wal_senders() r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
      WHERE s.slot_type IS DISTINCT FROM 'logical')
    OR EXISTS (SELECT FROM pg_replication_slots s WHERE s.slot_type = 'physical')
    OR pg_is_in_recovery(),
  current_setting('track_counts')::bool
FROM pg_stat_database d
WHERE d.datname = current_database()`,
);

type CatalogAgeRow = [
  stats_reset: string | null,
  stats_age_ms: number | null,
  has_standby: boolean,
  is_counted: boolean,
];

/** Index builds in this database and the sessions that run them; `index_relid` is 0 until the index has a pg_class row. */
export const catalogBuildsQuery = serverQuery(
  'poolctl_catalog_builds',
  `
SELECT /* poolctl */ p.pid, a.backend_start::text, coalesce(p.index_relid, 0)::text, p.relid::text, p.phase, p.command
FROM pg_stat_progress_create_index p
CROSS JOIN LATERAL pg_stat_get_activity(p.pid) a
WHERE p.datname = current_database() AND p.phase IS NOT NULL AND a.backend_start IS NOT NULL
ORDER BY p.pid`,
);

/** Every role sees that a session builds an index, and which tables it locks for it. */
export const hiddenBuildsQuery = serverQuery(
  'poolctl_hidden_builds',
  `
SELECT /* poolctl */ DISTINCT l.relation::text
FROM pg_stat_progress_create_index p
JOIN pg_locks l ON l.pid = p.pid AND l.locktype = 'relation' AND l.mode IN ('ShareLock', 'ShareUpdateExclusiveLock')
WHERE p.datname = current_database() AND l.database = p.datid AND p.relid IS NULL`,
);

type CatalogBuildRow = [
  pid: number,
  backend_start: string,
  index_oid: string,
  table_oid: string,
  phase: string,
  command: string,
];

async function readForeignKeys(readRows: ReadRows): Promise<ForeignKey[]> {
  return (await readRows<CatalogForeignKeyRow>(catalogForeignKeysQuery)).map(toForeignKey);
}

/** Foreign keys as declared, without PostgreSQL's copies for each partition, which have a parent. */
export const catalogForeignKeysQuery = serverQuery(
  'poolctl_catalog_foreign_keys',
  `
SELECT /* poolctl */ n.nspname::text, o.conname::text, t.oid::text, t.relname::text,
  to_json(ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum ORDER BY k.position)),
  rn.nspname::text, r.relname::text,
  to_json(ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.attnum ORDER BY k.position)),
  o.confdeltype = 'c'
FROM pg_constraint o
JOIN pg_class t ON t.oid = o.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class r ON r.oid = o.confrelid
JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE o.contype = 'f' AND o.conparentid = 0 AND ${userSchema('n.nspname')}
ORDER BY n.nspname, t.relname, o.conname`,
);

type CatalogForeignKeyRow = [
  schema: string,
  name: string,
  table_oid: string,
  table: string,
  columns: string[],
  referenced_schema: string,
  referenced_table: string,
  referenced_columns: string[],
  is_cascading: boolean,
];

function toForeignKey(row: CatalogForeignKeyRow): ForeignKey {
  const [schema, name, table_oid, table, columns, referenced_schema, referenced_table, ...rest] = row;
  const [referenced_columns, is_cascading] = rest;
  return {
    ...{schema, name, table_oid, table, columns},
    ...{referenced_schema, referenced_table, referenced_columns, is_cascading},
  };
}

export async function readTables(readRows: ReadRows): Promise<Table[]> {
  return (await readRows<CatalogTableRow>(catalogTablesQuery)).map(toTable);
}

/**
 * Tables with their counters. pg_table_size() opens the relation (try_relation_open in dbsize.c) and so waits for an
 * ACCESS EXCLUSIVE lock; for a table locked in this way, relpages is used. Before PostgreSQL 14 `reltuples` of a table that
 * was never analyzed is 0, as of an empty one.
 */
const tablesText = (never_analyzed: string) => `
SELECT /* poolctl */ c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
  CASE WHEN ${never_analyzed} THEN -1 ELSE c.reltuples END::float8,
  CASE WHEN locked.relation IS NULL THEN coalesce(pg_table_size(c.oid), 0)
    ELSE c.relpages::int8 * current_setting('block_size')::int8 END,
  coalesce(s.seq_scan, 0), coalesce(s.seq_tup_read, 0), coalesce(s.idx_scan, 0),
  coalesce(s.n_tup_ins, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_hot_upd, 0), coalesce(s.n_tup_del, 0),
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

export const catalogTablesQuery = serverQuery('poolctl_catalog_tables', {
  13: tablesText('c.reltuples = 0 AND c.relpages = 0'),
  14: tablesText('c.reltuples < 0'),
});

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
  rows_hot_updated: number,
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
  const [seq_scans, seq_rows_read, index_scans, rows_inserted, rows_updated, rows_hot_updated, ...rest] =
    counters;
  const [rows_deleted, live_rows, dead_rows, rows_changed_since_analyze, analyze_age_ms, vacuum_age_ms] =
    rest;
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
    rows_hot_updated,
    rows_deleted,
    live_rows,
    dead_rows,
    rows_changed_since_analyze,
    analyze_age_ms,
    vacuum_age_ms,
  };
}
