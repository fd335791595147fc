import type {Application, EnvFile, PoolerFile, PrismaSchema, PrismaSchemaNeed} from './application.ts';
import type {ApplicationPool} from './application-pool.ts';
import type {Catalog} from './catalog.ts';
import type {IndexAdvice, IndexAdviceNeed} from './index-advice.ts';
import type {Maintenance} from './maintenance.ts';
import type {PoolerReading} from './pooler.ts';
import type {
  LockTable,
  MissingPartition,
  Obstacles,
  Replication,
  SequenceUse,
  ServerSettings,
  WriteState,
} from './server-facts.ts';
import type {ServerLog} from './server-work.ts';
import type {Sql} from './step.ts';

/**
 * The facts that recipes use beyond a snapshot. They are costlier to read, so a recipe requests them by name: for its
 * diagnosis (`Recipe.diagnoseRequires`, read once a minute) or for its plan (`Recipe.planRequires`, read right before). A
 * member is present if it was requested and could be read.
 */
export type RecipeData = {
  catalog?: Catalog;
  /** Indexes worth building. Costly: plans every expensive statement. */
  index_advice?: IndexAdvice;
  prepared_transactions?: PreparedTransaction[];
  sessions?: SessionFacts;
  advisory_locks?: AdvisoryLock[];
  table_holders?: TableHolder[];
  role_settings?: RoleSettings;
  server_settings?: ServerSettings;
  maintenance?: Maintenance;
  statement_statistics?: StatementStatistics;
  role_limits?: RoleLimit[];
  widening?: Widening;
  write_state?: WriteState;
  sequences?: SequenceUse[];
  missing_partitions?: MissingPartition[];
  obstacles?: Obstacles;
  replication?: Replication;
  /** The PgBouncer in front of the server. */
  pooler?: PoolerReading;
  server_log?: ServerLog;
  lock_table?: LockTable;
  /** What the readings of some minutes show of each application; the console has them without a request. */
  applications?: readonly ApplicationPool[];
  /** The pool settings found in an application's folder. */
  application?: Application;
  env_file?: EnvFile;
  /** A pgbouncer.ini. */
  pooler_file?: PoolerFile;
  prisma_schema?: PrismaSchema;
  /** Rows of a team recipe's queries, by name. */
  answers?: Record<string, Row[]>;
};

export type DataRequirements = {
  catalog?: true;
  index_advice?: IndexAdviceNeed;
  prepared_transactions?: true;
  sessions?: true;
  advisory_locks?: AdvisoryLockNeed;
  table_holders?: true;
  role_settings?: true;
  server_settings?: true;
  maintenance?: true;
  statement_statistics?: true;
  role_limits?: true;
  widening?: WideningNeed;
  write_state?: true;
  sequences?: true;
  missing_partitions?: true;
  obstacles?: true;
  replication?: true;
  pooler?: true;
  server_log?: true;
  lock_table?: true;
  application?: {folder: string; variable?: string};
  env_file?: {path: string; variable: string};
  pooler_file?: {path: string};
  prisma_schema?: PrismaSchemaNeed;
  answers?: Record<string, Sql>;
};

export type Row = Record<string, unknown>;

/** What sessions hold and do beyond a snapshot: what ends with them. */
export type SessionFacts = {
  advisory_locks: AdvisoryHolder[];
  index_builds: IndexBuild[];
  /** Temporary tables of the connected database. Before PostgreSQL 16 only those of sessions in a transaction. */
  temp_tables?: {pid: number; count: number; bytes: number; names: string[]}[];
  /** What COPY has copied so far. PostgreSQL 14+. */
  copies?: {pid: number; command: string; relation: string | null; rows: number; done_ratio: number | null}[];
  /** The tables of the connected database that a transaction has written to, or may have. */
  written?: {pid: number; tables: string[]}[];
};

type AdvisoryHolder = {
  pid: number;
  /** Of all that it holds. */
  count: number;
  /** At most three: `advisory lock 72707369 (Prisma Migrate)`. */
  names: string[];
};

type IndexBuild = {
  pid: number;
  /** `CREATE INDEX CONCURRENTLY`, `REINDEX`. */
  command: string;
  /** A name in the connected database, an oid in another; null until it has one. */
  index: string | null;
  phase: string;
  done_ratio: number | null;
  /** The session whose lock or snapshot it waits for. */
  waits_for: number | null;
};

/** A session that holds or waits for one advisory lock. Keys are per database. */
export type AdvisoryLock = {
  pid: number;
  /** Absent: the one that was asked for. */
  key?: string;
  database: string;
  mode: string;
  is_granted: boolean;
  /** PG14+, while waiting. */
  wait_age_ms: number | null;
};

