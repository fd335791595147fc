import type {ServerState} from './server-state.ts';
import type {RoleOrDatabaseLimit, Target} from './target.ts';
import type {WaitSamples} from './wait-samples.ts';

/**
 * One reading of a target: plain, serialisable data, and the contract of `poolctl snapshot`. Names are snake_case with
 * their unit. Ages are computed on the server. Times that identify something are ISO 8601 UTC text with microseconds,
 * which a JavaScript Date would drop.
 */
export type Snapshot = {
  schema_version: 1;
  /** The server's clock at the reading. */
  at: string;
  target: Target;
  budget: Budget;
  /** Client sessions, including hidden ones, without poolctl's own. */
  backends: Backend[];
  /** Everything that is not a client session: walsenders, autovacuum, parallel and logical workers. */
  background_workers: BackgroundWorker[];
  statements: Statement[];
  statements_info: StatementsInfo | null;
  /** Index builds in progress; their indexes must not be dropped. */
  index_builds: {pid: number; phase: string; relation: string | null}[];
  lock_waits: LockWait[];
  databases: Database[];
  /** Absent where the server has no pg_wait_sampling, or it cannot be read. */
  wait_samples?: WaitSamples;
  /** Read while the Server view is open, and by `poolctl snapshot`; absent otherwise. */
  server?: ServerState;
  unavailable: Unavailable[];
  /** The cost of this reading. */
  cost: {round_trip_ms: number; response_bytes: number};
};

/** pg_stat_activity.state; null if hidden from this role. */
export type BackendState =
  | 'active'
  | 'idle'
  | 'idle in transaction'
  | 'idle in transaction (aborted)'
  | 'fastpath function call'
  | 'disabled'
  | 'starting';

/** Identifies a session; a pid alone can be reused. */
export type SessionIdentity = {pid: number; backend_start: string};

export type Backend = {
  pid: number;
  /** ISO 8601 UTC with microseconds; null when hidden. */
  backend_start: string | null;
  /** Oids, which survive renaming the database or role. */
  datid: string | null;
  usesysid: string | null;
  datname: string | null;
  usename: string | null;
  /** The role is a superuser: only a superuser may end its sessions (42501). */
  is_superuser: boolean;
  /** Without what poolctl/kit appends to it: that is `pool_report`. */
  application_name: string;
  /** Null for a Unix socket, or if hidden. */
  client_addr: string | null;
  client_port: number | null;
  backend_type: string | null;
  state: BackendState | null;
  wait_event_type: string | null;
  wait_event: string | null;
  xact_age_ms: number | null;
  query_age_ms: number | null;
  /** Age of state_change: how long an idle session has been idle. */
  state_age_ms: number | null;
  /**
   * ISO 8601 UTC with microseconds; null when hidden. PostgreSQL updates it whenever a statement starts or ends, so a
   * step's statement can check that the session has done nothing since the snapshot.
   */
  state_change: string | null;
  /** Start of its transaction and statement, in the same format; null without one. */
  xact_start: string | null;
  query_start: string | null;
  /** Set once the transaction has written. */
  backend_xid: string | null;
  backend_age_ms: number | null;
  /** How far it holds back vacuum, in transactions: the age of its oldest xid or xmin. */
  xmin_age: number | null;
  /** Pids that block it directly; [] unless it waits for a lock. 0 is a prepared transaction. */
  blocked_by: number[];
  query_id: string | null;
  query: string | null;
  /** sqlcommenter tags found in the query's text. */
  tags: Record<string, string>;
  /** Of a session whose application reports its pool's state; absent for all others. */
  pool_report?: PoolReport;
};

/** What an application's pool said of itself when it last handed out this session. */
export type PoolReport = {
  /** Identifies the pool: one for each process, as a rule. */
  instance: string;
  /** Grows with each report, modulo 1296: an instance's newest is the current one. */
  turn: number;
  /** The most connections it opens. */
  size: number;
  busy: number;
  /** Requests that wait for one. */
  waiting: number;
  /** 95th percentile of the waits in the pool's own window; null if none has ended yet. */
  wait_p95_ms: number | null;
};

export type BackgroundWorker = {
  pid: number;
  backend_type: string;
  application_name: string;
  /** Null if it belongs to none, and in older recordings. */
  datname: string | null;
  usename: string | null;
  state: BackendState | null;
  wait_event_type: string | null;
  wait_event: string | null;
  xact_age_ms: number | null;
  query_age_ms: number | null;
  /** How far it holds back vacuum, in transactions. */
  xmin_age: number | null;
  /** As of a session. The startup process of a standby has none here; see the holders of its wait. */
  blocked_by: number[];
  /** The session of a parallel worker, the process that leads a parallel apply worker. */
  leader_pid: number | null;
  query: string | null;
};

