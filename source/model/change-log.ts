import type {AssessmentFacts} from './assessment-facts.ts';
import type {Change} from './recipe.ts';

export type ChangeKind = 'statement' | 'setting' | 'sessions' | 'server' | 'schema';

/** A change in its parts; `what` is the sentence of them. */
export type LoggedChange = Change & {
  /** The same while the change goes on, as a wave of connects does. */
  id: number;
  kind: ChangeKind;
  /** `UPDATE orders`, `work_mem`; '' where `by` is what changed. */
  object: string;
  /** `is new`, `was set`. */
  event: string;
  /** Figures or values, with their unit; null if there is none. */
  before: string | null;
  after: string | null;
  /** The application and role, `web/app`; null if it is not known. */
  by: string | null;
  /** What it is about, as findings name their subjects; null for the whole server. */
  subject: string | null;
  /** The entry of a statement, by userid/dbid/queryid/toplevel. */
  statement?: string;
  /** Its text has not been read yet. */
  is_unnamed?: true;
  wave?: Wave;
};

/** Sessions that came or went together, perhaps over several readings. */
export type Wave = {
  verb: 'connected' | 'opened' | 'closed' | 'disconnected';
  sessions: number;
  clients: readonly string[];
  /** Its first and last readings, milliseconds since 1970. */
  from_ms: number;
  until_ms: number;
  /** Too few to begin a wave: they can only be part of one. */
  is_few?: true;
};

/** What changed in the last hour up to a sample, and what the next samples are compared with. */
export type ChangeLog = {
  /** In the order in which they were noticed. */
  entries: readonly LoggedChange[];
  /** The first sample; null before it. */
  began_ms: number | null;
  next_id: number;
  /** Statements seen so far, by id; null before their counters were read. */
  known: ReadonlySet<string> | null;
  /** How often entries had been evicted when the counters were last read; null if there were none. */
  dealloc: number | null;
  /** When an eviction was last seen. */
  evicted_ms: number | null;
  /** The counters that the current window of statements began with; null before there are any. */
  window: StatementWindow | null;
  usual: ReadonlyMap<string, UsualRates>;
  facts: AssessmentFacts;
  /** When `facts` last brought other settings to compare with. */
  facts_ms: number | null;
};

export type StatementWindow = {
  at_ms: number;
  counters: ReadonlyMap<string, StatementSample>;
};

/** What a statement did in its windows before the current one. */
export type UsualRates = {
  windows: number;
  calls_per_second: number;
  mean_ms: number;
  /** The highest of them, which fade: what has been reached lately is no news. */
  peak_calls_per_second: number;
  peak_mean_ms: number;
  /** Windows in a row in which it was called, up to its silence. */
  steady_windows: number;
  silent_windows: number;
  /** Its silence has been logged. */
  is_gone: boolean;
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
