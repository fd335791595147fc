import {AbortError, exitCodes} from '../../core/errors.ts';
import type {CaseOptions} from './benchmark.ts';
import {trackPeakConnections} from './guard.ts';
import type {BenchmarkCase, Measured, Progress} from './measure.ts';
import {
  type Loaded,
  mergeMeasured,
  splitCase,
  type WorkerReport,
  type WorkerSettings,
  type WorkerTask,
} from './worker.ts';

/** A process that runs `createWorker`. */
export type Worker<Source> = {
  send(task: WorkerTask<Source>): void;
  /** Replaces the listener; there is one at a time. */
  onReport(listener: (report: WorkerReport) => void): void;
  /** Resolves to the reason when the process has ended. */
  ended: Promise<string>;
  /** Lets the process end by itself. */
  stop(): void;
  /** Ends the process immediately, whatever it does. */
  kill(): void;
};

export type Processes = {
  /** Loads the endpoint and its client in the first process. Throws AbortError if that fails. */
  load(signal: AbortSignal): Promise<Loaded>;
  /** Opens measurements with these settings. */
  measureWith(settings: WorkerSettings): {
    /** Divides the instances among the processes. */
    measure(benchmark: BenchmarkCase, options: CaseOptions): Promise<Measured>;
    setUp(connection_limit: number, signal: AbortSignal): Promise<string | null>;
  };
  /** How many processes measured, and what the endpoint's code left behind. */
  notes(): string[];
  /** What the endpoint tried to open and poolctl refused. */
  refusals(): string[];
  close(): void;
};

/**
 * Runs an endpoint's code in worker processes only, as its instances run in production: a single process would reach its
 * own limit before the server does, and code that loops, exits or throws would take poolctl with it.
 */
