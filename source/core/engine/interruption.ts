import type {Clock} from '../../model/ports.ts';
import type {ExitCode, RunStatus, StepResult} from '../../model/run.ts';
import {AbortError} from '../errors.ts';

/**
 * The deadlines of an interrupted run: a short step may finish, a longer one is cancelled, and a server that does not
 * answer is abandoned. Without an interruption there are no deadlines.
 */
export type Interruption = {
  /** Aborts when the run is asked to end. */
  requested: AbortSignal;
  /** Aborts 1 s later: a step that is still executing is cancelled. */
  cancelDue: AbortSignal;
  /** Aborts 7 s after the request: poolctl then waits for nothing more. */
  expired: AbortSignal;
  /** The promise's result; rejects with NoAnswerError when `expired` aborts first. */
  waitFor<T>(promise: Promise<T>): Promise<T>;
  /** The same, but rejects 1.5 s after the request. */
  waitBriefly<T>(promise: Promise<T>): Promise<T>;
  /** Stops the timers. */
  dispose(): void;
};

/** Steps without a progress view usually take milliseconds. */
const shortStepMs = 1000;
const expireMs = 7000;
const briefMs = 1500;

export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor() {
    super('the server did not answer in time after the interruption');
  }
}

export function createInterruption(
  signal: AbortSignal | undefined,
  {sleep}: Pick<Clock, 'sleep'>,
): Interruption {
  const [cancelDue, expired, disposed] = [
    new AbortController(),
    new AbortController(),
    new AbortController(),
  ];
  const requested = signal ?? disposed.signal;
  const begin = async () => {
    try {
      await sleep(shortStepMs, disposed.signal);
      cancelDue.abort();
      await sleep(expireMs - shortStepMs, disposed.signal);
      expired.abort();
    } catch {
      // Disposed.
    }
  };
  if (signal?.aborted) void begin();
  else signal?.addEventListener('abort', begin, {once: true, signal: disposed.signal});
  return {
    requested,
    cancelDue: cancelDue.signal,
    expired: expired.signal,
    waitFor: promise => rejectOnAbort(expired.signal, promise),
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

/** Resolves when one of the signals aborts. */
export function anyAborted(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  return new Promise(resolve => {
    if (any.aborted) resolve();
    any.addEventListener('abort', () => resolve(), {once: true});
  });
}

function rejectOnAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const rejectNow = () => reject(new NoAnswerError());
    if (signal.aborted) rejectNow();
    signal.addEventListener('abort', rejectNow, {once: true});
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', rejectNow));
  });
}

/** How and why a run ended. Without `exit_code`, the steps' outcomes determine it. */
export type Stop = {
  status: RunStatus;
  reason: string | null;
  hint?: string | undefined;
  exit_code?: ExitCode;
};

/** Thrown to end a run; `execute` turns it into the run's final state. */
export class StopRun extends Error {
  override readonly name = 'StopRun';
  readonly stop: Stop;
  /** The result of the step that ended the run, if known. */
  readonly result: StepResult | null;

  constructor(stop: Stop, result: StepResult | null = null) {
    super(stop.reason ?? stop.status);
    this.stop = stop;
    this.result = result;
  }
}

/** The Stop for an AbortError or StopRun. Rethrows any other error. */
export function stopOf(error: unknown): Stop {
  if (error instanceof StopRun) return error.stop;
  if (!(error instanceof AbortError)) throw error;
  return {status: 'failed', reason: error.message, hint: error.hint, exit_code: error.exitCode};
}
