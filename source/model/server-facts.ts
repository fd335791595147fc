/** What decides whether the server takes writes, and for how long. */
export type WriteState = {
  is_in_recovery: boolean;
  /**
   * default_transaction_read_only of the server, and the file that sets it. null: this role may not read
   * pg_file_settings, and its own session's value says nothing.
   */
  default_read_only: boolean | null;
  read_only_source: string | null;
  /** Transaction ids that are left until the server refuses writes (xidStopLimit in varsup.c), in the oldest database. */
  xids_left: number;
  oldest_database: string;
  multixacts_left: number;
  oldest_multixact_database: string;
  /** synchronous_standby_names; '' for none. */
  synchronous_standby_names: string;
  /** Standbys that a commit waits for and that are connected (pg_stat_replication.sync_state); null if hidden from this role. */
  synchronous_standbys: number | null;
  /** pg_notification_queue_usage(), 0 to 1: at 1 NOTIFY fails. */
  notify_queue_ratio: number;
  /** null with archive_mode = off. */
  archive: {failed_count: number; last_failed_at: string | null; last_archived_at: string | null} | null;
  /** How fast ids are used; absent in older recordings. */
  ids?: IdUsage;
};

/** The ids that a server will use next, and whose they are: those of two servers are not compared. */
export type IdReading = {at: string; next_xid: number; next_multixact: number; system_identifier: string};

export type IdUsage = {
  /** The server's clock, ISO 8601 UTC. */
  at: string;
  /** The next transaction id, with its epoch, and the next multixact id, which wraps around after 2^32. */
  next_xid: number;
  next_multixact: number;
  /**
   * Ids used in the longest time that is known: of poolctl's own readings, a day at most, or since the last checkpoint began; null
   * while that is less than half a minute.
   */
  since: {interval_ms: number; is_checkpoint: boolean; xids: number; multixacts: number} | null;
};

/** The shared lock table: what does not fit in fails (53200). */
export type LockTable = {
  /** When it was read, by the clock of the server. ISO 8601 UTC with microseconds. */
  at: string;
  /** Objects locked, without those of the fast path, which need no entry. */
  used: number;
  /** max_locks_per_transaction of each process and prepared transaction; the server has room for some more. */
  capacity: number;
  /** Null without a lock. */
  most: MostLocks | null;
};

/** Who has most of the locks. */
export type MostLocks = {
  /** Null of a prepared transaction. */
  pid: number | null;
  /** As of `Backend`. */
  backend_start: string | null;
  locks: number;
  /** False: all are advisory locks of a session without a transaction, which keeps them until it ends. */
  in_transaction: boolean;
};

/** The server's settings that are not at their built-in value, whatever sessions set for themselves. */
export type ServerSettings = {
  /** When this connection's process last read the configuration files: at its first query after a reload. ISO 8601 UTC. */
  loaded_at: string;
  /**
   * By name, with their unit; of commands and connection strings only a digest. null where the setting of this connection
   * or role hides the server's.
   */
  values: Record<string, string | null>;
};

/** A sequence or identity that has used up more than half of what its column can hold, or of its own limit. */
export type SequenceUse = {
  schema: string;
  name: string;
  /** int8 as text; null if it was never used. */
  last_value: string | null;
  increment: string;
  /** Its limit in the direction of its increment: of one that goes down, its MINVALUE. */
  max_value: string;
  is_cycled: boolean;
  /** The column that takes its values; null if no column depends on it. */
  table: {
    oid: string;
    schema: string;
    name: string;
    column: string;
    type: string;
    /** At the last vacuum or analyze; without its indexes. */
    rows: number;
    size_bytes: number;
  } | null;
  /**
   * The largest value that the column's type holds (of a sequence that goes down, the smallest), and those of columns
   * narrower than bigint that refer to it, int8 as text. null if the type is no integer.
   */
  column_max: string | null;
  referring: {schema: string; table: string; column: string; type: string; column_max: string}[];
  /** Share of the smallest of these limits that is used, 0 to 1. */
  used_ratio: number;
};

export type Replication = {
  slots: ReplicationSlot[];
  standbys: {
    application_name: string;
    client_addr: string | null;
    /** null if hidden from this role. */
    state: string | null;
    sync_state: string | null;
    replay_lag_ms: number | null;
    lag_bytes: number | null;
  }[];
};

export type ReplicationSlot = {
  name: string;
  kind: 'physical' | 'logical';
  database: string | null;
  plugin: string | null;
  is_active: boolean;
  active_pid: number | null;
  /** How far it holds back vacuum, and vacuum of catalogs, in transactions; null if it does not. */
  xmin_age: number | null;
  catalog_xmin_age: number | null;
  /** WAL that is kept for it; null if it keeps none. */
  retained_bytes: number | null;
  /** PG13+: reserved, extended, unreserved, lost. */
  wal_status: string | null;
  /** Bytes that can still be written before it is lost; null without max_slot_wal_keep_size. */
  safe_wal_bytes: number | null;
  is_temporary: boolean;
  /** PG17+, on a standby: a copy of the primary's for a failover, which has no consumer here and cannot be dropped; absent in older recordings. */
  is_synced?: boolean;
  /** PG17+: how long it has been without a consumer; absent in older recordings. */
  inactive_ms?: number | null;
  /** PG17+: why it is lost. */
  invalidation_reason?: string | null;
  /** What identifies a slot that is not in use, as it has no oid: none of these changes without a consumer. */
  restart_lsn: string | null;
  xmin: string | null;
  catalog_xmin: string | null;
  /** PG17+: since when it has no consumer, exactly; absent in older recordings. */
  inactive_since?: string | null;
};

/** A table partitioned by ranges of time, without a partition for now: rows of now are refused (23514). */
export type MissingPartition = {
  schema: string;
  table: string;
  column: string;
  /** Where its last partition ends. ISO 8601 UTC. */
  ended_at: string;
};

/** What the catalog has that makes a statement fail each time; of each kind a few, the newest first. */
export type Obstacles = {
  privileges: MissingPrivilege[];
  /** Tables that lost a column, and how many transactions ago; the server keeps no name of it. */
  dropped_columns: {schema: string; table: string; is_only_name: boolean; xmin_age: number}[];
  /** NOT NULL, without a default and not filled by a trigger: an INSERT has to name them. */
  required_columns: RequiredColumn[];
};

export type RequiredColumn = {
  schema: string;
  table: string;
  name: string;
  /** No other relation of any schema has the table's name. */
  is_only_name: boolean;
};

/** What a role with a session in the database may not use at all; not of roles that may become another one with more rights. */
export type MissingPrivilege = {
  role: string;
  kind: 'schema' | 'table' | 'sequence';
  schema: string;
  /** Of the table or sequence; of a schema its own again. */
  name: string;
  /** The table that the role may insert into and whose default takes its value from the sequence. */
  table: string | null;
  table_schema: string | null;
  /** The column of that default. */
  column: string | null;
  /** No other relation of any schema has the table's name. */
  is_only_name: boolean;
};

/** A foreign key whose columns no index of its table begins with. */
export type UncoveredForeignKey = {
  name: string;
  /** The table that refers, whose rows are scanned for each deleted row of the other one. */
  schema: string;
  table: string;
  columns: string[];
  rows: number;
  references_schema: string;
  references_table: string;
  /** Absent in older recordings. */
  references_columns?: string[];
  /** Tables, as `schema.name`, whose deleted rows delete rows of the referenced one (ON DELETE CASCADE). */
  deleted_with: string[];
};