export function createProcesses<Source>({
  count,
  source,
  start,
}: {
  /** Maximum number of processes. */
  count: number;
  source: Source;
  start: () => Worker<Source>;
}): Processes {
  let workers: Worker<Source>[] = [];
  let hasSetup = false;
  const notes = new Set<string>();
  const refusals = new Set<string>();
  const add = async (signal: AbortSignal): Promise<Loaded> => {
    const worker = start();
    workers.push(worker);
    worker.ended.then(() => {
      workers = workers.filter(each => each !== worker);
    });
    const task = {kind: 'load', source} as const;
    return (await exchange(worker, task, {awaits: 'loaded', signal, silence_ms: longestLoad_ms})).loaded;
  };
  const addUpTo = async (length: number, signal: AbortSignal) => {
    // Again if one ended while others were loading.
    while (workers.length < length)
      await Promise.all(Array.from({length: length - workers.length}, () => add(signal)));
  };
  return {
    async load(signal) {
      const loaded = await add(signal);
      ({hasSetup} = loaded.endpoint);
      return loaded;
    },
    measureWith: settings => ({
      async measure(benchmark, options) {
        // What a setup leaves in memory is in the first process only.
        const cases = splitCase(benchmark, hasSetup ? 1 : count);
        if (benchmark.instances > 1) notes.add(processesNote(benchmark.instances, cases.length));
        await addUpTo(cases.length, options.signal);
        // Ends all shares if one fails.
        const ending = new AbortController();
        const signal = AbortSignal.any([options.signal, ending.signal]);
        const shares = cases.map((each, index) => {
          const seed = Math.floor(options.random() * 2 ** 32);
          const task = {kind: 'measure', settings, benchmark: each, seed} as const;
          return beginShare(workers[index] as Worker<Source>, task, signal);
        });
        const all = await measureShares(shares, options).catch(async error => {
          ending.abort();
          // A report that came later would be taken for the answer to the next task.
          await Promise.allSettled(shares.map(({measured}) => measured));
          throw error;
        });
        for (const note of all.notes) notes.add(note);
        for (const refusal of all.refusals) refusals.add(refusal);
        return all.measured;
      },
      async setUp(connection_limit, signal) {
        if (!hasSetup) return null;
        const task = {kind: 'set-up', settings, connection_limit} as const;
        const silence_ms = settings.hang_timeout_ms;
        await addUpTo(1, signal);
        const [worker] = workers as [Worker<Source>];
        return (await exchange(worker, task, {awaits: 'set-up', signal, silence_ms})).problem;
      },
    }),
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

/** A large application takes seconds to load and compile, in which its process reports nothing. */
const longestLoad_ms = 120_000;
/** How long a process may take to answer a stop. An endpoint's requests have a second to end. */
const longestStop_ms = 3000;

type ReportOf<Kind extends WorkerReport['kind']> = Extract<WorkerReport, {kind: Kind}>;

/**
 * Sends a task and resolves to the report that answers it; other reports go to `onReport`. Rejects with an AbortError if
 * the process ends, fails, or reports nothing for `silence_ms`: then its code is in an endless loop, and it is killed.
 */
function exchange<Source, Kind extends WorkerReport['kind']>(
  worker: Worker<Source>,
  task: WorkerTask<Source>,
  {
    awaits,
    signal,
    silence_ms,
    onReport,
  }: {
    awaits: Kind;
    signal: AbortSignal;
    silence_ms: number;
    onReport?: (report: WorkerReport) => void;
  },
): Promise<ReportOf<Kind>> {
  return new Promise((resolve, reject) => {
    let heard_ms = performance.now();
    let aborted_ms = Number.POSITIVE_INFINITY;
    let killedFor: string | null = null;
    const end = (settle: () => void) => {
      clearInterval(watch);
      signal.removeEventListener('abort', stop);
      settle();
    };
    const fail = (message: string, {hint, exitCode}: Partial<ReportOf<'failed'>> = {}) =>
      end(() =>
        reject(
          new AbortError(message, {
            ...(hint !== undefined && {hint}),
            exitCode: exitCode ?? exitCodes.actFailed,
          }),
        ),
      );
    const stop = () => {
      aborted_ms = performance.now();
      worker.send({kind: 'stop'});
    };
    const watch = setInterval(() => {
      const now_ms = performance.now();
      const isStuck = now_ms - heard_ms > silence_ms;
      if (!isStuck && now_ms - aborted_ms < longestStop_ms) return;
      killedFor ??= isStuck
        ? stuckText(silence_ms)
        : "the endpoint's code did not stop: its process was ended";
      worker.kill();
    }, 100);
    // Fails only when a killed process has ended: the next task must not be given to it.
    worker.ended.then(reason => fail(killedFor ?? `the endpoint's process ended: ${reason}`));
    worker.onReport(report => {
      heard_ms = performance.now();
      if (report.kind === awaits) end(() => resolve(report as ReportOf<Kind>));
      else if (report.kind === 'failed') fail(report.message, report);
      else onReport?.(report);
    });
    worker.send(task);
    signal.addEventListener('abort', stop, {once: true});
    if (signal.aborted) stop();
  });
}

function stuckText(silence_ms: number): string {
  return `the endpoint's code held its process for ${Math.round(silence_ms / 1000)}s without a pause, as an endless loop does: the process was ended`;
}

/** A share of the measurement in one process. */
type Share = {
  ready: Promise<void>;
  measured: Promise<ReportOf<'measured'>>;
  progress: Progress;
  /** Starts counting. */
  go(): void;
};

function beginShare<Source>(
  worker: Worker<Source>,
  task: Extract<WorkerTask<Source>, {kind: 'measure'}>,
  signal: AbortSignal,
): Share {
  const share: Omit<Share, 'ready' | 'measured'> = {
    progress: {elapsed_ms: 0, requests: 0, failed: 0},
    go: () => worker.send({kind: 'go'}),
  };
  let isReady = () => {};
  const ready = new Promise<void>(resolve => {
    isReady = resolve;
  });
  const measured = exchange(worker, task, {
    awaits: 'measured',
    signal,
    silence_ms: task.settings.hang_timeout_ms,
    onReport(report) {
      if (report.kind === 'ready') isReady();
      if (report.kind === 'progress') share.progress = report.progress;
    },
  });
  // Reported where `measured` is awaited.
  measured.catch(() => {});
  return Object.assign(share, {ready: Promise.race([ready, measured.then(() => {})]), measured});
}

/** Starts counting when all shares have warmed up. This process counts the sessions of all shares. */
async function measureShares(
  shares: readonly Share[],
  {countSessions, onProgress}: CaseOptions,
): Promise<{measured: Measured; notes: string[]; refusals: string[]}> {
  const timer = setInterval(() => onProgress?.(sumOf(shares.map(({progress}) => progress))), 250);
  try {
    await Promise.all(shares.map(({ready}) => ready));
    const cpuBefore = process.cpuUsage();
    const sessions = trackPeakConnections(countSessions);
    for (const share of shares) share.go();
    const all = await Promise.all(shares.map(share => share.measured)).catch(async error => {
      await sessions.end();
      throw error;
    });
    const measured = mergeMeasured(all.map(each => each.measured));
    const {user, system} = process.cpuUsage(cpuBefore);
    return {
      measured: {
        ...measured,
        cpu_ms: measured.cpu_ms + (user + system) / 1000,
        peak_connections: await sessions.end(),
      },
      notes: all.flatMap(({notes}) => notes),
      refusals: all.flatMap(({refusals}) => refusals),
    };
  } finally {
    clearInterval(timer);
  }
}

function sumOf(all: readonly Progress[]): Progress {
  return {
    elapsed_ms: Math.max(...all.map(({elapsed_ms}) => elapsed_ms)),
    requests: all.reduce((sum, {requests}) => sum + requests, 0),
    failed: all.reduce((sum, {failed}) => sum + failed, 0),
  };
}
