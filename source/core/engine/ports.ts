import type {ProcessIdentity} from '../../model/journal-entry.ts';
import type {Clock, Executor, Files, Journal, Sha256} from '../../model/ports.ts';
import type {SlotUsage, StepProgress} from '../../model/run.ts';
import type {SqlStep, Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';

export type StepPorts = {
  executor: Executor;
  clock: Clock;
  /** Absent if the caller writes no files; a plan with a file step is then a bug. */
  files?: Files;
  /** Progress of a step that has a progress view; null if the server reports none. */
  progress?(step: SqlStep): Promise<StepProgress | null>;
};

/** Whether a step may still be executed. */
export type Recheck = {kind: 'go'} | {kind: 'skip'; reason: string} | {kind: 'stop'; reason: string};

export type EnginePorts = StepPorts & {
  journal: Journal;
  sha256: Sha256;
  /** Reads slot usage; called before each batch and after the last. */
  slots(): Promise<SlotUsage>;
  /** Called right before each step, in addition to the guard inside its statement. */
  recheck?(step: Step): Promise<Recheck>;
};

export type RunIdentity = {
  /** The run's id, unique in the journal. */
  run: string;
  /** `user@host` that runs poolctl. */
  actor: string;
  /** The target's id. */
  target: string;
  /** The server that the plan was made for; nothing is executed on another. */
  server: ServerIdentity;
  /** Lets other processes see whether the run is still in progress. */
  process?: ProcessIdentity;
};
