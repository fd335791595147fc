import type {PoolReport} from './snapshot.ts';

export type PoolVerdict = 'saturated' | 'oversized' | 'leaking' | 'parked' | 'dead_sockets' | 'fine';

/**
 * The sessions of one application and role in one database, judged over the readings. null: hidden from this role, or too few
 * readings to say; of a verdict also: what the server shows has two explanations, of which `may_be` is one.
 */
export type ApplicationPool = {
  application_name: string;
  usename: string;
  datname: string;
  /** The most sessions first; [] if addresses are hidden. */
  clients: PoolClient[];
  sessions: number;
  /** The most sessions that held for two readings. */
  ceiling: number;
  /** Readings in which it had a session, of the last five minutes or of --for, and the time from the first to the last. */
  readings: number;
  window_ms: number;
  /** Share of the snapshots in which every session was active or in a transaction. */
  all_busy_ratio: number | null;
  /** Sessions active or in a transaction, on average and at most. */
  average_busy: number | null;
  most_busy: number | null;
  /** Share of its sessions that were idle in a transaction. */
  idle_in_transaction_ratio: number | null;
  /** Known where no other application works in its database: PostgreSQL counts by database. Without those of poolctl; over the last minute or --for. */
  transactions_per_second: number | null;
  /** backend_start of its oldest and newest session. */
  oldest_start: string | null;
  newest_start: string | null;
  /** Processes: as many as report a pool, one at each other address. */
  instances: number | null;
  /** The most processes of one revision in the time of the readings. */
  most_instances: number | null;
  /** 2 while a deploy overlaps: its processes began at two times. */
  revisions: number | null;
  /** What its pools say of themselves; null if none does. */
  reported: PoolQueue | null;
  verdict: PoolVerdict | null;
  /** What it may be where the verdict is null. */
  may_be: PoolVerdict | null;
  /** Why, in a sentence. */
  reason: string;
};

/** Its sessions at one address; null for a Unix socket. */
export type PoolClient = {
  client_addr: string | null;
  sessions: number;
  busy: number | null;
  instances: number;
  /** More, where sessions that report nothing began in bursts of one size, as of several processes; else null. */
  may_be_instances: number | null;
  oldest_start: string | null;
};

/** The reports of an application's pools, summed; `wait_p95_ms` is the longest known, null if none is. */
export type PoolQueue = Pick<PoolReport, 'size' | 'busy' | 'waiting' | 'wait_p95_ms'>;
