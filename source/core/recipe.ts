import type {Snapshot} from './snapshot.ts';

/** SQL and its parameters; identifiers inside `text` come from `quoteIdentifier` alone. */
export type Sql = {text: string; values: (string | number | boolean | null | (string | number)[])[]};

/** A verification that can be written down: run `query`, compare `column` of its first row with `value`. */
export type Verification = {
  query: Sql;
  expect: {column: string; op: '=' | '<>' | '<' | '<=' | '>' | '>='; value: string | number | boolean | null};
};

/** One act as data, never a closure: what to do, how to undo it, how to verify it. Serialised as it stands. */
export type Step =
  | {
      kind: 'sql';
      title: string;
      /** What it acts on, as a finding names it: `backend:4711`. */
      subject: string;
      apply: Sql;
      undo: Sql | 'irreversible';
      verify: Verification;
      lock: 'none' | 'share' | 'exclusive';
      transaction: boolean;
      timeout_ms: number;
    }
  | {kind: 'file'; title: string; subject: string; path: string; before: string; after: string}
  | {kind: 'advice'; title: string; subject: string; text: string};

type Severity = 'warning' | 'critical';

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
  kind: 'duration' | 'text' | 'integer' | 'pids' | 'states';
  /** As the user would type it; '' means not set. */
  default: string;
  /** Offered as completions in the guide. */
  suggest?: (snapshot: Snapshot) => string[];
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
  diagnose(snapshot: Snapshot): Finding[];
  /** Absent: the recipe is advice. Throws AbortError (exit 2) on a parameter it cannot read. */
  plan?(snapshot: Snapshot, params: ParameterValues): Plan;
};
