import {AbortError, exitCodes} from '../../core/errors.ts';
import {type Cell, type Measured, type MeasureOptions, measure, type Progress} from './measure.ts';
import {mergeMeasured, type PackedMeasured} from './merge.ts';
import {watchSessions} from './sessions.ts';
import {shareCell} from './share.ts';
import type {WorkerReport, WorkerTask} from './worker.ts';

/** A process that runs `createWorker`. */
export type Worker<Assignment> = {
  send(task: WorkerTask<Assignment>): void;
  /** Reports go to the last listener alone. */
  onReport(listener: (report: WorkerReport) => void): void;
  /** Resolves with why, when it is gone. */
  ended: Promise<string>;
  stop(): void;
};

export type Processes = {
  /** As `measure`, the instances shared among the processes; what falls to one alone is measured in this one. */
  measure(cell: Cell, options: MeasureOptions): Promise<Measured>;
  /** What is to be known of how it was measured. */
  notes(): string[];
  /** What the endpoint opened by itself, and was refused. */
  refusals(): string[];
  close(): void;
};

/**
 * Measures instances of an application in processes of their own, as they are in life: one process alone would be at
 * its limit long before a server is, and that would be measured. They are started when they are first needed.
 */
export function createProcesses<Assignment>({
  count,
  isApart = false,
  assignment,
  start,
}: {
  /** At most so many. */
  count: number;
  /** Not even a single instance is measured in this process, which has something else to do. */
  isApart?: boolean;
  assignment: Assignment;
  start: () => Worker<Assignment>;
}): Processes {
  const workers: Worker<Assignment>[] = [];
  const notes = new Set<string>();
  const refusals = new Set<string>();
  return {
    async measure(cell, options) {
      const shares = shareCell(cell, count);
      if (cell.instances > 1) notes.add(placeNote(cell.instances, shares.length));
      if (shares.length === 1 && !isApart) return measure(cell, options);
      while (workers.length < shares.length) workers.push(start());
      const parts = shares.map((share, index) => {
        const seed = Math.floor(options.random() * 2 ** 32);
        return beginPart(workers[index] as Worker<Assignment>, {assignment, cell: share, seed});
      });
      const {measured, stray, refused} = await measureParts(parts, options);
      for (const note of stray) notes.add(note);
      for (const refusal of refused) refusals.add(refusal);
      return measured;
    },
    notes: () => [...notes],
    refusals: () => [...refusals],
    close: () => {
      for (const worker of workers) worker.stop();
    },
  };
}

function placeNote(instances: number, processes: number): string {
  return processes === 1
    ? `the ${instances} instances shared one process`
    : `the ${instances} instances ran in ${processes} processes`;
}

/** A share of the measurement in one process. */
type Part = {
  ready: Promise<unknown>;
  measured: Promise<{measured: PackedMeasured; notes: string[]; refusals: string[]}>;
  progress: Progress;
  send(task: {kind: 'go' | 'stop'}): void;
};

function beginPart<Assignment>(
  worker: Worker<Assignment>,
  {assignment, cell, seed}: {assignment: Assignment; cell: Cell; seed: number},
): Part {
  const ready = defer<void>();
  const measured = defer<Awaited<Part['measured']>>();
  const fail = (message: string) => {
    const error = new AbortError(`a measuring process failed: ${message}`, {exitCode: exitCodes.actFailed});
    ready.reject(error);
    measured.reject(error);
  };
  const part: Part = {
    ready: ready.promise,
    measured: measured.promise,
    progress: {elapsed_ms: 0, requests: 0, failed: 0},
    send: task => worker.send(task),
  };
  worker.ended.then(fail);
  worker.onReport(report => {
    if (report.kind === 'ready') ready.resolve(undefined);
    else if (report.kind === 'measured') measured.resolve(report);
    else if (report.kind === 'progress') part.progress = report.progress;
    else fail(report.message);
  });
  worker.send({kind: 'measure', assignment, cell: {...cell, variant: cell.variant.name}, seed});
  return part;
}

/** All begin to count at once, when each has warmed up; sessions are counted here, for all of them. */
async function measureParts(
  parts: readonly Part[],
  {signal, countSessions, onProgress}: MeasureOptions,
): Promise<{measured: Measured; stray: string[]; refused: string[]}> {
  const tellAll = (kind: 'go' | 'stop') => {
    for (const part of parts) part.send({kind});
  };
  const stop = () => tellAll('stop');
  signal.addEventListener('abort', stop, {once: true});
  if (signal.aborted) stop();
  let sessions: ReturnType<typeof watchSessions> | null = null;
  const timer = setInterval(() => onProgress?.(sumOf(parts.map(({progress}) => progress))), 250);
  try {
    await Promise.all(parts.map(({ready}) => ready));
    sessions = watchSessions(countSessions);
    tellAll('go');
    const all = await Promise.all(parts.map(part => part.measured));
    return {
      measured: {
        ...mergeMeasured(all.map(({measured}) => measured)),
        peak_connections: await sessions.end(),
      },
      stray: all.flatMap(({notes}) => notes),
      refused: all.flatMap(({refusals}) => refusals),
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
  let settle: Pick<Deferred<Value>, 'resolve' | 'reject'> = {resolve: () => {}, reject: () => {}};
  const promise = new Promise<Value>((resolve, reject) => {
    settle = {resolve, reject};
  });
  // Whoever waits for another one of the same work is told of its failure there.
  promise.catch(() => {});
  return {promise, ...settle};
}

function sumOf(all: readonly Progress[]): Progress {
  return {
    elapsed_ms: Math.max(...all.map(({elapsed_ms}) => elapsed_ms)),
    requests: all.reduce((sum, {requests}) => sum + requests, 0),
    failed: all.reduce((sum, {failed}) => sum + failed, 0),
  };
}
