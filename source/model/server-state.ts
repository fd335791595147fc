import type {Maintenance} from './maintenance.ts';
import type {Replication, SequenceUse, WriteState} from './server-facts.ts';
import type {CommandProgress, HostReading, IoState, ProgressRate, ServerLog} from './server-work.ts';

/**
 * What the Server view shows beyond sessions and statements: read while it is open, and by `poolctl snapshot`. Each part
 * is read on its own, and is absent if it could not be read. The first three are the facts of the assessment.
 */
export type ServerState = {
  maintenance?: Maintenance;
  replication?: Replication;
  write_state?: WriteState;
  wal?: WalState;
  autovacuum?: AutovacuumState;
  io?: IoState;
  /** Commands whose progress the server reports, the longest first. */
  progress?: (CommandProgress & ProgressRate)[];
  host?: HostReading;
  server_log?: ServerLog;
  /** A fact of the assessment, which is not read more often for the view. */
  sequences?: SequenceUse[];
};

/** WAL, its archive and checkpoints; of a standby, what it receives and replays. */
export type WalState = {
  /** The server's clock when these counters were read, ISO 8601 UTC. */
  at: string;
  /** Written since the server's WAL began, in bytes; of a standby, received or replayed from an archive. */
  written_bytes: number;
  /** The next transaction id, with its epoch, and the next multixact id, which wraps around after 2^32. */
  next_xid: number;
  next_multixact: number;
  settings: {
    max_wal_size_bytes: number;
    wal_keep_size_bytes: number;
    /** null: slots may retain any amount. */
    max_slot_wal_keep_size_bytes: number | null;
    checkpoint_timeout_ms: number;
  };
  /** Of the directory pg_wal; null without pg_monitor. */
  directory: {files: number; bytes: number} | null;
  /** Since `stats_reset`. On a standby these are restartpoints. */
  checkpoints: {timed: number; requested: number; stats_reset: string | null};
  /** null with archive_mode = off. */
  archive: {
    archived_count: number;
    failed_count: number;
    last_archived_at: string | null;
    last_failed_at: string | null;
    last_failed_file: string | null;
    /** Segments that wait to be archived; null without pg_monitor. */
    ready_files: number | null;
  } | null;
  /** null unless the server is a standby. */
  recovery: {
    is_paused: boolean;
    /** Received and not replayed yet. */
    replay_lag_bytes: number;
    /** Age of the last transaction replayed, which grows while the primary writes nothing; null if there was none. */
    last_replayed_age_ms: number | null;
    /** pg_stat_wal_receiver: null if there is none; its figures are null if hidden from this role. */
    receiver: {status: string | null; sender: string | null; slot: string | null} | null;
    /** Queries of this standby cancelled since `stats_reset`, by cause (pg_stat_database_conflicts). */
    conflicts: Record<string, number>;
    /** pg_stat_recovery: null if hidden from this role; absent before PostgreSQL 19. */
    replay?: ReplayPosition | null;
  } | null;
  /** Growth since an earlier reading, at most ten minutes before; absent with one reading. */
  rates?: {
    interval_ms: number;
    written_bytes_per_second: number;
    xids_per_second: number;
    multixacts_per_second: number;
    checkpoints_timed: number;
    checkpoints_requested: number;
    archived_count: number;
    failed_count: number;
    conflicts: number;
  };
};

/** How far a standby has replayed. Times are ISO 8601 UTC. */
export type ReplayPosition = {
  /** A promotion has begun: recovery ends. */
  promote_triggered: boolean;
  pause_state: 'not paused' | 'pause requested' | 'paused';
  last_replayed_end_lsn: string;
  last_replayed_tli: number;
  /** Beyond `last_replayed_end_lsn` while a record is being replayed. */
  replay_end_lsn: string;
  /** When the last transaction that was replayed ended, by the clock of its primary; null if there was none. */
  last_xact_at: string | null;
  /** Since when the WAL that is replayed now was there. */
  chunk_started_at: string | null;
};

/** What autovacuum does in the whole server, and what it does not get done in the connected database. */
export type AutovacuumState = {
  at: string;
  /** autovacuum of the server: off, only wraparound is prevented. */
  is_on: boolean;
  max_workers: number;
  /** null if hidden from this role. */
  workers:
    | {
        database: string | null;
        table: string | null;
        age_ms: number | null;
        is_to_prevent_wraparound: boolean;
      }[]
    | null;
  naptime_ms: number;
  freeze_max_age: number;
  multixact_freeze_max_age: number;
  /** Of the connected database, those with the oldest relfrozenxid first. */
  oldest_tables: {schema: string; name: string; xid_age: number; multixact_age: number; size_bytes: number}[];
  /** Age of every database's oldest transaction id and multixact, oldest first. */
  databases: {name: string; xid_age: number; multixact_age: number}[];
  /** Tables that have to be vacuumed, at most ten: those with the highest score first, before PostgreSQL 19 with most dead rows. */
  due: DueTable[];
};

/** A table of the connected database that autovacuum has to vacuum: before PostgreSQL 19, one with dead rows beyond its threshold. */
export type DueTable = {
  oid: string;
  schema: string;
  name: string;
  dead_rows: number;
  vacuum_threshold: number;
  /** Completed autovacuums of the table. */
  autovacuum_count: number;
  vacuum_age_ms: number | null;
  /** Since when it has been due without a finished autovacuum, as far as the readings go back. */
  due_ms: number;
  /** Readings in which a worker was on it that did not finish. */
  unfinished_workers: number;
  /** By which autovacuum takes one before another (pg_stat_autovacuum_scores); absent before PostgreSQL 19. */
  score?: number;
  /** Due also for its oldest transaction ids or multixacts; absent before PostgreSQL 19. */
  is_for_wraparound?: boolean;
};