/** A transaction of the connected database that holds table locks or a snapshot now; `pid` is null if it is prepared. */
export type TableHolder = {
  pid: number | null;
  has_snapshot: boolean;
  locks: {table_oid: string; mode: string}[];
};

/**
 * The key of `pg_advisory_lock(bigint)` as decimal text: it may exceed JavaScript's safe integers. `with_prisma_8`: and the
 * locks of Prisma 8's migrations.
 */
export type AdvisoryLockNeed = {key: string; with_prisma_8?: true};

/** A prepared transaction (two-phase commit): it has no session and keeps its locks until it is committed or rolled back. */
export type PreparedTransaction = {
  gid: string;
  /** Transaction id and time of PREPARE (ISO 8601 UTC, microseconds); a gid can be reused later. */
  transaction: string;
  prepared: string;
  owner: string;
  database: string;
  age_ms: number;
  /** Sessions that wait for a lock on what it has locked. */
  waiters: number[];
};

/** What is missing for pg_stat_statements on this server. */
export type StatementStatistics = {
  /** The library is loaded in the running server. */
  is_loaded: boolean;
  /** It is among shared_preload_libraries, which take effect at the next start; null if hidden. */
  is_restart_pending: boolean | null;
  /** How to preload it: the exact statement, or where the managed service has the setting. */
  preload_remedy: string;
  /** The privilege for CREATE EXTENSION on this managed service. */
  service_note: string | null;
  /** Settings with which no statement is counted although the library is loaded. */
  uncounted: UncountedBy[];
  /** The version that the server has files for; null if not installed. */
  available_version: string | null;
  /** In the connected database. */
  installed: {version: string; schema: string} | null;
  schemas: string[];
};

/** A setting that keeps statements from being counted, why, and how to change it on this server. */
export type UncountedBy = {setting: string; reason: string; remedy: string};

/** Roles, databases and their settings by ALTER ROLE and ALTER DATABASE (pg_db_role_setting). */
export type RoleSettings = {
  roles: Role[];
  databases: {oid: string; name: string}[];
  overrides: SettingOverride[];
};

export type Role = {
  oid: string;
  name: string;
  is_superuser: boolean;
  can_login: boolean;
  /** When its password expires (VALID UNTIL), ISO 8601 UTC; null: never. */
  valid_until: string | null;
  /** rolconnlimit; -1 is none. Not enforced for superusers. */
  connection_limit: number;
};

export type SettingOverride = {
  /** Null means every role, or every database. */
  role: string | null;
  database: string | null;
  /** The setting's name. */
  name: string;
  /** As it was written: `30s`, `30000`. */
  value: string;
  /** When the settings of this role and database were last changed, ISO 8601 UTC; absent without track_commit_timestamp. */
  set_at?: string;
  /** How many transactions ago that was; absent if its row was frozen long ago. */
  set_age?: number;
};

/** A role and its own connection limit, which the server enforces unless it is a superuser. */
export type RoleLimit = {
  oid: string;
  name: string;
  is_superuser: boolean;
  /** pg_roles.rolconnlimit; -1 is none. */
  connection_limit: number;
};

/** The column to widen: `name` or `schema.name` of its table. */
export type WideningNeed = {table: string; column: string};

/** A column, those that refer to it by foreign keys, and the sequence that gives its values. */
export type Widening = {
  /** The named column, then those that refer to it, directly or through others; [] if there is no such column. */
  columns: WideningColumn[];
  sequence: WideningSequence | null;
};

export type WideningColumn = {
  table_oid: string;
  schema: string;
  table: string;
  column: string;
  attnum: number;
  /** format_type(): `integer`, `bigint`. */
  type: string;
  /** pg_class.reltuples; -1 was never analyzed. */
  rows: number;
  /** Of the table with its indexes and TOAST, which ALTER TYPE rewrites. */
  size_bytes: number;
  is_partitioned: boolean;
  /** Part of the key by which its table is partitioned: its type cannot be changed. */
  is_partition_key: boolean;
  /** Views and rules that use it: its type cannot be changed (0A000). */
  used_by: string[];
  /** Of the named column: it is an identity column, whose sequence gets the column's type. */
  is_identity: boolean;
};

export type WideningSequence = {
  oid: string;
  schema: string;
  name: string;
  type: string;
  /** int8 as text; `last_value` null if it was never used, or hidden from this role. */
  last_value: string | null;
  min_value: string;
  max_value: string;
  increment: string;
};
