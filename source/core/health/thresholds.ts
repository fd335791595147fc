import {formatBytes} from '../text/format.ts';
import {writeDuration} from '../text/time.ts';
import {sessionThresholds, type Threshold, type ThresholdUnit} from './session-thresholds.ts';

/**
 * Every threshold of poolctl. Findings, the console's colours, `check` and its help, recipe parameters and
 * docs/thresholds.md read this table; no threshold is defined elsewhere. Those of sessions are in a file of their own.
 */
export const thresholds = {
  ...sessionThresholds,
  slowest_mean_exec_time_ms: {
    unit: 'ms',
    warning: 100,
    critical: 1000,
    meaning: 'Mean execution time of the slowest statement.',
    source: 'pg_stat_statements',
  },
  exec_share_ratio: {
    unit: 'ratio',
    critical: 0.3,
    meaning: "One statement's share of all execution time.",
    source: 'pg_stat_statements',
  },
  statement_evictions_per_minute: {
    unit: 'count',
    warning: 1,
    meaning: 'Evictions from pg_stat_statements per minute; each discards 5 % of its entries.',
    source: 'pg_stat_statements_info.dealloc',
  },
  n_plus_one_suspects: {
    unit: 'count',
    warning: 5,
    meaning: 'Statements called so often, for so few rows each, that they look like an N+1 query.',
    source: 'pg_stat_statements',
  },
  slow_active_sessions: {
    unit: 'count',
    warning: 2,
    critical: 8,
    meaning: 'Sessions that run one statement at the same time, on average over the assessed time.',
    source: 'pg_stat_statements',
  },
  slow_share_ratio: {
    unit: 'ratio',
    warning: 0.5,
    meaning: "One statement's share of the execution time of the assessed time, to be called the load.",
    source: 'pg_stat_statements',
  },
  disk_load_ratio: {
    unit: 'ratio',
    warning: 0.4,
    meaning: 'Busy sessions that wait for a block to be read, of all busy sessions in the assessed time.',
    source: 'pg_stat_activity.wait_event',
  },
  slower_than_before_times: {
    unit: 'times',
    warning: 3,
    meaning: "Mean execution time of a statement in the assessed time, as a multiple of its earlier calls'.",
    source: 'pg_stat_statements',
  },
  more_frequent_times: {
    unit: 'times',
    warning: 3,
    meaning:
      'Calls per second of a statement that count as a change, as a multiple of the most in its earlier half minutes.',
    source: 'pg_stat_statements',
  },
  chatty_calls_per_second: {
    unit: 'count',
    warning: 20,
    meaning: 'Calls per second of a fast statement that make it look like part of an N+1 query.',
    source: 'pg_stat_statements',
  },
  chatty_times: {
    unit: 'times',
    warning: 10,
    meaning: 'Calls of such a statement for each call of another one of the same role, in step with it.',
    source: 'pg_stat_statements',
  },
  slower_times: {
    unit: 'times',
    warning: 1.5,
    meaning: "Mean execution time of a statement, as a multiple of the baseline's.",
    source: 'pg_stat_statements, check --baseline',
  },
  more_calls_times: {
    unit: 'times',
    warning: 3,
    meaning: "Growth of a statement's calls since the baseline, as a multiple of the median statement's.",
    source: 'pg_stat_statements, check --baseline',
  },
  cache_hit_ratio: {
    unit: 'ratio',
    warning: 0.99,
    meaning: 'Share of the blocks read that were in shared buffers; lower is worse.',
    source: 'pg_stat_database',
  },
  index_hit_ratio: {
    unit: 'ratio',
    warning: 0.99,
    meaning: 'Share of the index blocks read that were in shared buffers; lower is worse.',
    source: 'pg_statio_user_indexes',
  },
  fatal_sessions_per_minute: {
    unit: 'count',
    warning: 10,
    meaning: 'Sessions ended by errors or timeouts per minute.',
    source: 'pg_stat_database.sessions_fatal',
  },
  refused_connections_per_minute: {
    unit: 'count',
    warning: 0,
    meaning: 'Connections refused to poolctl (SQLSTATE 53300) per minute.',
    source: 'check --for',
  },
  pooler_waiting_clients: {
    unit: 'count',
    warning: 5,
    critical: 50,
    meaning: 'Clients waiting for a server connection in PgBouncer.',
    source: 'SHOW POOLS',
  },
  pooler_max_wait_ms: {
    unit: 'ms',
    warning: 1000,
    critical: 10_000,
    meaning: 'Longest time that a client has waited for a server connection in PgBouncer.',
    source: 'SHOW POOLS',
  },
  availability_ratio: {
    unit: 'ratio',
    critical: 0.5,
    meaning: 'Share of the watched time in which the server could be read; lower is worse.',
    source: 'check --for',
  },
  invalid_indexes: {
    unit: 'count',
    warning: 0,
    meaning: 'Indexes that a failed build left invalid.',
    source: 'pg_index.indisvalid',
  },
  unused_index_bytes: {
    unit: 'bytes',
    warning: 8 * 1024 * 1024,
    meaning: 'Size of an index without a scan; smaller ones are not reported.',
    source: 'pg_relation_size(), pg_stat_user_indexes.idx_scan',
  },
  unused_index_age_ms: {
    unit: 'ms',
    warning: 30 * 86_400_000,
    meaning: 'Time that index scans have been counted, before an index without a scan is called unused.',
    source: 'pg_stat_database.stats_reset',
  },
  unindexed_table_rows: {
    unit: 'rows',
    warning: 10_000,
    meaning: 'Rows of a table with a foreign key that no index covers; smaller ones are not reported.',
    source: 'pg_class.reltuples',
  },
  stale_tables: {
    unit: 'count',
    warning: 0,
    meaning: 'Tables whose statistics are stale.',
    source: 'pg_stat_user_tables',
  },
  autovacuum_threshold_times: {
    unit: 'times',
    warning: 2,
    meaning: "A table's changed or dead rows, as a multiple of the number at which autovacuum starts.",
    source: 'pg_stat_user_tables, autovacuum_*_threshold, autovacuum_*_scale_factor',
  },
  rollbacks_per_second: {
    unit: 'count',
    warning: 1,
    meaning: 'Transactions of one database that are rolled back per second; fewer are never reported.',
    source: 'pg_stat_database.xact_rollback',
  },
  rollback_ratio: {
    unit: 'ratio',
    warning: 0.05,
    critical: 0.5,
    meaning:
      "Share of a database's transactions that are rolled back though no application asked for it with ROLLBACK.",
    source: 'pg_stat_database, pg_stat_statements',
  },
  deadlocks_per_minute: {
    unit: 'count',
    warning: 3,
    critical: 60,
    meaning:
      'Deadlocks of one database per minute; each ends a transaction that waited for deadlock_timeout.',
    source: 'pg_stat_database.deadlocks',
  },
  sequence_used_ratio: {
    unit: 'ratio',
    warning: 0.9,
    meaning:
      'Share of the values used that a sequence, or the column that takes them, can hold, where the rate is not known.',
    source: 'pg_sequences, pg_attribute',
  },
  until_full_ms: {
    unit: 'ms',
    warning: 30 * 86_400_000,
    critical: 86_400_000,
    meaning:
      'Time until a column or sequence has no value left, at the rate of the last minute; less is worse.',
    source: 'pg_sequences, pg_stat_statements.rows',
  },
  wal_disk_full_ms: {
    unit: 'ms',
    critical: 3_600_000,
    meaning: 'Time until WAL that a slot retains fills its disk, at the rate of ten minutes; less is worse.',
    source: 'pg_current_wal_lsn(), the host',
  },
  xids_left: {
    unit: 'count',
    warning: 40_000_000,
    critical: 3_000_000,
    meaning:
      'Transaction ids, or multixacts, left until the server refuses writes; less is worse. PostgreSQL itself warns from 40 million on.',
    source: 'pg_database.datfrozenxid, pg_database.datminmxid',
  },
  lock_table_ratio: {
    unit: 'ratio',
    warning: 0.8,
    critical: 0.95,
    meaning: 'Share of the shared lock table in use; a lock that finds no room fails (53200).',
    source: 'pg_locks, max_locks_per_transaction',
  },
  exclusive_lock_ms: {
    unit: 'ms',
    warning: 10_000,
    meaning: 'Estimated time that a recipe would lock a table exclusively; it refuses to for longer.',
    source: 'pg_total_relation_size(), at 50 MB per second',
  },
  notify_queue_ratio: {
    unit: 'ratio',
    warning: 0.5,
    critical: 0.9,
    meaning: 'Share of the NOTIFY queue in use; NOTIFY fails when it is full.',
    source: 'pg_notification_queue_usage()',
  },
  safe_wal_bytes: {
    unit: 'bytes',
    warning: 1024 * 1024 * 1024,
    meaning: 'WAL that can be written before a slot is invalidated (max_slot_wal_keep_size); less is worse.',
    source: 'pg_replication_slots.safe_wal_size',
  },
  retained_wal_bytes: {
    unit: 'bytes',
    warning: 10 * 1024 * 1024 * 1024,
    meaning:
      'WAL that a replication slot without a consumer retains where nothing limits it (max_slot_wal_keep_size = -1).',
    source: 'pg_replication_slots.restart_lsn',
  },
  standby_lag_ms: {
    unit: 'ms',
    warning: 60_000,
    meaning: 'How long after it was written a standby replays WAL.',
    source: 'pg_stat_replication.replay_lag',
  },
  changed_rows: {
    unit: 'rows',
    warning: 10_000,
    meaning: 'Changed or dead rows of a table; fewer are not reported.',
    source: 'pg_stat_user_tables',
  },
} as const satisfies Record<string, Threshold>;

