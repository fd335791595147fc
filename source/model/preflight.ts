/** A table-level lock, as PostgreSQL's documentation names it. */
export type LockMode =
  | 'ACCESS SHARE'
  | 'ROW SHARE'
  | 'ROW EXCLUSIVE'
  | 'SHARE UPDATE EXCLUSIVE'
  | 'SHARE'
  | 'SHARE ROW EXCLUSIVE'
  | 'EXCLUSIVE'
  | 'ACCESS EXCLUSIVE';

/** `wait`: sessions hold what the migration needs. `unsafe`: it would block others for long, or fail. */
export type Verdict = 'safe' | 'wait' | 'unsafe';

/** The answer of `poolctl preflight`. */
export type Preflight = {
  schema_version: 1;
  /** As given in the call. */
  file: string;
  verdict: Verdict;
  /** Null: without a server, from the text alone. */
  target: {id: string; server_version_num: number} | null;
  /** How long statements were counted for `queue_per_second`; null if they were not. */
  window_ms: number | null;
  statements: PreflightStatement[];
  /** What could not be read, and why. */
  unavailable: string[];
};

export type PreflightStatement = {
  /** The migration's file, relative to `Preflight.file`; '' for that itself. */
  file: string;
  line: number;
  sql: string;
  verdict: Verdict;
  /** Why, if it is not safe. */
  reasons: string[];
  /** Locks on relations that exist before the migration. ACCESS SHARE, which only ACCESS EXCLUSIVE blocks, is left out. */
  locks: RelationLock[];
  /** Whether a table is rewritten; null if that depends on what only the server knows. */
  rewrites: boolean | null;
  /** Whether a whole table is read. */
  scans: boolean | null;
  /** Whether the statement can run in a transaction. */
  in_transaction: boolean;
  /** Sessions whose locks it waits for, the oldest first; null without a server. */
  holders: LockHolder[] | null;
  /** Statements per second that would wait while it runs; null if unknown. */
  queue_per_second: number | null;
  /** How long it takes once it has its locks; null if unknown. */
  duration_ms: {low: number; high: number; basis: string} | null;
  notes: string[];
  /** What does the same with less blocking; null if there is nothing better. */
  safe_form: string | null;
};

type RelationLock = {
  relation: string;
  mode: LockMode;
  blocks_reads: boolean;
  blocks_writes: boolean;
  /** Without indexes; null without a server. */
  size_bytes: number | null;
};

export type LockHolder = {
  /** Null: a prepared transaction. */
  pid: number | null;
  application_name: string | null;
  usename: string | null;
  state: string | null;
  /** Null: it holds an old snapshot, which CONCURRENTLY waits for. */
  relation: string | null;
  mode: LockMode | null;
  xact_age_ms: number | null;
};

/** What a migration's names mean on one server. */
export type MigrationTarget = {
  server_version_num: number;
  /** Schemas in which unqualified names are looked up. */
  search_path: string[];
  relations: TargetRelation[];
  foreign_keys: TargetForeignKey[];
  /** By name: whether one of them is VOLATILE, and whether all are PostgreSQL's own. */
  functions: {name: string; is_volatile: boolean; is_own: boolean}[];
  /** Domains with a CHECK or NOT NULL, by name: a new column of such a type rewrites the table. */
  constrained_domains: string[];
  /** Extended statistics (CREATE STATISTICS). */
  statistics: {name: string; table_oid: string}[];
};

export type TargetRelation = {
  oid: string;
  schema: string;
  name: string;
  /** pg_class.relkind. */
  kind: 'r' | 'p' | 'i' | 'I' | 'v' | 'm' | 'S' | 'f' | 'c' | 't';
  /** Without indexes; null at the other end of a foreign key. */
  size_bytes: number | null;
  /** -1: never analysed. */
  estimated_rows: number;
  /** Tables that it is a partition or a child of. */
  parents: string[];
  /** Of an index: its table. */
  table_oid: string | null;
  /** Of a view: the relations it reads. */
  reads: string[];
  is_default_partition: boolean;
  columns: {name: string; type: string; not_null: boolean}[];
  constraints: TargetConstraint[];
  /** Enabled ones; `type` is pg_trigger.tgtype. */
  triggers: {name: string; function: string; type: number}[];
  /** Enabled ones, without a view's own; `event` is pg_rewrite.ev_type. */
  rules: {name: string; event: string}[];
};

type TargetConstraint = {
  name: string;
  /** pg_constraint.contype. */
  kind: string;
  is_valid: boolean;
  /** The column of a CHECK (column IS NOT NULL) or NOT NULL constraint; null for any other. */
  not_null_column: string | null;
  columns: string[];
};

type TargetForeignKey = {
  name: string;
  table_oid: string;
  references_oid: string;
  /** PostgreSQL's copy of a partitioned table's key for a partition. */
  is_inherited: boolean;
  columns: string[];
  /** pg_constraint.confdeltype and confupdtype. */
  on_delete: string;
  on_update: string;
  /** The columns at the other end. */
  referenced: string[];
};
