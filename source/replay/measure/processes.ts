import {AbortError, exitCodes} from '../../core/errors.ts';
import {trackPeakConnections} from './guard.ts';
import {type BenchmarkCase, type Measured, type MeasureOptions, measure, type Progress} from './measure.ts';
import type {WorkerReport, WorkerTask} from './worker.ts';
import {mergeMeasured, splitCase} from './worker.ts';

/** A process that runs `createWorker`. */
export type Worker<Assignment> = {
  send(task: WorkerTask<Assignment>): void;
  /** Replaces the listener; there is one at a time. */
  onReport(listener: (report: WorkerReport) => void): void;
  /** Resolves to the reason when the process has ended. */
  ended: Promise<string>;
  stop(): void;
};

export type Processes = {
  /** Like `measure`, but divides the instances among worker processes. Measures a single share in this process. */
  measure(benchmark: BenchmarkCase, options: MeasureOptions): Promise<Measured>;
  /** How many processes measured. */
  notes(): string[];
  /** What the endpoint tried to open in the worker processes and poolctl refused. */
  refusals(): string[];
  close(): void;
};

/**
 * Measures an application's instances in worker processes, as they run in production. A single process would reach its own
 * limit long before the server does. Workers start at the first measurement that needs them.
 */
export function createProcesses<Assignment>({
  count,
  workersOnly = false,
  assignment,
  start,
}: {
  /** Maximum number of processes. */
  count: number;
  /** Measures a single share in a worker process too, because this process is busy. */
  workersOnly?: boolean;
  assignment: Assignment;
  start: () => Worker<Assignment>;
}): Processes {
  const workers: Worker<Assignment>[] = [];
  const notes = new Set<string>();
  const refusals = new Set<string>();
  return {
    async measure(benchmark, options) {
      const cases = splitCase(benchmark, count);
      if (benchmark.instances > 1) notes.add(processesNote(benchmark.instances, cases.length));
      if (cases.length === 1 && !workersOnly) return measure(benchmark, options);
      while (workers.length < cases.length) workers.push(start());
      const shares = cases.map((each, index) => {
        const seed = Math.floor(options.random() * 2 ** 32);
        return beginShare(workers[index] as Worker<Assignment>, {assignment, benchmark: each, seed});
      });
      const result = await measureShares(shares, options);
      for (const note of result.notes) notes.add(note);
      for (const refusal of result.refusals) refusals.add(refusal);
      return result.measured;
    },
    notes: () => [...notes],
    refusals: () => [...refusals],
    close: () => {
      for (const worker of workers) worker.stop();
    },
  };
}

function processesNote(instances: number, processes: number): string {
  return processes === 1
    ? `the ${instances} instances shared one process`
    : `the ${instances} instances ran in ${processes} processes`;
}

type ShareReport = Omit<Extract<WorkerReport, {kind: 'measured'}>, 'kind'>;

/** A share of the measurement in one process. */
type Share = {
  ready: Promise<void>;
  measured: Promise<ShareReport>;
  progress: Progress;
  send(task: {kind: 'go' | 'stop'}): void;
};

function beginShare<Assignment>(
  worker: Worker<Assignment>,
  {assignment, benchmark, seed}: {assignment: Assignment; benchmark: BenchmarkCase; seed: number},
): Share {
  const ready = defer<void>();
  const measured = defer<ShareReport>();
  const fail = (message: string) => {
    const error = new AbortError(`a worker process failed: ${message}`, {exitCode: exitCodes.actFailed});
    ready.reject(error);
    measured.reject(error);
  };
  const share: Share = {
    ready: ready.promise,
    measured: measured.promise,
    progress: {elapsed_ms: 0, requests: 0, failed: 0},
    send: task => worker.send(task),
  };
  worker.ended.then(fail);
  worker.onReport(report => {
    if (report.kind === 'ready') ready.resolve(undefined);
    else if (report.kind === 'measured') measured.resolve(report);
    else if (report.kind === 'progress') share.progress = report.progress;
    else fail(report.message);
  });
  worker.send({
    kind: 'measure',
    assignment,
    benchmark: {...benchmark, variant: benchmark.variant.name},
    seed,
  });
  return share;
}

/** Starts counting when all shares have warmed up. This process counts the sessions of all shares. */
async function measureShares(
  shares: readonly Share[],
  {signal, countSessions, onProgress}: MeasureOptions,
): Promise<{measured: Measured; notes: string[]; refusals: string[]}> {
  const sendAll = (kind: 'go' | 'stop') => {
    for (const share of shares) share.send({kind});
  };
  const stop = () => sendAll('stop');
  signal.addEventListener('abort', stop, {once: true});
  if (signal.aborted) stop();
  const timer = setInterval(() => onProgress?.(sumOf(shares.map(({progress}) => progress))), 250);
  try {
    await Promise.all(shares.map(({ready}) => ready));
    const sessions = trackPeakConnections(countSessions);
    sendAll('go');
    const all = await Promise.all(shares.map(share => share.measured));
    return {
      measured: {
        ...mergeMeasured(all.map(({measured}) => measured)),
        peak_connections: await sessions.end(),
      },
      notes: all.flatMap(({notes}) => notes),
      refusals: all.flatMap(({refusals}) => refusals),
    };
  } catch (error) {
    stop();
    throw error;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}

type Deferred<Value> = {
  promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: Error): void;
};

function defer<Value>(): Deferred<Value> {
  let controls: Pick<Deferred<Value>, 'resolve' | 'reject'> = {resolve: () => {}, reject: () => {}};
  const promise = new Promise<Value>((resolve, reject) => {
    controls = {resolve, reject};
  });
  // `ready` and `measured` reject together, but only one is awaited at a time.
  promise.catch(() => {});
  return {promise, ...controls};
}

function sumOf(all: readonly Progress[]): Progress {
  return {
    elapsed_ms: Math.max(...all.map(({elapsed_ms}) => elapsed_ms)),
    requests: all.reduce((sum, {requests}) => sum + requests, 0),
    failed: all.reduce((sum, {failed}) => sum + failed, 0),
  };
}