export type BudgetGroup = {
  application_name: string;
  usename: string;
  client_addr: string | null;
  count: number;
  /** null, as the next two: of some of its sessions it is unknown. */
  active: number | null;
  idle: number | null;
  idle_in_transaction: number | null;
  /** Sessions whose state is hidden from this role, or that have track_activities off. Absent in older recordings. */
  unknown?: number;
};

export type Budget = {
  max_connections: number;
  superuser_reserved_connections: number;
  /** PG16+; 0 before. */
  reserved_connections: number;
  /** max_connections minus both reserves: the slots for ordinary roles. */
  usable: number;
  /** Slots used by client sessions, including poolctl's own. */
  used: number;
  /** usable - used, never below 0. */
  headroom: number;
  used_ratio: number;
  /**
   * Client sessions by state, without poolctl's own. `hidden` counts those whose state this role may not see, `disabled` those with
   * track_activities off; while there are any, the other counts are null.
   */
  by_state: Record<string, number | null>;
  /** Sessions by group, largest first. */
  groups: BudgetGroup[];
  /** Connection limits of roles and databases, and how much of each is used. */
  role_and_database_limits: (RoleOrDatabaseLimit & {used: number})[];
};

/** A row of pg_stat_statements: cumulative counters, and rates once two snapshots exist. */
export type Statement = {
  queryid: string;
  dbid: string;
  userid: string;
  /** PG14+; true before. */
  toplevel: boolean;
  datname: string | null;
  usename: string | null;
  /** Fetched only for visible statements; null until then. */
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

/**
 * Changes of a statement between two snapshots, per second of the server's clock. null: unknown. With thousands of
 * statements only some are read in full, and this one was not in the snapshot before.
 */
export type StatementRates = {
  interval_ms: number;
  calls_per_second: number;
  exec_ms_per_second: number;
  /** Share of all execution time in the interval, 0 to 1. */
  exec_share_ratio: number;
  rows_per_second: number;
  shared_blks_hit_per_second: number | null;
  shared_blks_read_per_second: number | null;
  temp_blks_per_second: number | null;
  wal_bytes_per_second: number | null;
  /** Mean and standard deviation of the calls in the interval. */
  mean_exec_time_ms: number;
  stddev_exec_time_ms: number | null;
};

export type StatementsInfo = {
  /** The server's clock when the counters were read, ISO 8601 UTC: they are read less often than sessions. Absent in older recordings. */
  at?: string;
  /** Entries evicted since stats_reset; while it rises, the list is incomplete. */
  dealloc: number;
  stats_reset: string | null;
  entries: number;
  /** Of `entries`, those of poolctl itself, which are not listed. Absent in older recordings. */
  own_entries?: number;
  /** Of `entries`, those of other roles, which this role may not see; absent if there are none. Their time counts in shares. */
  hidden_entries?: number;
  /** What those took; absent in older recordings. */
  hidden_exec_time_ms?: number;
  max_entries: number;
  is_evicting: boolean;
  /** Between two snapshots; absent with one, and before extension 1.9. */
  evictions_per_minute?: number;
};

/** A session that waits for a lock, or a background process; a parallel worker's wait is its leader's. */
export type LockWait = {
  pid: number;
  blocked_by: number[];
  locktype: string;
  mode: string;
  /**
   * What it waits for, for people: `relation public.orders`, `row of public.orders`, `advisory lock 72707369 (Prisma Migrate)`.
   * Absent in the first reading of a wait, which has not seen its lock, and in older recordings; so are `holders`.
   */
  object?: string;
  relation: string | null;
  /** The transaction whose end it waits for; absent for other locks. */
  transactionid?: string;
  /** Who holds it in a conflicting mode, of any kind of process, at most 100; [] if only others in the queue are ahead. */
  holders?: LockHolder[];
  /** PG14+; before, the age of its query, of an apply worker that of its transaction. */
  wait_age_ms: number | null;
};

/** Pid 0 is a prepared transaction; a parallel worker counts as its leader. */
export type LockHolder = {pid: number; mode: string};

export type Database = {
  datname: string;
  numbackends: number;
  xact_commit: number;
  xact_rollback: number;
  blks_hit: number;
  blks_read: number;
  cache_hit_ratio: number | null;
  /** Only for the connected database; null for others. */
  index_hit_ratio: number | null;
  deadlocks: number;
  temp_bytes: number;
  /** PG14+: ended by an error or a timeout (idle in transaction, idle, transaction); absent before. */
  sessions_fatal?: number;
  stats_reset: string | null;
  /** Only for the connected database: both ratios over the last half minute or so; absent before a second reading. */
  recent_hits?: {interval_ms: number; cache_hit_ratio: number | null; index_hit_ratio: number | null};
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

/** A section that could not be read, the reason, and the exact statement or setting that fixes it. */
export type Unavailable = {section: string; sqlstate: string | null; reason: string; remedy: string};
