import type {Catalog, ForeignKey, Index, Table} from '../../source/model/catalog.ts';
import type {IndexProposal} from '../../source/model/index-advice.ts';

const day_ms = 86_400_000;

/** A table of 100,000 rows. */
export function createTable(overrides: Partial<Table> = {}): Table {
  return {
    oid: '16400',
    schema: 'public',
    name: 'orders',
    kind: 'table',
    is_partition: false,
    estimated_rows: 100_000,
    size_bytes: 20_000_000,
    seq_scans: 10,
    seq_rows_read: 1_000_000,
    index_scans: 5000,
    rows_inserted: 100_000,
    rows_updated: 0,
    rows_hot_updated: 0,
    rows_deleted: 0,
    live_rows: 100_000,
    dead_rows: 0,
    rows_changed_since_analyze: 0,
    analyze_age_ms: day_ms,
    vacuum_age_ms: day_ms,
    ...overrides,
  };
}

/** A plain valid index on `orders`, in use. */
export function createIndex(overrides: Partial<Index> = {}): Index {
  const {name = 'orders_status_idx', columns = ['status'], method = 'btree', is_unique = false} = overrides;
  return {
    oid: '16500',
    schema: 'public',
    name,
    table_oid: '16400',
    table: 'orders',
    definition: `CREATE ${is_unique ? 'UNIQUE ' : ''}INDEX ${name} ON public.orders USING ${method} (${columns.map(column => column ?? 'lower(status)').join(', ')})`,
    method,
    columns,
    included: [],
    predicate: null,
    is_unique,
    is_primary: false,
    is_exclusion: false,
    is_replica_identity: false,
    is_partition: false,
    constraint: null,
    is_valid: true,
    is_ready: true,
    size_bytes: 30_000_000,
    scans: 1000,
    attributes: {tablespace: null, comment: null, statistics: [], is_clustered: false, depends_on: []},
    extension: null,
    ...overrides,
  };
}

export function createForeignKey(overrides: Partial<ForeignKey> = {}): ForeignKey {
  return {
    schema: 'public',
    name: 'orders_user_id_fkey',
    table_oid: '16400',
    table: 'orders',
    columns: ['user_id'],
    referenced_schema: 'public',
    referenced_table: 'users',
    referenced_columns: ['id'],
    is_cascading: false,
    ...overrides,
  };
}

/** Statistics of three months, no standby. */
export function createCatalog(overrides: Partial<Catalog> = {}): Catalog {
  return {
    stats_reset: null,
    stats_age_ms: 90 * day_ms,
    is_counted: true,
    has_standby: false,
    tables: [createTable()],
    indexes: [],
    foreign_keys: [],
    builds: [],
    ...overrides,
  };
}

/** Its definition is derived from the other fields. */
export function createProposal(overrides: Partial<IndexProposal> = {}): IndexProposal {
  const proposal = {
    schema: 'public',
    table: 'orders',
    table_oid: '16400',
    name: 'orders_user_id_idx',
    method: 'btree',
    columns: [{expression: '"user_id"'}],
    predicate: null,
    estimated_size_bytes: 2_000_000,
    confidence: 'heuristic' as const,
    reasons: ['no index leads with foreign key orders_user_id_fkey'],
    serves: [],
    source: 'foreign_key' as const,
    ...overrides,
  };
  return {definition: definitionOf(proposal), ...proposal};
}

function definitionOf(proposal: Omit<IndexProposal, 'definition'>): string {
  const {schema, table, name, method, columns, predicate} = proposal;
  const keys = columns.map(({expression, order}) => [expression, order].filter(Boolean).join(' '));
  const where = predicate === null ? '' : ` WHERE ${predicate}`;
  return `CREATE INDEX CONCURRENTLY "${name}" ON "${schema}"."${table}" USING ${method} (${keys.join(', ')})${where}`;
}
