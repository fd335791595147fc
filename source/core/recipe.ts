import type {FactNeeds, Facts} from './facts/facts.ts';
import type {Snapshot} from './snapshot.ts';
import type {Step} from './step.ts';

export type Severity = 'warning' | 'critical';

/** Something wrong now. `subject` is stable between readings: `backend:4711`, `role:app`, `server`. */
export type Finding = {
  recipe: string;
  severity: Severity;
  subject: string;
  summary: string;
  evidence: Record<string, string | number | boolean | null>;
  /** Parameters with which the recipe answers this finding: what the guide starts from. */
  params?: ParameterValues;
};

export type Parameter = {
  /** snake_case, as `--set name=value` takes it. */
  name: string;
  description: string;
  kind: 'duration' | 'size' | 'text' | 'integer' | 'number' | 'choice' | 'path' | 'pids' | 'states';
  /** For `choice`: the values there are. */
  choices?: readonly string[];
  /** As the user would type it; '' means not set. */
  default: string;
  /** Nothing can be planned without it: a terminal is asked for it. */
  is_required?: true;
  /** Throws AbortError on a text that the recipe could not read, for the guide to say so as it is typed. */
  check?: (text: string) => unknown;
  /** Offered as completions in the guide. */
  suggest?: (snapshot: Snapshot, facts: Facts) => string[];
};

/** Parameter values as typed, by name. */
export type ParameterValues = Record<string, string>;

/** A session or object the plan leaves alone, and why. */
export type Protected = {
  subject: string;
  description: string;
  reason: string;
  /** The server itself would refuse (42501): naming it by pid does not help. */
  is_forbidden?: boolean;
};

export type Plan = {
  recipe: string;
  params: ParameterValues;
  /** What is wrong, what will happen and what cannot be undone, in the user's words. */
  explanation: string[];
  /** A table or picture in lines that are not to be wrapped, at most 76 columns wide. */
  figure?: string[];
  /** The run this plan takes back. */
  undoes?: string;
  /** Why nothing proves that this is the server of that run: the user has to say so. */
  server_doubt?: string;
  steps: Step[];
  left_alone: Protected[];
  /** Steps carried out before each pause. */
  batch_size: number;
  pause_ms: number;
  /** What it is expected to free, for the preview: connection slots. */
  slots_freed: number;
  /** The groups whose refilling stops the run between batches. */
  watch_groups: WatchedGroup[];
  /** Whether steps after a failed one are carried out: only where they do not build on each other. */
  on_failure?: 'stop' | 'continue';
};

/** Application x role x client: who a slot is held by. */
export type GroupKey = {application_name: string; usename: string; client_addr: string | null};

/** `steps`: the indices of those that end sessions of this group. */
export type WatchedGroup = GroupKey & {steps: number[]};

/** One file in recipes/, whose name is `id`. */
export type Recipe = {
  id: string;
  title: string;
  /** One line for `poolctl recipes`. */
  summary: string;
  parameters: Parameter[];
  /** Facts its diagnosis rests on, read once a minute; absent ones find nothing. */
  watches?: FactNeeds;
  diagnose(snapshot: Snapshot, facts: Facts): Finding[];
  /** Facts its plan rests on for these parameters, read afresh before planning and again before acting. */
  needs?(params: ParameterValues): FactNeeds;
  /** Defaults drawn from the evidence, in place of the parameters' own. */
  defaults?(snapshot: Snapshot, facts: Facts): ParameterValues;
  /** Its plan is measured, by a replay: the console carries that out, a command names the command for it. */
  is_measured?: true;
  /** Absent: the recipe is advice. Throws AbortError (exit 2) on a parameter it cannot read. */
  plan?(snapshot: Snapshot, params: ParameterValues, facts: Facts): Plan;
};
