import type {ProcessIdentity} from '../../model/journal-entry.ts';
import type {Clock, Executor, Files, Journal, Sha256} from '../../model/ports.ts';
import type {SlotUsage, StepProgress} from '../../model/run.ts';
import type {SqlStep, Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';

export type StepPorts = {
  executor: Executor;
  clock: Clock;
  /** Absent where nothing may be written: a plan with a file step is then a defect. */
  files?: Files;
  /** How far the server is with a step that has a progress view; null where it does not say. */
  progress?(step: SqlStep): Promise<StepProgress | null>;
};

/** What the re-diagnosis right before a step says of it. */
export type Recheck = {kind: 'go'} | {kind: 'skip'; reason: string} | {kind: 'stop'; reason: string};

export type EnginePorts = StepPorts & {
  journal: Journal;
  sha256: Sha256;
  /** A fresh reading of the slots: before the first batch, before every further one, and after the last. */
  slots(): Promise<SlotUsage>;
  /** Asked right before each step. The acting statement carries its own guard; this one can know more. */
  recheck?(step: Step): Promise<Recheck>;
};

export type RunIdentity = {
  /** The run's id, unique in the journal. */
  run: string;
  /** `user@host` of whoever runs poolctl. */
  actor: string;
  /** The target's id. */
  target: string;
  /** The server that the plan was made on: the only one that is acted on. */
  server: ServerIdentity;
  /** Tells others whether it is still under way. */
  process?: ProcessIdentity;
};
