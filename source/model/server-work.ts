/** What the server does beside its sessions' statements: I/O, long commands, its host, its log. Read while it is shown. */

/** Counters since their reset: a rate is the difference of two readings. */
export type ServerIo = {
  /** The server's clock, ISO 8601 UTC. */
  at: string;
  /** pg_stat_io by kind of process, object and context, those that did anything; null before PostgreSQL 16. */
  counters: IoCounter[] | null;
  /** pg_stat_wal; null before PostgreSQL 14. */
  wal: {records: number; full_page_images: number; bytes: number; buffers_full: number} | null;
  /** Relations of the connected database with their indexes, most-read first. */
  relations: RelationIo[];
  /** When those were read, which is less often: the cost grows with the number of relations. */
  relations_at: string;
  /** Of all databases. */
  deadlocks: number;
  temp_bytes: number;
  shared_buffers_bytes: number;
  /** Reads and writes are timed only with it. */
  is_timed: boolean;
  /** Absent before PostgreSQL 19. */
  locks?: LockCounters;
};

/** pg_stat_lock: waits for a lock that lasted longer than deadlock_timeout and ended with it. */
export type LockCounters = {
  stats_reset: string | null;
  deadlock_timeout_ms: number;
  max_locks_per_transaction: number;
  /** How long sessions of all databases were active (pg_stat_database): what waits are a share of. */
  active_time_ms: number;
  types: {
    locktype: string;
    waits: number;
    wait_time_ms: number;
    /** Locks of the fast path that had no slot of it: they went through the shared lock table. */
    fastpath_exceeded: number;
  }[];
};

export type RelationIo = {name: string; read_bytes: number; hit_bytes: number};

/** The counters, and what they rose by over the last minute; absent with one reading, or after a reset. */
export type IoState = Omit<ServerIo, 'relations' | 'relations_at'> & {rates?: IoRates};

/** What was read and written between two readings. Rates are per second of the server's clock. */
export type IoRates = {
  interval_ms: number;
  /** By kind of process, what reads and writes most first; null before PostgreSQL 16. */
  processes: ProcessIo[] | null;
  wal: {bytes_per_second: number; full_page_share: number | null; buffers_full_per_second: number} | null;
  /** Relations of the connected database, with their indexes, that blocks were read for; the most first, at most 20. */
  relations: {name: string; read_bytes_per_second: number; share: number; hit_ratio: number}[];
  deadlocks_per_minute: number;
  temp_bytes_per_second: number;
  /** Absent before PostgreSQL 19, and after a reset of them. */
  locks?: LockRates;
};

export type LockRates = {
  /** Waits that ended, as a share of the time that sessions were active; null if none was. */
  wait_share: number | null;
  /** Those with a wait or a missing slot, the longest waits first. */
  types: {
    locktype: string;
    waits_per_second: number;
    /** Of one wait; null if none ended. */
    wait_ms: number | null;
    /** Time of the waits that ended, each the time between the readings at most, by that time: sessions that wait, on average. */
    average_waiting: number;
    fastpath_exceeded_per_second: number;
  }[];
};

export type ProcessIo = {
  backend_type: string;
  read_bytes_per_second: number;
  /** Without blocks that a relation grows by. */
  write_bytes_per_second: number;
  extend_bytes_per_second: number;
  /** Of one read; null if reads are not timed, or there were none. */
  read_ms: number | null;
  evictions_per_second: number;
  fsyncs_per_second: number;
};

export type IoCounter = {
  backend_type: string;
  object: string;
  context: string;
  reads: number;
  read_bytes: number;
  /** 0 without track_io_timing. */
  read_time_ms: number;
  writes: number;
  write_bytes: number;
  write_time_ms: number;
  extend_bytes: number;
  /** Buffers evicted to make room for another block. */
  evictions: number;
  fsyncs: number;
  fsync_time_ms: number;
};

/** A command whose progress the server reports. */
export type CommandProgress = {
  pid: number;
  /** The command and session that the figures are of: a difference is taken only of the same. */
  started_at: string | null;
  /** The server's clock, ISO 8601 UTC. */
  at: string;
  /** `vacuum`, `create index`, `copy`: the name of its view. */
  command: string;
  /** What it works on; an oid in another database, null for the whole server. */
  relation: string | null;
  application_name: string;
  usename: string | null;
  datname: string | null;
  age_ms: number | null;
  phase: string;
  /** Of its phase; null if the server does not count, `total` also if it does not know. */
  done: number | null;
  total: number | null;
  unit: 'blocks' | 'bytes' | 'rows' | 'indexes' | 'sessions' | 'partitions' | null;
  /** What it waits for, `Lock:relation`; null while it works. */
  wait: string | null;
  /** The session that it waits for; pid 0 is a prepared transaction. */
  waits_for: {pid: number; description: string} | null;
};

/** How fast a command's phase goes, and when that phase ends. */
export type ProgressRate = {
  done_ratio: number | null;
  per_second: number | null;
  /** null while it is not known: with one reading, in a new phase, without a total, or while nothing moves. */
  left_ms: number | null;
};

/** The machine that the server runs on, from its /proc; counters since its start. */
export type HostReading =
  | {kind: 'elsewhere'; reason: string}
  | {
      kind: 'here';
      at_ms: number;
      cores: number;
      /** Clock ticks of all cores. */
      cpu: {total: number; idle: number; iowait: number; steal: number};
      /** Over 1, 5 and 15 minutes. */
      load: [number, number, number];
      memory: {total_bytes: number; available_bytes: number; swap_used_bytes: number};
      /** The file systems of the data directory and, if it is another, of WAL. */
      disks: {what: 'data directory' | 'WAL'; path: string; size_bytes: number; free_bytes: number}[];
      /** Why a file system is not known; null if all are. */
      disks_unknown: string | null;
      /** Over the last half minute; absent with one reading. */
      shares?: CpuShares;
    };

/** Shares of the time of all cores between two readings, 0 to 1. */
export type CpuShares = {busy: number; iowait: number; steal: number; interval_ms: number};

/** Errors and deadlocks of the end of the server's log. */
export type ServerLog = {
  /** null: there is none to read, for the reason in `problem`. */
  file: string | null;
  /** The first and last entry that was read, ISO 8601 UTC; null in a log without one. */
  from: string | null;
  to: string | null;
  /** Entries of severity ERROR and above, alike ones together, the last one first. */
  errors: LoggedError[];
  deadlocks: LoggedDeadlock[];
  /** What keeps it from being read: another format, a prefix without a time, another machine. null if nothing does. */
  problem: string | null;
};

export type LoggedError = {
  count: number;
  /** Those of the two minutes up to the last one; 0 where its time is not known. */
  recent_count: number;
  first_at: string | null;
  last_at: string | null;
  severity: string;
  /** null where the log does not have it and the message does not show it. */
  sqlstate: string | null;
  message: string;
  /** Of the last one; null where the log does not say it. */
  pid: number | null;
  application_name: string | null;
  usename: string | null;
  datname: string | null;
  statement: string | null;
};

export type LoggedDeadlock = {
  at: string | null;
  /** Who waited for whom: the first was ended. */
  processes: {pid: number; waits_for: string; blocked_by: number; statement: string | null}[];
  context: string | null;
};
