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

/** A present problem. `subject` is stable between snapshots: `backend:4711`, `role:app`, `server`. */
export type Finding = {
  recipe: string;
  severity: Severity;
  subject: string;
  summary: string;
  evidence: Record<string, string | number | boolean | null>;
  /** The recipe's parameters for this finding, preset when it is planned. */
  params?: ParameterValues;
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
};

export type Plan = {
  recipe: string;
  params: ParameterValues;
  /** What is wrong, what will be done and what cannot be undone, one sentence each. */
  explanation: string[];
  /** A table or chart: lines of at most 76 columns, shown unwrapped. */
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
  /** Groups that stop the run between batches if they reconnect as many sessions as were ended. */
  watch_groups: WatchedGroup[];
  /** `continue` executes the steps after a failed one: only for steps that do not depend on each other. */
  on_failure?: 'stop' | 'continue';
};

/** Sessions grouped by application, role and client address. */
export type GroupKey = {application_name: string; usename: string; client_addr: string | null};

/** `steps`: indices of the steps that end sessions of this group. */
export type WatchedGroup = GroupKey & {steps: number[]};
