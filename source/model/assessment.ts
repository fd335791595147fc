import type {Change, Finding} from './recipe.ts';
import type {Maintenance, SettingOverride} from './recipe-data.ts';
import type {Replication, SequenceUse, UncoveredForeignKey, WriteState} from './server-facts.ts';

/** What the last minute of readings means. Overview, `check`, metrics, recordings and reports read it, and nothing beside it. */
export type Assessment = {
  /** Ranked: the first explains most of the harm. */
  findings: Finding[];
  /** Seen, but it explains no harm: below the findings, and without an act. */
  also: Finding[];
  changes: Change[];
  writable: Writable;
  /** Who waits for what in the last reading; the object that most sessions wait for first. */
  contention: Contention[];
  assessed: Assessed;
  /** What the recipes' `diagnose` returned, before it was joined and ranked. */
  diagnosed: Finding[];
  /** Recipes whose `diagnose` threw, and why: a team recipe may. */
  failed: {recipe: string; reason: string}[];
};

/** Over what an assessment was made. */
export type Assessed = {
  window_ms: number;
  readings: number;
  looked_at: string[];
  cannot_see: string[];
};

/** Sessions that wait for one object. */
export type Contention = {
  /** `row of public.orders`, `relation public.orders`, `advisory lock 42`. */
  object: string;
  waiting: number;
  /** Pids at the end of the waits, which wait for no lock themselves; 0 is a prepared transaction. */
  holders: number[];
  /** What most of the waiting sessions run, without data: `UPDATE orders`. */
  statement: string;
};

/** Whether the server takes writes; `ok` is null if it is not known. */
export type Writable = {ok: boolean | null; reasons: string[]};

/**
 * The facts of an assessment beyond the snapshot, read less often (`dueData`) and recorded with the snapshots. Each is small by its
 * nature: only what is worth a sentence. A member is absent if it could not be read.
 */
export type AssessmentFacts = {
  maintenance?: Maintenance;
  /** ALTER ROLE and ALTER DATABASE ... SET. */
  setting_overrides?: SettingOverride[];
  write_state?: WriteState;
  sequences?: SequenceUse[];
  replication?: Replication;
  foreign_keys?: UncoveredForeignKey[];
};

/** What an assessment keeps of one reading: counts, not sessions. */
export type Sample = {
  /** The server's clock, milliseconds since 1970. */
  at_ms: number;
  used: number;
  usable: number;
  /** The newest transaction id of a session, as xid (32 bits); absent if no session had one. */
  xid?: number;
  pools: PoolSample[];
  waits: WaitSample[];
  /** Sessions that wait for a lightweight lock, by the lock's name: `WALWrite`. */
  lwlocks: Record<string, number>;
  transactions: OpenTransaction[];
  databases: {
    datname: string;
    xact_commit: number;
    xact_rollback: number;
    deadlocks: number;
    temp_bytes: number;
  }[];
  /** Statements that sessions began since the sample before, by statement and application. */
  begun: {
    query_id: string;
    application_name: string;
    usename: string;
    datname: string;
    count: number;
    /** `INSERT INTO readings`, of one that writes rows. */
    writes?: string;
  }[];
  /** What identifies the server's run and its statistics. */
  server: {
    system_identifier: string | null;
    started_at: string | null;
    is_in_recovery: boolean;
    stats_reset: string | null;
  };
  /** Statements that change the schema and began since the sample before: `ALTER TABLE orders by migrator`. */
  schema_changes: {pid: number; what: string}[];
  /** When the counters of the statements were last read, by the server's clock; null if it is not known. */
  statements_at: string | null;
  /** Counters of the statements; null if they are those of an earlier sample. */
  statements: StatementSample[] | null;
};

/** The sessions of one application and role. */
export type PoolSample = {
  application_name: string;
  usename: string;
  datname: string;
  sessions: number;
  active: number;
  waiting_for_lock: number;
  idle: number;
  /** Aborted transactions included. */
  idle_in_transaction: number;
  aborted: number;
  clients: number;
  /** Sessions begun since the sample before. */
  begun: number;
  /** Age of the transactions of the busy sessions, summed. */
  xact_ms: number;
  /** backend_start of the newest session with a transaction that has written; absent if there was none. */
  newest_writer?: string;
};

/** Sessions that wait for one object. */
export type WaitSample = {
  /** `relation public.orders`, `row of public.orders`, `advisory lock 42`. */
  object: string;
  locktype: string;
  waiting: number;
  longest_ms: number;
  /** Pids that do not wait themselves and that the sessions wait for; 0 is a prepared transaction. */
  roots: number[];
};

/** A session idle in transaction. */
export type OpenTransaction = {
  pid: number;
  xact_start: string | null;
  application_name: string;
  usename: string;
  idle_ms: number;
  query_id: string | null;
};

export type StatementSample = {
  /** userid/dbid/queryid/toplevel. */
  id: string;
  queryid: string;
  calls: number;
  total_exec_time_ms: number;
  rows: number;
  /** When its entry was made (extension 1.11), if within the last minute. */
  since_ms?: number;
};
