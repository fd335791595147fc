import type {GroupKey} from './plan.ts';
import type {Pins, Step} from './step.ts';
import type {ServerIdentity} from './target.ts';

export type StepResult = {
  /** `unknown`: what the act was to end has ended; whether the act did it cannot be known. */
  outcome: 'verified' | 'applied' | 'failed' | 'skipped' | 'unknown';
  /** Rows the acting statement returned: 0 means that the guard in it did not match. */
  row_count: number;
  sqlstate: string | null;
  message: string | null;
  /** What would let it succeed: the exact GRANT. */
  hint?: string;
  duration_ms: number;
  /** The step's measures, as they stood before and after; null where one could not be read. */
  measures?: {name: string; before: string | null; after: string | null}[];
  /** What the step's `pins` read. */
  pins?: Pins;
  /** It failed and left something behind that could not be removed; the run's undo tries again. */
  has_leftover?: true;
};

/** As whom an act went to the server; by a rescue address that is another role than the target's. */
export type ActedAs = {role: string; server_version_num: number};

/** How far the server is with a step that has a progress view. */
export type StepProgress = {
  /** As the server names it: `building index: scanning table`. */
  phase: string;
  /** 0 to 1; null while the server cannot tell. */
  done_ratio: number | null;
  /** The session it waits for. */
  waiting_for: {pid: number; description: string} | null;
};

/** Slots as a run watches them; poolctl's own sessions are in `used` and in no group. */
export type SlotUsage = {used: number; headroom: number; groups: (GroupKey & {count: number})[]};

export type RunStep = {
  kind: Step['kind'];
  title: string;
  subject: string;
  status: 'pending' | 'acting' | 'verifying' | 'ended';
  /** How far the server is with it, where it tells. */
  progress: StepProgress | null;
  result: StepResult | null;
};

export type RunStatus = 'done' | 'stopped' | 'failed' | 'interrupted';

/** A run as it stands: plain data, a fresh value at every change. */
export type RunState = {
  run: string;
  recipe: string;
  target: string;
  server: ServerIdentity;
  plan_hash: string;
  phase: 'preparing' | 'acting' | 'verifying' | 'pausing' | 'ended';
  steps: RunStep[];
  /** The step being carried out, or the next one while pausing; null before and after. */
  current: number | null;
  /** How long the pause between batches is; null when there is none now. */
  pause_ms: number | null;
  /** null where the slots could not be read. */
  before: SlotUsage | null;
  after: SlotUsage | null;
  /** null until it ended. */
  status: RunStatus | null;
  /** Why it did not come to its end, or what is to be known although it did. */
  reason: string | null;
  hint: string | null;
  /** The contract's; null until it ended. */
  exit_code: ExitCode | null;
};

/** The exit codes of the contract; `exitCodes` (core/errors.ts) names them. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 129 | 130 | 143;
