import type {ApplicationPool, PoolQueue} from './application-pool.ts';
import type {ChangeLog, LoggedChange, StatementSample} from './change-log.ts';
import type {Pooler} from './pooler.ts';
import type {Finding} from './recipe.ts';
import type {Database} from './snapshot.ts';

/** What the last minute of readings means. Overview, `check`, metrics, recordings and reports read it, and nothing beside it. */
export type Assessment = {
  /** Ranked: the first explains most of the harm. */
  findings: Finding[];
  /** Seen, but it explains no harm: below the findings, and without an act. */
  also: Finding[];
  /** Of the last minute, oldest first. */
  changes: LoggedChange[];
  writable: Writable;
  /** Who waits for what in the last reading; the object that most sessions wait for first. */
  contention: Contention[];
  /** The PgBouncer in front of the server; null if none is known. */
  pooler: Pooler | null;
  /** Every application that has a session now, the one with the most sessions first. */
  applications: ApplicationPool[];
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
  /** Clients that wait in PgBouncer, by `database/user`, as last read; absent if none is known. */
  pooler_waits?: Readonly<Record<string, {waiting: number; maxwait_ms: number}>>;
  databases: {
    datname: string;
    xact_commit: number;
    xact_rollback: number;
    deadlocks: number;
    temp_bytes: number;
    /** Without poolctl's own commits, which the counters have. */
    rates?: Database['rates'];
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
  /** Sessions that run a statement, by statement, application and what they wait for. */
  activity: ActivitySample[];
  /** What identifies the server's run and its statistics. */
  server: {
    system_identifier: string | null;
    started_at: string | null;
    is_in_recovery: boolean;
    stats_reset: string | null;
  };
  /** Statements that change the schema and began since the sample before, with the first those that run: `ALTER TABLE orders`. */
  schema_changes: {
    pid: number;
    at_ms: number;
    statement: string;
    /** Its whole text, masked: two changes of one table have the same name. */
    query: string | null;
    application_name: string;
    usename: string | null;
  }[];
  /** When the counters of the statements were last read, by the server's clock; null if it is not known. */
  statements_at: string | null;
  /** Counters of the statements; null if they are those of an earlier sample. */
  statements: StatementSample[] | null;
  /** What changed up to it. */
  log: ChangeLog;
  /** What each pool did in the last minutes up to it, by `poolKey`, oldest first. */
  pool_counts: ReadonlyMap<string, readonly PoolCounts[]>;
};

/** A pool's readings of ten seconds, added up. */
export type PoolCounts = {
  from_ms: number;
  until_ms: number;
  readings: number;
  /** Readings in which every session was active or in a transaction. */
  all_busy: number;
  /** Busy sessions, summed and at most. */
  busy: number;
  most_busy: number;
  /** Shares of sessions idle in a transaction, summed. */
  idle_in_transaction: number;
  /** Its sessions in the last of them, and the most that two readings in a row had. */
  sessions: number;
  ceiling: number;
  /** Processes of one revision at the first of them. */
  instances: number;
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
  /** Sessions whose last statement failed before it was planned. */
  unplanned: number;
  /** Age of the transactions of the busy sessions, summed. */
  xact_ms: number;
  /** When the first of these began; absent if there are none. */
  begun_ms?: number;
  /** Sessions by client address, '' for a Unix socket. */
  addresses: Readonly<Record<string, number>>;
  /** Of its instances that report no pool, those with all of their sessions busy; absent if there are none. */
  busy_instances?: readonly BusyInstance[];
  /** Of its instances that report no pool, what may hide that it is full; absent if there is none. */
  unseen?: readonly UnseenUse[];
  /** What its pools report of themselves; absent if none does. */
  reported?: PoolQueue;
  /** backend_start of the newest session with a transaction that has written; absent if there was none. */
  newest_writer?: string;
};

/** An instance all of whose sessions are busy; those at its address that an earlier pool left are not among them. */
export type BusyInstance = {
  client_addr: string | null;
  pids: readonly number[];
  active: number;
  waiting_for_lock: number;
  /** Age of its transactions, summed. */
  xact_ms: number;
  /** What its active sessions run. */
  query_ids: readonly string[];
};

/** Sessions at one address that may be a full pool, which the server does not show. */
export type UnseenUse = {
  client_addr: string | null;
  sessions: number;
} & (
  | {
      /** Idle for the most part, but each used a moment ago, one after another: requests may keep them for something else. */
      kind: 'in turn';
      /** How long ago the one was used that has been idle longest, and that half of them have been used since. */
      longest_ms: number;
      median_ms: number;
    }
  | {
      /** All busy, and begun together, beside others that are in use: they may be another process's. */
      kind: 'burst';
      busy: BusyInstance;
    }
);

export type ActivitySample = {
  query_id: string | null;
  application_name: string;
  usename: string;
  datname: string;
  /** `Lock:tuple`, `IO:DataFileRead`; null for sessions that wait for nothing: they work. */
  event: string | null;
  sessions: number;
};

/** Sessions that wait for one object. */
export type WaitSample = {
  /** `relation public.orders`, `row of public.orders`, `advisory lock 42`. */
  object: string;
  locktype: string;
  waiting: number;
  longest_ms: number;
  /** The longest wait but one. */
  second_ms: number;
  /** Pids that do not wait themselves and that the sessions wait for; 0 is a prepared transaction. */
  roots: number[];
  /** Age of the oldest transaction of `roots`, Infinity for one that is not known; null if one of them is no session. */
  held_ms: number | null;
  /** By `poolKey`, the application with most of the waiting sessions, and how many. */
  pool: string;
  pool_waiting: number;
  /** What most of them run; null if it is not known. */
  query_id: string | null;
  /** `organiser_id = 42`, what most of their statements ask for, and how many. */
  condition: {text: string; count: number} | null;
  /** Some wait for a tuple lock, which is of one row. */
  is_one_row: boolean;
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