export type ThresholdName = keyof typeof thresholds;

/** Minimum number of blocks read for a meaningful hit ratio. */
export const minimumBlocks = {
  /** Between two snapshots, and of one database's indexes. */
  per_ratio: 1000,
} as const;

/** `check --for`, and a rollout plan that sets none. */
export const watchDefaults = {every_ms: 10_000, sustain_ms: 30_000} as const;

/** The time between readings where none is given: a short watch needs more than one, too. */
export function intervalFor(for_ms: number): number {
  return Math.max(500, Math.min(watchDefaults.every_ms, Math.floor(for_ms / 4)));
}

/** A default for help texts: `80%,90%`, `70%, warning only`, `50%, critical`. */
export function describeDefault(name: ThresholdName): string {
  const {unit, warning, critical}: Threshold = thresholds[name];
  const levels = [warning, critical].filter(value => value !== undefined);
  const written = levels.map(value => writeThreshold(unit, value)).join(',');
  if (levels.length === 2) return written;
  return warning === undefined ? `${written}, critical` : `${written}, warning only`;
}

/** A value as flags and parameters take it: `80%`, `30s`, `5`. */
export function writeThreshold(unit: ThresholdUnit, value: number): string {
  if (unit === 'ratio') return `${Number((value * 100).toFixed(2))}%`;
  if (unit === 'ms') return writeDuration(value);
  return unit === 'bytes' ? formatBytes(value) : String(value);
}
