import type {ParameterValues} from './parameter.ts';
import type {ActedAs, StepResult} from './run.ts';
import type {Step} from './step.ts';
import type {ServerIdentity} from './target.ts';

/**
 * The record: an append-only, hash-chained list. `run` opens a run, `intent` stands on disk before each act,
 * `outcome` after it, `end` closes the run. An intent without an outcome means: unknown, verify
 * (or under way, where the run's process is still there and has not told its end).
 * `rollout` opens a staged rollout, `stage` tells what becomes of its stages, `end` closes it.
 */
export type JournalEvent =
  | {
      event: 'run';
      recipe: string;
      plan: string;
      params: ParameterValues;
      /** Which server it is on; absent in runs from before it was recorded. */
      server?: ServerIdentity;
      /** The run that this one takes back. */
      undoes?: string;
      step_count: number;
      before: Record<string, number>;
      /** Who carries it out. */
      process?: ProcessIdentity;
    }
  | {event: 'intent'; step: number; content: Step}
  | ({event: 'outcome'; step: number; acted_as?: ActedAs} & StepResult)
  | {
      event: 'end';
      status: 'done' | 'stopped' | 'failed' | 'interrupted';
      reason: string | null;
      after: Record<string, number>;
    }
  | {event: 'rollout'; name: string; plan: string; file: string; stages: string[]}
  | ({event: 'stage'; name: string} & StageEvent);

/** A process so that no later one is taken for it; what a system does not tell is ''. */
export type ProcessIdentity = {host: string; boot: string; pid_namespace: string; pid: number; start: string};

/** What the writer is given; seq, at, hash and previous are the journal's to add. */
export type JournalDraft = {
  /** `user@host` of whoever runs poolctl. */
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
  /** The hash of the entry before; 64 zeros for the first. */
  previous: string;
};

/** What happened to a stage; each is on disk before what it announces, and after what it tells. */
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
  /** As `findingKey` has them. */
  known?: string[];
  /** Of the command that was begun. */
  process?: ProcessIdentity;
  /** The one that was looked at before it was promoted. */
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
  /** The process of this machine that is at it right now; null where nobody is known to be: unknown, verify. */
  acting_pid: number | null;
};
