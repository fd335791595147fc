import type {Clock} from '../../model/ports.ts';
import type {ExitCode, RunStatus, StepResult} from '../../model/run.ts';
import {AbortError} from '../errors.ts';

/**
 * The time that an interrupted run has: a short act ends by itself, a long one is cancelled, and a server that does
 * not answer is given up. What is not interrupted has all the time it needs.
 */
export type Interruption = {
  /** Somebody wants the run to end. */
  requested: AbortSignal;
  /** A short act had its time to end by itself. */
  cancelDue: AbortSignal;
  /** Nothing is waited for any more. */
  expired: AbortSignal;
  /** Rejects with GaveUp once it is over. */
  waitFor<T>(promise: Promise<T>): Promise<T>;
  /** For what is worth a last moment: once asked, rejects with GaveUp after that. */
  waitBriefly<T>(promise: Promise<T>): Promise<T>;
  /** Stops its timers. */
  dispose(): void;
};

/** Acts without a progress view mostly take milliseconds. */
const shortStepMs = 1000;
const expireMs = 7000;
const briefMs = 1500;

export class NoAnswerError extends Error {
  override readonly name = 'GaveUp';

  constructor() {
    super('the server did not answer in time after the interruption');
  }
}

export function createInterruption(
  signal: AbortSignal | undefined,
  {sleep}: Pick<Clock, 'sleep'>,
): Interruption {
  const [overdue, over, disposed] = [new AbortController(), new AbortController(), new AbortController()];
  const asked = signal ?? disposed.signal;
  const begin = async () => {
    try {
      await sleep(shortStepMs, disposed.signal);
      overdue.abort();
      await sleep(expireMs - shortStepMs, disposed.signal);
      over.abort();
    } catch {
      // Disposed of.
    }
  };
  if (signal?.aborted) void begin();
  else signal?.addEventListener('abort', begin, {once: true, signal: disposed.signal});
  return {
    requested: asked,
    cancelDue: overdue.signal,
    expired: over.signal,
    waitFor: promise => rejectOnAbort(over.signal, promise),
    async waitBriefly(promise) {
      if (!signal?.aborted) return promise;
      const done = new AbortController();
      const tooLong = new AbortController();
      sleep(briefMs, done.signal).then(
        () => tooLong.abort(),
        () => {},
      );
      try {
        return await rejectOnAbort(tooLong.signal, promise);
      } finally {
        done.abort();
      }
    },
    dispose: () => disposed.abort(),
  };
}

/** Resolves when one of them aborts. */
export function anyAborted(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  return new Promise(resolve => {
    if (any.aborted) resolve();
    any.addEventListener('abort', () => resolve(), {once: true});
  });
}

function rejectOnAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new NoAnswerError());
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, {once: true});
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** How a run ended, and why when not by itself. Without an exit code the steps' outcomes decide it. */
export type Stop = {
  status: RunStatus;
  reason: string | null;
  hint?: string | undefined;
  exit_code?: ExitCode;
};

/** Ends a run from wherever it is; `execute` makes its last state of it. */
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
