/** The tables, indexes and foreign keys of the connected database, system schemas left out. */
export type Catalog = {
  /** Since when the server counts scans and writes; null where it was never reset. */
  stats_reset: string | null;
  /** Since `stats_reset`, or since the database's oldest counter can be dated; null where nobody can tell. */
  stats_age_ms: number | null;
  /** A standby reads from here: what is unused here may be used there. */
  has_standby: boolean;
  tables: Table[];
  indexes: Index[];
  foreign_keys: ForeignKey[];
  /** Indexes being built or rebuilt now. */
  builds: IndexBuild[];
};

export type Table = {
  oid: string;
  schema: string;
  name: string;
  /** `p` is partitioned: an index on it cannot be built concurrently. */
  kind: 'table' | 'partitioned' | 'materialized view';
  /** Part of a partitioned table. */
  is_partition: boolean;
  /** pg_class.reltuples; -1 was never analyzed. */
  estimated_rows: number;
  size_bytes: number;
  /** Counted since `stats_reset`. */
  seq_scans: number;
  seq_rows_read: number;
  index_scans: number;
  rows_inserted: number;
  rows_updated: number;
  rows_deleted: number;
  live_rows: number;
  dead_rows: number;
  rows_changed_since_analyze: number;
  /** Since the last ANALYZE, by hand or by itself; null is never. */
  analyze_age_ms: number | null;
  vacuum_age_ms: number | null;
};

export type Index = {
  oid: string;
  schema: string;
  name: string;
  table_oid: string;
  table: string;
  /** As pg_get_indexdef has it: what recreates it. '' while its table is locked exclusively. */
  definition: string;
  /** btree, gin, gist, hash, brin, ... */
  method: string;
  /** Key columns in their order; null is an expression. */
  columns: (string | null)[];
  /** INCLUDE columns. */
  included: string[];
  /** WHERE of a partial index; '' while its table is locked exclusively. */
  predicate: string | null;
  is_unique: boolean;
  is_primary: boolean;
  is_exclusion: boolean;
  is_replica_identity: boolean;
  /** Part of a partitioned index: it goes and comes with its parent. */
  is_partition: boolean;
  /** The constraint it enforces. */
  constraint: string | null;
  is_valid: boolean;
  is_ready: boolean;
  size_bytes: number;
  /** Counted since `stats_reset`. */
  scans: number;
  /** What its definition leaves out. */
  attributes: IndexAttributes;
  /** The extension that it, or its table, belongs to. */
  extension: string | null;
};

/** What an index that is built from its definition alone would lose. */
export type IndexAttributes = {
  /** null is the database's own. */
  tablespace: string | null;
  comment: string | null;
  /** Columns, which are expressions, with a statistics target of their own. */
  statistics: {column: number; target: number}[];
  /** CLUSTER goes by it. */
  is_clustered: boolean;
  /** Extensions it goes with: ALTER INDEX ... DEPENDS ON EXTENSION. */
  depends_on: string[];
};

export type ForeignKey = {
  schema: string;
  name: string;
  table_oid: string;
  table: string;
  columns: string[];
  referenced_schema: string;
  referenced_table: string;
};

export type IndexBuild = {
  pid: number;
  backend_start: string;
  /** '0' before PostgreSQL has made the entry. */
  index_oid: string;
  table_oid: string;
  phase: string;
  /** CREATE INDEX CONCURRENTLY, REINDEX, ... */
  command: string;
};
