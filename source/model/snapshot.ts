import type {RoleOrDatabaseLimit, Target} from './target.ts';

/**
 * One reading of a target: plain, serialisable data. It is a contract (`poolctl snapshot`), so every name is
 * snake_case and says its unit. Ages are computed on the server; times that serve as an identity are ISO 8601
 * UTC text with microseconds, because a JavaScript Date would drop them.
 */
export type Snapshot = {
  schema_version: 1;
  /** The server's clock when it was read. */
  at: string;
  target: Target;
  budget: Budget;
  /** Client sessions, hidden ones included; poolctl's own are left out. */
  backends: Backend[];
  /** Everything that is not a client session: walsenders, autovacuum, parallel and logical workers. */
  background_workers: BackgroundWorker[];
  statements: Statement[];
  statements_info: StatementsInfo | null;
  /** Statements being built, for whom an idle-looking index must be left alone. */
  index_builds: {pid: number; phase: string; relation: string | null}[];
  lock_waits: LockWait[];
  databases: Database[];
  unavailable: Unavailable[];
  /** What this reading cost. */
  cost: {round_trip_ms: number; response_bytes: number};
};

/** What pg_stat_activity.state can say; null where this role may not see it. */
export type BackendState =
  | 'active'
  | 'idle'
  | 'idle in transaction'
  | 'idle in transaction (aborted)'
  | 'fastpath function call'
  | 'disabled'
  | 'starting';

/** Who a session is, for as long as it lives: a pid alone is reused. */
export type SessionIdentity = {pid: number; backend_start: string};

export type Backend = {
  pid: number;
  /** ISO 8601 UTC with microseconds; null when hidden. */
  backend_start: string | null;
  /** Oids, which stay when the database or the role is renamed. */
  datid: string | null;
  usesysid: string | null;
  datname: string | null;
  usename: string | null;
  /** The role is a superuser: only a superuser may end its sessions (42501). */
  is_superuser: boolean;
  application_name: string;
  /** null is a unix socket, or hidden. */
  client_addr: string | null;
  client_port: number | null;
  backend_type: string | null;
  state: BackendState | null;
  wait_event_type: string | null;
  wait_event: string | null;
  xact_age_ms: number | null;
  query_age_ms: number | null;
  /** Since state_change: how long an idle session has been idle. */
  state_age_ms: number | null;
  /**
   * ISO 8601 UTC with microseconds; null when hidden. Beside the identity it tells the acting statement whether
   * the session has done anything since it was read (PostgreSQL moves it with every statement it begins or ends).
   */
  state_change: string | null;
  /** The same of its transaction and its statement; null where it has none. */
  xact_start: string | null;
  query_start: string | null;
  /** Of a transaction that has written. */
  backend_xid: string | null;
  backend_age_ms: number | null;
  /** Age of the oldest transaction id or snapshot it holds back vacuum with, in transactions. */
  xmin_age: number | null;
  /** Pids that block it, root or not; [] unless it waits for a lock. 0 is a prepared transaction. */
  blocked_by: number[];
  query_id: string | null;
  query: string | null;
  /** sqlcommenter tags found in the query's text. */
  tags: Record<string, string>;
};

export type BackgroundWorker = {
  pid: number;
  backend_type: string;
  application_name: string;
  state: BackendState | null;
  wait_event_type: string | null;
  wait_event: string | null;
  query_age_ms: number | null;
  query: string | null;
};

export type BudgetGroup = {
  application_name: string;
  usename: string;
  client_addr: string | null;
  count: number;
  active: number;
  idle: number;
  idle_in_transaction: number;
};

export type Budget = {
  max_connections: number;
  superuser_reserved_connections: number;
  /** PG16+; 0 before. */
  reserved_connections: number;
  /** max_connections less both reserves: what an ordinary role can get. */
  usable: number;
  /** Slots held by client sessions, poolctl's own included: it holds a slot like any other. */
  used: number;
  /** usable - used, never below 0. */
  headroom: number;
  used_ratio: number;
  /** Client sessions by state; `hidden` counts those this role may not see. poolctl's own are left out. */
  by_state: Record<string, number>;
  /** Who holds most, largest first. */
  groups: BudgetGroup[];
  /** Roles and databases with a limit of their own, and how much of it is used. */
  role_and_database_limits: (RoleOrDatabaseLimit & {used: number})[];
};

/** A row of pg_stat_statements: counters since it was first seen, and rates when two readings exist. */
export type Statement = {
  queryid: string;
  dbid: string;
  userid: string;
  /** PG14+; true before. */
  toplevel: boolean;
  datname: string | null;
  usename: string | null;
  /** Fetched for those on show only; null until then. */
  query: string | null;
  calls: number;
  total_exec_time_ms: number;
  mean_exec_time_ms: number;
  stddev_exec_time_ms: number;
  min_exec_time_ms: number;
  max_exec_time_ms: number;
  total_plan_time_ms: number;
  rows: number;
  shared_blks_hit: number;
  shared_blks_read: number;
  shared_blks_dirtied: number;
  temp_blks_read: number;
  temp_blks_written: number;
  wal_bytes: number;
  blk_read_time_ms: number;
  blk_write_time_ms: number;
  /** ISO 8601, extension 1.11+. */
  stats_since: string | null;
  rates?: StatementRates;
};

/** What changed between two readings of the same statement, per second of the server's clock. */
export type StatementRates = {
  interval_ms: number;
  calls_per_second: number;
  exec_ms_per_second: number;
  /** Of all execution time in the interval, 0 to 1. */
  exec_share_ratio: number;
  rows_per_second: number;
  shared_blks_hit_per_second: number;
  shared_blks_read_per_second: number;
  temp_blks_per_second: number;
  wal_bytes_per_second: number;
  /** Mean and deviation of the calls within the interval, from sums of squares. */
  mean_exec_time_ms: number;
  stddev_exec_time_ms: number;
};

export type StatementsInfo = {
  /** Entries evicted since stats_reset; while it rises, the list is lossy. */
  dealloc: number;
  stats_reset: string | null;
  entries: number;
  max_entries: number;
  is_evicting: boolean;
  /** Between two readings; absent with one, and before extension 1.9. */
  evictions_per_minute?: number;
};

export type LockWait = {
  pid: number;
  blocked_by: number[];
  locktype: string;
  mode: string;
  relation: string | null;
  /** The transaction whose end it waits for; absent where it waits for something else. */
  transactionid?: string;
  /** PG14+, else the age of its query. */
  wait_age_ms: number | null;
};

export type Database = {
  datname: string;
  numbackends: number;
  xact_commit: number;
  xact_rollback: number;
  blks_hit: number;
  blks_read: number;
  cache_hit_ratio: number | null;
  /** Of the database connected to only; null elsewhere. */
  index_hit_ratio: number | null;
  deadlocks: number;
  temp_bytes: number;
  /** PG14+: ended by an error or a timeout (idle in transaction, idle, transaction); absent before. */
  sessions_fatal?: number;
  stats_reset: string | null;
  rates?: {
    interval_ms: number;
    commits_per_second: number;
    rollbacks_per_second: number;
    deadlocks_per_second: number;
    temp_bytes_per_second: number;
    blks_hit_per_second: number;
    blks_read_per_second: number;
    fatal_sessions_per_second?: number;
  };
};

/** A part that could not be read, why, and the exact statement or setting that would mend it. */
export type Unavailable = {section: string; sqlstate: string | null; reason: string; remedy: string};
