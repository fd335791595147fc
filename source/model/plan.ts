import type {ParameterValues} from './parameter.ts';
import type {Step} from './step.ts';

/** A session or object the plan leaves alone, and why. */
export type Skipped = {
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
  skipped: Skipped[];
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
