import type {ParameterValues} from './parameter.ts';
import type {Step} from './step.ts';

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
