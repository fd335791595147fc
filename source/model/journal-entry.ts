import type {ParameterValues} from './recipe.ts';
import type {ActedAs, RunHarm, StepResult} from './run.ts';
import type {Step} from './step.ts';
import type {ServerIdentity} from './target.ts';

/**
 * The journal is an append-only, hash-chained list of entries. `run` opens a run, `intent` precedes each step, `outcome`
 * follows it, `end` closes the run. An intent without an outcome is unknown, or in progress while the run's process is
 * alive. `rollout` opens a staged rollout, `stage` records what happens to a stage, `end` closes the rollout.
 */
export type JournalEvent =
  | {
      event: 'run';
      recipe: string;
      plan: string;
      params: ParameterValues;
      /** The run's server; absent in older journals. */
      server?: ServerIdentity;
      /** The run that this one undoes. */
      undoes?: string;
      step_count: number;
      before: Record<string, number>;
      /** The process that executes it. */
      process?: ProcessIdentity;
    }
  | {event: 'intent'; step: number; content: Step}
  | ({event: 'outcome'; step: number; acted_as?: ActedAs} & StepResult)
  | {
      event: 'end';
      status: 'done' | 'stopped' | 'failed' | 'interrupted';
      reason: string | null;
      after: Record<string, number>;
      /** The harm that the run answered; absent if none was seen. */
      harm?: RunHarm[];
    }
  | {event: 'rollout'; name: string; plan: string; file: string; stages: string[]}
  | ({event: 'stage'; name: string} & StageEvent);

/** Identifies a process even if its pid is reused; '' for what the system does not provide. */
export type ProcessIdentity = {host: string; boot: string; pid_namespace: string; pid: number; start: string};

/** An entry before the journal adds seq, at, hash and previous. */
export type JournalDraft = {
  /** `user@host` that runs poolctl. */
  actor: string;
  /** The target's id, never a password. */
  target: string;
  /** The run's id. */
  run: string;
} & JournalEvent;

export type JournalEntry = JournalDraft & {
  schema_version: 1;
  seq: number;
  /** ISO 8601 UTC. */
  at: string;
  /** SHA-256, hex, of the previous hash and this entry's canonical JSON. */
  hash: string;
  /** The previous entry's hash; 64 zeros for the first entry. */
  previous: string;
};

/** What happened to a stage. Written before what it announces and after what it reports. */
export type StagePhase =
  | 'approved'
  | 'promoting'
  | 'promoted'
  | 'watching'
  | 'passed'
  | 'failed'
  | 'rolling back'
  | 'rolled back'
  | 'not rolled back';

export type StageEvent = {
  stage: number;
  phase: StagePhase;
  detail: string | null;
  seen_ms?: number;
  /** Keys of `findingKey`. */
  known?: string[];
  /** The process of the stage's command. */
  process?: ProcessIdentity;
  /** The server that was checked before the promotion. */
  server?: ServerIdentity;
};

export type UnfinishedIntent = {
  seq: number;
  at: string;
  target: string;
  run: string;
  step: number;
  title: string;
  subject: string;
  /** The process on this host that is executing it; null if none is known, so its outcome is unknown. */
  acting_pid: number | null;
};
