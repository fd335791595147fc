/** The unit of a value: `ratio` from 0 to 1, `ms` milliseconds, `times` a factor. */
export type ThresholdUnit = 'ratio' | 'ms' | 'count' | 'rows' | 'bytes' | 'times';

/** A level that is left out is never reported. */
export type Threshold = {
  unit: ThresholdUnit;
  warning?: number;
  critical?: number;
  /** What the value is, in one sentence. */
  meaning: string;
  /** The view, setting or command that the value is read from. */
  source: string;
};

/** The part of `thresholds` that is about connection slots, sessions, transactions and locks. */
export const sessionThresholds = {
  used_ratio: {
    unit: 'ratio',
    warning: 0.8,
    critical: 0.9,
    meaning:
      "Share of the connection slots for ordinary roles in use; also of a role's or database's own connection limit.",
    source: 'pg_stat_activity, max_connections, rolconnlimit, datconnlimit',
  },
  average_used_ratio: {
    unit: 'ratio',
    warning: 0.7,
    meaning: 'Average share of connection slots in use over `check --for`.',
    source: 'pg_stat_activity, max_connections',
  },
  idle_group_ratio: {
    unit: 'ratio',
    warning: 0.1,
    meaning:
      'Share of all slots that sessions take without need, while slots run short; a smaller share is not reported as a cause.',
    source: 'pg_stat_activity',
  },
  idle_group_sessions: {
    unit: 'count',
    warning: 3,
    meaning: 'Number of sessions that take slots without need; fewer are not reported as a cause.',
    source: 'pg_stat_activity',
  },
  slots_full_in_ms: {
    unit: 'ms',
    warning: 600_000,
    critical: 120_000,
    meaning: 'Time until no slot is free at the rate of the last minute; lower is worse.',
    source: 'pg_stat_activity',
  },
  leak_while_short_ms: {
    unit: 'ms',
    warning: 10_000,
    meaning: 'Time a session has been idle in the same transaction, while slots run short.',
    source: 'pg_stat_activity.state_change',
  },
  silent_client_ms: {
    unit: 'ms',
    warning: 10_000,
    meaning:
      'Time no session of a client address has run anything while other addresses of its application work and slots run short.',
    source: 'pg_stat_activity.state_change',
  },
  silent_times: {
    unit: 'times',
    warning: 20,
    meaning: 'The same time, as a multiple of the longest that the working addresses have been silent.',
    source: 'pg_stat_activity.state_change',
  },
  connects_per_second: {
    unit: 'count',
    warning: 5,
    meaning: 'Short-lived sessions that one application opens per second, in most snapshots.',
    source: 'pg_stat_activity.backend_start',
  },
  pool_sessions: {
    unit: 'count',
    warning: 3,
    meaning: "Number of an application's sessions; fewer do not count as a pool.",
    source: 'pg_stat_activity',
  },
  pool_busy_ratio: {
    unit: 'ratio',
    warning: 0.8,
    meaning: "Share of the snapshots in which all of an application's sessions were busy or in transaction.",
    source: 'pg_stat_activity',
  },
  pool_transaction_ms: {
    unit: 'ms',
    warning: 100,
    meaning:
      "Average age of a pool's transactions in the snapshots, while all of its sessions are busy; with shorter ones no request waits for long.",
    source: 'pg_stat_activity.xact_start',
  },
  pool_wait_ms: {
    unit: 'ms',
    warning: 500,
    meaning: "Time that requests wait for a connection of their application's pool (95th percentile).",
    source: 'application_name, as poolctl/kit reports it',
  },
  lwlock_sessions: {
    unit: 'count',
    warning: 4,
    meaning: 'Sessions that wait for the same lightweight lock, on average over the last ten seconds.',
    source: 'pg_stat_activity.wait_event',
  },
  short_statement_timeout_ms: {
    unit: 'ms',
    warning: 1000,
    meaning:
      'statement_timeout, lock_timeout or transaction_timeout of a role or database whose statements fail; a longer one is not reported as the cause.',
    source: 'pg_db_role_setting',
  },
  slow_reader_ratio: {
    unit: 'ratio',
    warning: 0.7,
    meaning:
      "Share of an application's active sessions that wait for their client to read, in the assessed time.",
    source: 'pg_stat_activity.wait_event (ClientWrite)',
  },
  lone_statement_sessions: {
    unit: 'count',
    warning: 0.7,
    meaning:
      'Average number of sessions running one statement that scans a whole table for few rows; below 1, the session is idle in between.',
    source: 'pg_stat_statements',
  },
  outside_call_ms: {
    unit: 'ms',
    warning: 1000,
    meaning:
      'Time that the transactions of an application are idle on average, while all of its sessions are in transaction.',
    source: 'pg_stat_activity.state_change',
  },
  idle_ms: {
    unit: 'ms',
    warning: 300_000,
    meaning: 'Time after which a client that has been silent for as long is likely to be gone.',
    source: 'pg_stat_activity.state_change',
  },
  dead_socket_ms: {
    unit: 'ms',
    warning: 900_000,
    meaning:
      'Time a session has been silent, longer than pools keep idle ones, while its client has opened others.',
    source: 'pg_stat_activity.state_change',
  },
  unused_session_ms: {
    unit: 'ms',
    warning: 10_000,
    meaning: 'Time a session of a pool has been idle, while slots run short: the pool does not need it.',
    source: 'pg_stat_activity.state_change',
  },
  longest_idle_in_transaction_ms: {
    unit: 'ms',
    warning: 30_000,
    critical: 300_000,
    meaning:
      'Time a session has been idle in transaction: warning for a leak, critical for one that no timeout has ended.',
    source: 'pg_stat_activity.state_change',
  },
  longest_transaction_ms: {
    unit: 'ms',
    warning: 300_000,
    critical: 1_800_000,
    meaning: 'Age of the oldest transaction.',
    source: 'pg_stat_activity.xact_start',
  },
  open_transaction_ms: {
    unit: 'ms',
    warning: 60_000,
    meaning: 'Age of a transaction that index builds and VACUUM will have to wait for.',
    source: 'pg_stat_activity.xact_start',
  },
  simple_statement_ms: {
    unit: 'ms',
    warning: 1000,
    meaning: 'Run time of a statement of class simple: a lookup by key.',
    source: 'pg_stat_activity.query_start',
  },
  standard_statement_ms: {
    unit: 'ms',
    warning: 5000,
    meaning: 'Run time of a statement of class standard: a join.',
    source: 'pg_stat_activity.query_start',
  },
  complex_statement_ms: {
    unit: 'ms',
    warning: 15_000,
    meaning: 'Run time of a statement of class complex: an aggregation.',
    source: 'pg_stat_activity.query_start',
  },
  report_statement_ms: {
    unit: 'ms',
    warning: 30_000,
    meaning: 'Run time of a statement of class report, and of any statement without a class.',
    source: 'pg_stat_activity.query_start',
  },
  blocked_sessions: {
    unit: 'count',
    warning: 5,
    critical: 20,
    meaning: 'Sessions waiting for a lock at the same time; one or two wait on any busy server.',
    source: 'pg_blocking_pids()',
  },
  blocker_waiters: {
    unit: 'count',
    critical: 5,
    meaning: 'Sessions that one root blocker blocks, directly or through others.',
    source: 'pg_blocking_pids()',
  },
  lock_wait_ms: {
    unit: 'ms',
    warning: 5000,
    critical: 60_000,
    meaning: 'Longest time a session has waited for a lock of one root blocker.',
    source: 'pg_locks.waitstart, pg_stat_activity.query_start',
  },
  crowd_wait_ms: {
    unit: 'ms',
    warning: 2000,
    meaning:
      'The same time, where 20 sessions wait, or five of which the first is a schema change that others queue behind.',
    source: 'pg_locks.waitstart, pg_stat_activity.query_start',
  },
  migrate_lock_idle_ms: {
    unit: 'ms',
    warning: 60_000,
    meaning: "Time a session that holds Prisma Migrate's advisory lock has been idle.",
    source: 'pg_locks, pg_stat_activity.state_change',
  },
} as const satisfies Record<string, Threshold>;
