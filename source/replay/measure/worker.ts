import {decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram} from 'hdr-histogram-js';
import {randomFrom} from '../../core/random.ts';
import type {Endpoint} from '../endpoint/endpoint.ts';
import {takeRefusals} from '../sandbox/outbound.ts';
import type {InstanceOptions} from './instance.ts';
import {
  type BenchmarkCase,
  collectUnhandledRejections,
  type Measured,
  type MeasureOptions,
  measure,
  type Progress,
} from './measure.ts';
import {
  type CountedFailure,
  createRunStats,
  type RunStats,
  recordFailure,
  type StatementStats,
  statementStats,
} from './run-stats.ts';

/** A message to a worker process. `assignment`, from which the worker opens its options, is the same each time. */
export type WorkerTask<Assignment> =
  | {kind: 'measure'; assignment: Assignment; benchmark: WorkerCase; seed: number}
  /** All processes have warmed up: start counting. */
  | {kind: 'go'}
  | {kind: 'stop'};
type WorkerCase = Omit<BenchmarkCase, 'variant'> & {variant: string};

/** A message from a worker process. */
export type WorkerReport =
  | {kind: 'ready'}
  | {kind: 'progress'; progress: Progress}
  | {kind: 'measured'; measured: PackedMeasured; notes: string[]; refusals: string[]}
  | {kind: 'failed'; message: string};

export type WorkerOptions = InstanceOptions & Pick<MeasureOptions, 'hang_timeout_ms'>;

/** Handles the tasks of a worker process, one measurement at a time. */
export function createWorker<Assignment>(
  open: (assignment: Assignment) => Promise<WorkerOptions>,
  report: (report: WorkerReport) => void,
): (task: WorkerTask<Assignment>) => void {
  let opened: Promise<WorkerOptions> | null = null;
  let go = () => {};
  let controller = new AbortController();
  const run = async ({
    assignment,
    benchmark,
    seed,
  }: Extract<WorkerTask<Assignment>, {kind: 'measure'}>): Promise<void> => {
    controller = new AbortController();
    const {signal} = controller;
    opened ??= open(assignment);
    const options = await opened;
    const rejections = collectUnhandledRejections(options.endpoint.file);
    const measured = await measure(withVariant(benchmark, options.endpoint), {
      ...options,
      signal,
      random: randomFrom(seed),
      countSessions: async () => null,
      onProgress: progress => report({kind: 'progress', progress}),
      onWarm: () =>
        new Promise(resolve => {
          go = resolve;
          if (signal.aborted) resolve();
          report({kind: 'ready'});
        }),
    });
    report({
      kind: 'measured',
      measured: packMeasured(measured),
      notes: rejections.end(),
      refusals: takeRefusals(),
    });
  };
  return task => {
    if (task.kind === 'stop') controller.abort();
    if (task.kind !== 'measure') return go();
    run(task).catch(error =>
      report({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
    );
  };
}

function withVariant(benchmark: WorkerCase, {variants, file}: Endpoint): BenchmarkCase {
  const variant = variants.find(({name}) => name === benchmark.variant);
  if (variant === undefined) throw new Error(`${file} no longer has a variant "${benchmark.variant}"`);
  return {...benchmark, variant};
}

/**
 * Splits a case into at most `count` shares that run at the same time, each in its own process. Instances, users,
 * requests and arrival rate are divided among them; each share has at least one instance and one user.
 */
export function splitCase(benchmark: BenchmarkCase, count: number): BenchmarkCase[] {
  const {instances, concurrency, requests, rate} = benchmark;
  const shares = Math.min(count, instances, concurrency);
  const ends = Array.from({length: shares + 1}, (_, share) => Math.round((instances * share) / shares));
  return Array.from({length: shares}, (_, share) => {
    const [from = 0, to = 0] = [ends[share], ends[share + 1]];
    const shareOf = (total: number) =>
      Math.round((total * to) / instances) - Math.round((total * from) / instances);
    return {
      ...benchmark,
      instances: to - from,
      concurrency: shareOf(concurrency),
      requests: requests === null ? null : shareOf(requests),
      rate: rate === null ? null : (rate * (to - from)) / instances,
    };
  });
}

const histograms = ['latency_us', 'wait_us', 'execute_us'] as const;
const sums = ['requests', 'failed', 'queries', 'rows', 'bytes'] as const;

/** A measurement as JSON, for sending between processes. */
export type PackedMeasured = Omit<Measured, 'stats'> & {
  stats: Omit<RunStats, (typeof histograms)[number] | 'statements' | 'failures'> & {
    histograms: Record<(typeof histograms)[number], string>;
    statements: StatementStats[];
    failures: CountedFailure[];
  };
};

export function packMeasured({stats, ...rest}: Measured): PackedMeasured {
  const {latency_us, wait_us, execute_us, statements, failures, ...numbers} = stats;
  return {
    ...rest,
    stats: {
      ...numbers,
      histograms: {
        latency_us: encodeIntoCompressedBase64(latency_us),
        wait_us: encodeIntoCompressedBase64(wait_us),
        execute_us: encodeIntoCompressedBase64(execute_us),
      },
      statements: [...statements.values()].flat(),
      failures: [...failures.values()],
    },
  };
}

/** Merges shares that ran at the same time. `peak_connections` is null, since no share counts sessions. */
export function mergeMeasured(shares: readonly PackedMeasured[]): Measured {
  const stats = createRunStats();
  for (const share of shares) addStats(stats, share.stats);
  return {
    stats,
    elapsed_ms: Math.max(...shares.map(({elapsed_ms}) => elapsed_ms)),
    peak_connections: null,
    peak_in_use: shares.reduce((sum, {peak_in_use}) => sum + peak_in_use, 0),
    process_busy_ratio: Math.max(...shares.map(({process_busy_ratio}) => process_busy_ratio)),
    isComplete: shares.every(({isComplete}) => isComplete),
  };
}

function addStats(stats: RunStats, share: PackedMeasured['stats']): void {
  for (const name of histograms) addHistogram(stats[name], share.histograms[name]);
  for (const name of sums) stats[name] += share[name];
  stats.max_ms = Math.max(stats.max_ms, share.max_ms);
  stats.execute_ms.push(...share.execute_ms);
  for (const {text, line, most_per_request, ...counts} of share.statements) {
    const statement = statementStats(stats, text, line);
    statement.calls += counts.calls;
    statement.rows += counts.rows;
    statement.bytes += counts.bytes;
    statement.waited_ms += counts.waited_ms;
    statement.executed_ms += counts.executed_ms;
    statement.requests += counts.requests;
    statement.most_per_request = Math.max(statement.most_per_request, most_per_request);
  }
  for (const {count, ...failure} of share.failures) recordFailure(stats, failure, count);
}

function addHistogram(to: Histogram, packed: string): void {
  const histogram = decodeFromCompressedBase64(packed, 32, false);
  // add() fails on an empty histogram, which has no highest value.
  if (histogram.totalCount > 0) to.add(histogram as Parameters<Histogram['add']>[0]);
}
