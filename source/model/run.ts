import type {GroupKey, HarmKind} from './recipe.ts';
import type {Pins, Step} from './step.ts';
import type {ServerIdentity} from './target.ts';

export type StepResult = {
  /** `unknown`: the session or statement has ended, but not certainly by this step. */
  outcome: 'verified' | 'applied' | 'failed' | 'skipped' | 'unknown';
  /** Rows that the statement returned; 0 if its guard did not match. */
  row_count: number;
  sqlstate: string | null;
  message: string | null;
  /** What would let it succeed, such as the exact GRANT. */
  hint?: string;
  duration_ms: number;
  /** The step's measures before and after; null if one could not be read. */
  measures?: {name: string; before: string | null; after: string | null}[];
  /** What the step's `pins` query returned. */
  pins?: Pins;
  /** It was skipped, and what it was to achieve is so without it. */
  is_met?: true;
  /** It failed and left something behind that could not be removed; the run's undo retries. */
  has_leftover?: true;
};

/** The role and server version that executed a step; over a rescue URL the role differs from the target's. */
export type ActedAs = {role: string; server_version_num: number};

/** Progress of a step, from the server's progress view. */
export type StepProgress = {
  /** The server's name for it: `building index: scanning table`. */
  phase: string;
  /** 0 to 1; null while unknown. */
  done_ratio: number | null;
  /** The session that blocks it. */
  waiting_for: {pid: number; description: string} | null;
};

/** Connection slots in use. `used` includes poolctl's own sessions, which are in no group. */
export type SlotUsage = {used: number; headroom: number; groups: (GroupKey & {count: number})[]};

export type RunStep = {
  kind: Step['kind'];
  title: string;
  subject: string;
  status: 'pending' | 'acting' | 'verifying' | 'ended';
  /** Null if the server reports none. */
  progress: StepProgress | null;
  result: StepResult | null;
};

/** A harm that a run answers, before it and after. */
export type RunHarm = {
  kind: HarmKind;
  /** Of the finding at the plan's time. */
  cause: string | null;
  subject: string;
  /** `sessions`: hurt at the same time, on average. */
  before: {summary: string; sessions: number};
  /** Null if the server was not read after the run. */
  after: HarmAfter | null;
};

export type HarmAfter = {
  /** `unknown`: such a harm takes longer to show than was read. */
  state: 'gone' | 'remains' | 'unknown';
  /** The finding that still shows it; null without one. */
  summary: string | null;
  /** Null if unknown. */
  sessions: number | null;
  /** The evidence: the number of readings since the run, and the time from the first to the last. */
  readings: number;
  over_ms: number;
};

export type RunStatus = 'done' | 'stopped' | 'failed' | 'interrupted';

/** The state of a run: plain data, a new value at each change. */
export type RunState = {
  run: string;
  recipe: string;
  target: string;
  server: ServerIdentity;
  plan_hash: string;
  phase: 'preparing' | 'acting' | 'verifying' | 'pausing' | 'observing' | 'ended';
  steps: RunStep[];
  /** Index of the executing step, or of the next one during a pause; null before and after the run. */
  current: number | null;
  /** Length of the current pause between batches; null outside one. */
  pause_ms: number | null;
  /** Null if the slots could not be read. */
  before: SlotUsage | null;
  after: SlotUsage | null;
  /** The harm that it answers; [] if none was seen. */
  harm: RunHarm[];
  /** Null until the run has ended. */
  status: RunStatus | null;
  /** Why the run ended early, or a note on a run that did not. */
  reason: string | null;
  hint: string | null;
  /** Null until the run has ended. */
  exit_code: ExitCode | null;
};

/** The exit codes, named by `exitCodes` (core/errors.ts). */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 129 | 130 | 143;
