import type {ExitCode, RunStatus, StepResult} from '../../model/run.ts';
import {AbortError} from '../errors.ts';

/** How a run ended, and why when not by itself. Without an exit code the steps' outcomes decide it. */
export type Stop = {
  status: RunStatus;
  reason: string | null;
  hint?: string | undefined;
  exit_code?: ExitCode;
};

/** Ends a run from wherever it is; `carryOut` makes its last state of it. */
export class StopRun extends Error {
  override readonly name = 'StopRun';
  readonly stop: Stop;
  /** Of the step that ended it, where that is known. */
  readonly result: StepResult | null;

  constructor(stop: Stop, result: StepResult | null = null) {
    super(stop.reason ?? stop.status);
    this.stop = stop;
    this.result = result;
  }
}

/** What the user can mend ends the run with its own exit code; anything else is ours and goes on up. */
export function stopOf(error: unknown): Stop {
  if (error instanceof StopRun) return error.stop;
  if (!(error instanceof AbortError)) throw error;
  return {status: 'failed', reason: error.message, hint: error.hint, exit_code: error.exitCode};
}
