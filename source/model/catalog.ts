/** Tables, indexes and foreign keys of the connected database, without system schemas. */
export type Catalog = {
  /** When the counters of scans and writes were last reset; null if never. */
  stats_reset: string | null;
  /** Age of the counters, by `stats_reset` or the database's oldest dated counter; null if unknown. */
  stats_age_ms: number | null;
  /** track_counts is on: without it scans and writes are not counted. */
  is_counted: boolean;
  /** A standby exists: an index unused here may be used there. */
  has_standby: boolean;
  tables: Table[];
  indexes: Index[];
  foreign_keys: ForeignKey[];
  /** Indexes being built or rebuilt now. */
  builds: IndexBuild[];
  /** Oids of tables on which sessions that this role may not see build indexes: which ones is hidden. */
  hidden_build_tables?: readonly string[];
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
  /** Of these, without a new entry in any index (heap-only tuples). */
  rows_hot_updated: number;
  rows_deleted: number;
  live_rows: number;
  dead_rows: number;
  rows_changed_since_analyze: number;
  /** Since the last ANALYZE or autoanalyze; null if never. */
  analyze_age_ms: number | null;
  vacuum_age_ms: number | null;
};

export type Index = {
  oid: string;
  schema: string;
  name: string;
  table_oid: string;
  table: string;
  /** pg_get_indexdef(); '' while its table has an ACCESS EXCLUSIVE lock. */
  definition: string;
  /** btree, gin, gist, hash, brin, ... */
  method: string;
  /** Key columns in order; null for an expression. */
  columns: (string | null)[];
  /** INCLUDE columns. */
  included: string[];
  /** WHERE of a partial index; '' while its table has an ACCESS EXCLUSIVE lock. */
  predicate: string | null;
  is_unique: boolean;
  is_primary: boolean;
  is_exclusion: boolean;
  is_replica_identity: boolean;
  /** Part of a partitioned index, with which it is created and dropped. */
  is_partition: boolean;
  /** The constraint it enforces. */
  constraint: string | null;
  is_valid: boolean;
  is_ready: boolean;
  size_bytes: number;
  /** Counted since `stats_reset`. */
  scans: number;
  /** Attributes that its definition does not include. */
  attributes: IndexAttributes;
  /** The extension that owns it or its table. */
  extension: string | null;
};

/** What an index rebuilt from its definition alone would lose. */
export type IndexAttributes = {
  /** Null for the database's default. */
  tablespace: string | null;
  comment: string | null;
  /** Expression columns with a statistics target. */
  statistics: {column: number; target: number}[];
  /** CLUSTER uses it. */
  is_clustered: boolean;
  /** ALTER INDEX ... DEPENDS ON EXTENSION. */
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
  referenced_columns: string[];
  /** ON DELETE CASCADE. */
  is_cascading: boolean;
};

export type IndexBuild = {
  pid: number;
  backend_start: string;
  /** '0' until PostgreSQL has created the catalog entry. */
  index_oid: string;
  table_oid: string;
  phase: string;
  /** CREATE INDEX CONCURRENTLY, REINDEX, ... */
  command: string;
};
