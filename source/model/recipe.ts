import type {DataRequirements, RecipeData} from './recipe-data.ts';
import type {Snapshot} from './snapshot.ts';
import type {Step} from './step.ts';

/** One file in recipes/, whose name is `id`. */
export type Recipe = {
  id: string;
  title: string;
  /** One line for `poolctl recipes`. */
  summary: string;
  parameters: Parameter[];
  /** Facts that `diagnose` needs, read once a minute. Without them it finds nothing. */
  diagnoseRequires?: DataRequirements;
  diagnose(snapshot: Snapshot, facts: RecipeData): Finding[];
  /** Facts that `plan` needs for these parameters, read before planning and again before execution. */
  planRequires?(params: ParameterValues): DataRequirements;
  /** Defaults derived from the data; they replace the parameters' own. */
  defaults?(snapshot: Snapshot, facts: RecipeData): ParameterValues;
  /** Its plan is a benchmark (`poolctl replay`): the console runs it, `poolctl run` prints the command for it. */
  isBenchmark?: true;
  /** Absent for a recipe that only gives advice. Throws AbortError (exit 2) for an invalid parameter. */
  plan?(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan;
};

export type Severity = 'warning' | 'critical';

/**
 * A present problem. `subject` is stable between snapshots: `backend:4711`, `role:app`, `server`. A recipe's `diagnose`
 * returns what it sees; the assessment joins, ranks and completes it.
 */
export type Finding = {
  /** The recommended recipe; the kind of cause if no recipe can act on it. */
  recipe: string;
  severity: Severity;
  subject: string;
  summary: string;
  evidence: Record<string, string | number | boolean | null>;
  /** The recipe's parameters for this finding, preset when it is planned. */
  params?: ParameterValues;
  harm?: Harm;
  /** The kind of cause: `lock-queue`, `outside-call`, ...; absent for a finding of a recipe. */
  cause?: string;
  /** Subjects that it accounts for: `backend:4711`, `application:web/role:app`. They are no findings of their own. */
  explains?: string[];
  confidence?: Confidence;
  /** Why poolctl says so, one sentence each. */
  reasons?: string[];
  /** What changed, and when, that goes with it. */
  changes?: Change[];
  /** What can be done, the recommended act first. */
  acts?: Act[];
};

/** What is hurt, in the order of its weight. */
export type HarmKind =
  | 'writes'
  | 'failing'
  | 'waiting'
  | 'slots'
  | 'pool'
  | 'slow'
  | 'chatty'
  | 'vacuum'
  | 'disk'
  /** None yet: it comes by a date. */
  | 'soon';

export type Harm = {
  kind: HarmKind;
  /**
   * Sessions kept from their work at the same time: the average over the assessed time. Of slots, what is in use beyond
   * their warning level once it is critical: how many connections are refused cannot be seen.
   */
  sessions: number;
  /** Share of the readings that showed it, 0 to 1. */
  share: number;
  /** The server's time when it was first seen, ISO 8601 UTC; null if it began before the first reading. */
  since: string | null;
};

/** `certain`: read from the server. `likely`: nothing else that can be seen explains it. `possible`: others might. */
export type Confidence = 'certain' | 'likely' | 'possible';

/** Something that changed, in a sentence. `at` is the server's time, ISO 8601 UTC. */
export type Change = {at: string; what: string};

export type Act = {
  /** null: nothing that poolctl can do; `title` says what to do elsewhere. */
  recipe: string | null;
  params: ParameterValues;
  title: string;
  /** What it frees; null if it frees nothing immediately. */
  frees: string | null;
  /** What it costs, and what happens next. */
  costs: string;
};

export type Parameter = {
  /** snake_case, as in `--set name=value`. */
  name: string;
  description: string;
  kind: 'duration' | 'size' | 'text' | 'integer' | 'number' | 'choice' | 'path' | 'pids' | 'states';
  /** The valid values of a `choice`. */
  choices?: readonly string[];
  /** As typed; '' means not set. */
  default: string;
  /** No plan without it; on a terminal poolctl prompts for it. */
  is_required?: true;
  /** Throws AbortError for an invalid value, shown while it is typed. */
  check?: (text: string) => unknown;
  /** Completions for the parameter page. */
  suggest?: (snapshot: Snapshot, facts: RecipeData) => string[];
};

/** Parameter values as typed, by name. */
export type ParameterValues = Record<string, string>;

/** A session or object that the plan skips, and why. */
export type Skipped = {
  subject: string;
  description: string;
  reason: string;
  /** The server would refuse it (42501), even if named by pid. */
  is_forbidden?: boolean;
  /** To name it by pid would not change that. */
  is_final?: true;
  /** Of an undo: the step stays in effect, which the preview of its run did not say, or nothing else was undone either. */
  stays?: true;
};

export type Plan = {
  recipe: string;
  params: ParameterValues;
  /** What is wrong, what will be done and what cannot be undone, one sentence each. */
  explanation: string[];
  /** A table or chart, shown unwrapped. A tree may be wider than a page, which then cuts it. */
  figure?: string[];
  /** The run that this plan undoes. */
  undoes?: string;
  /** Why it cannot be proven that this is the server of that run; the user must confirm it. */
  server_doubt?: string;
  steps: Step[];
  skipped: Skipped[];
  /** Steps per batch; a pause follows each batch. */
  batch_size: number;
  pause_ms: number;
  /** Connection slots it is expected to free. */
  slots_freed: number;
  /**
   * Groups that stop the run between batches if they reconnect as many sessions as were ended. A pause follows the first session that
   * is ended of each, and stops the run if others of the group have ended with it.
   */
  watch_groups: WatchedGroup[];
  /** Sessions that come back are no reason to stop. */
  tolerates_reconnect?: true;
  /** `continue` executes the steps after a failed one: only for steps that do not depend on each other. */
  on_failure?: 'stop' | 'continue';
};

/** Sessions grouped by application, role and client address. */
export type GroupKey = {application_name: string; usename: string; client_addr: string | null};

/** `steps`: indices of the steps that end sessions of this group. */
export type WatchedGroup = GroupKey & {steps: number[]};
