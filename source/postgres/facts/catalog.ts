import type {Catalog, ForeignKey, Index, IndexBuild, Table} from '../../core/server/catalog.ts';
import type {Connection} from '../connect/connect.ts';
import {isoTime} from '../iso-time.ts';
import {type CatalogAgeRow, catalogAgeQuery} from '../queries/catalog-age.ts';
import {type CatalogBuildRow, catalogBuildsQuery} from '../queries/catalog-builds.ts';
import {type CatalogForeignKeyRow, catalogForeignKeysQuery} from '../queries/catalog-foreign-keys.ts';
import {type CatalogIndexRow, catalogIndexesQuery} from '../queries/catalog-indexes.ts';
import {type CatalogTableRow, catalogTablesQuery} from '../queries/catalog-tables.ts';
import {pickVariant, type Query} from '../queries/query.ts';

/** The catalog of the connected database, in one round trip. Throws what the server answers. */
export async function readCatalog({client, server_version_num}: Connection): Promise<Catalog> {
  const read = async <Row>(query: Query): Promise<Row[]> => {
    const {text} = pickVariant(query, server_version_num);
    return (await client.query<Row>({text, rowMode: 'array'})).rows;
  };
  const [ages, tables, indexes, foreignKeys, builds] = await Promise.all([
    read<CatalogAgeRow>(catalogAgeQuery),
    read<CatalogTableRow>(catalogTablesQuery),
    read<CatalogIndexRow>(catalogIndexesQuery),
    read<CatalogForeignKeyRow>(catalogForeignKeysQuery),
    read<CatalogBuildRow>(catalogBuildsQuery),
  ]);
  const [stats_reset = null, stats_age_ms = null, has_standby = false] = ages[0] ?? [];
  return {
    stats_reset: isoTime(stats_reset),
    stats_age_ms,
    has_standby,
    tables: tables.map(toTable),
    indexes: indexes.map(toIndex),
    foreign_keys: foreignKeys.map(toForeignKey),
    builds: builds.map(toBuild),
  };
}

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

function toIndex(row: CatalogIndexRow): Index {
  const [oid, schema, name, table_oid, table, definition, method, columns, included, predicate, ...kind] =
    row;
  const [is_unique, is_primary, is_exclusion, is_replica_identity, is_partition, constraint, ...state] = kind;
  const [is_valid, is_ready, size_bytes, scans, ...beside] = state;
  const [tablespace, comment, statistics, is_clustered, depends_on, extension] = beside;
  return {
    oid,
    schema,
    name,
    table_oid,
    table,
    definition,
    method,
    columns,
    included,
    predicate,
    is_unique,
    is_primary,
    is_exclusion,
    is_replica_identity,
    is_partition,
    constraint,
    is_valid,
    is_ready,
    size_bytes,
    scans,
    attributes: {
      tablespace,
      comment,
      statistics: statistics.map(([column, target]) => ({column, target})),
      is_clustered,
      depends_on,
    },
    extension,
  };
}

function toForeignKey(row: CatalogForeignKeyRow): ForeignKey {
  const [schema, name, table_oid, table, columns, referenced_schema, referenced_table] = row;
  return {schema, name, table_oid, table, columns, referenced_schema, referenced_table};
}

function toBuild([pid, backend_start, index_oid, table_oid, phase, command]: CatalogBuildRow): IndexBuild {
  return {pid, backend_start: isoTime(backend_start) ?? backend_start, index_oid, table_oid, phase, command};
}
