import type {Application, EnvFile, PoolerFile, PrismaSchema, PrismaSchemaNeed} from './application.ts';
import type {Catalog} from './catalog.ts';
import type {IndexAdvice, IndexAdviceNeed} from './index-advice.ts';
import type {RoleLimit, RoleSettings} from './roles.ts';
import type {Sql} from './step.ts';

/**
 * What recipes know beyond a snapshot. Dearer to read, so asked for by name: in the background once a minute where
 * a diagnosis rests on it (`Recipe.diagnoseRequires`), or right before planning (`Recipe.planRequires`). A member is there when it
 * was asked for and could be read.
 */
export type RecipeData = {
  catalog?: Catalog;
  /** Indexes worth building: dear to find, a plan for every costly statement. */
  index_advice?: IndexAdvice;
  prepared_transactions?: PreparedTransaction[];
  advisory_locks?: AdvisoryLock[];
  role_settings?: RoleSettings;
  maintenance?: Maintenance;
  statement_statistics?: StatementStatistics;
  role_limits?: RoleLimit[];
  /** An application's folder. */
  application?: Application;
  env_file?: EnvFile;
  /** A pgbouncer.ini. */
  pooler_file?: PoolerFile;
  prisma_schema?: PrismaSchema;
  /** Rows of a team's own queries, by the name they were asked under. */
  answers?: Record<string, Row[]>;
};

export type DataRequirements = {
  catalog?: true;
  index_advice?: IndexAdviceNeed;
  prepared_transactions?: true;
  advisory_locks?: AdvisoryLockNeed;
  role_settings?: true;
  maintenance?: true;
  statement_statistics?: true;
  role_limits?: true;
  application?: {folder: string; variable?: string};
  env_file?: {path: string; variable: string};
  pooler_file?: {path: string};
  prisma_schema?: PrismaSchemaNeed;
  answers?: Record<string, Sql>;
};

export type Row = Record<string, unknown>;

/** Who holds or awaits one advisory lock, a row each. The same key is another lock in another database. */
export type AdvisoryLock = {
  pid: number;
  database: string;
  mode: string;
  is_granted: boolean;
  /** PG14+, of one that is awaited. */
  wait_age_ms: number | null;
};

/** `pg_advisory_lock(bigint)`; a decimal text, as JavaScript's numbers end before it does. */
export type AdvisoryLockNeed = {key: string};

/** What autovacuum has not kept up with in the connected database, and who keeps dead rows alive in it. */
export type Maintenance = {
  /** Those with enough changed or dead rows to be looked at. */
  tables: TableUpkeep[];
  /** Whoever holds vacuum back, the oldest first. */
  xmin_holders: XminHolder[];
};

export type TableUpkeep = {
  oid: string;
  schema: string;
  name: string;
  live_rows: number;
  dead_rows: number;
  rows_changed_since_analyze: number;
  /** Changed rows at which autovacuum would analyze it, by the table's own settings or the server's. */
  analyze_threshold: number;
  /** Dead rows at which autovacuum would vacuum it. */
  vacuum_threshold: number;
  /** The table's own setting. */
  is_autovacuum_enabled: boolean;
  /** Since the last ANALYZE, by hand or by itself; null is never. */
  analyze_age_ms: number | null;
  vacuum_age_ms: number | null;
  /** How often somebody analyzed it by hand: what tells that an ANALYZE was done. */
  analyze_count: number;
  /** This role may ANALYZE it: by owning it or its database, or by MAINTAIN (PG17+). */
  may_analyze: boolean;
};

/** Rows deleted later than what it can still see stay until it is gone. */
export type XminHolder = {
  kind: 'backend' | 'prepared transaction' | 'replication slot' | 'standby';
  /** The pid, the gid, the slot, the standby's application_name. */
  name: string;
  /** Who or what it is, for people. */
  description: string;
  /** In transactions. */
  xmin_age: number;
  /** Of its transaction; null where nobody can tell. */
  age_ms: number | null;
};

/** A transaction prepared for two-phase commit: it has no session, and keeps its locks until somebody ends it. */
export type PreparedTransaction = {
  gid: string;
  /** Its transaction id, and when it was prepared (ISO 8601 UTC, microseconds): another one may bear that gid later. */
  transaction: string;
  prepared: string;
  owner: string;
  database: string;
  age_ms: number;
  /** Sessions that wait for a lock on what it has locked. */
  waiters: number[];
};

/** What pg_stat_statements lacks on this server. */
export type StatementStatistics = {
  /** The library is loaded in the running server. */
  is_loaded: boolean;
  /** It is among shared_preload_libraries, which take effect with the next start; null where hidden. */
  is_restart_pending: boolean | null;
  /** How to have it loaded here, as an exact statement or the place where this service keeps it. */
  preload_remedy: string;
  /** What CREATE EXTENSION takes on this managed service. */
  service_note: string | null;
  /** compute_query_id (PG14+); `off` keeps every statement from being counted. */
  compute_query_id: string | null;
  /** The version the server's files offer; null where they are not installed. */
  available_version: string | null;
  /** In the connected database. */
  installed: {version: string; schema: string} | null;
  schemas: string[];
};
