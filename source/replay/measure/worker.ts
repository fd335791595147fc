import {decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram} from 'hdr-histogram-js';
import type pg from 'pg';
import {AbortError} from '../../core/errors.ts';
import {randomFrom} from '../../core/random.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Endpoint} from '../endpoint/endpoint.ts';
import type {Prisma} from '../prisma/measured-client.ts';
import {takeRefusals} from '../sandbox/outbound.ts';
import {type InstanceOptions, runSetup} from './instance.ts';
import {
  type BenchmarkCase,
  collectStrayErrors,
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

/** How a worker opens its pools; the same for all measurements. */
export type WorkerSettings = Pick<MeasureOptions, 'pool_timeout_ms' | 'hang_timeout_ms' | 'connection'> & {
  allowWrites: boolean;
  /** The address's `schema`, which Prisma puts before its tables. */
  schema: string | null;
  /** Replaces the function in `connection.ssl` that skips verifying the host name, since functions cannot be sent. */
  ignoresIdentity: boolean;
};

/** A message to a worker process. `load` comes first, with what the worker finds the endpoint and its client by. */
export type WorkerTask<Source> =
  | {kind: 'load'; source: Source}
  /** Runs the endpoint's setup. */
  | {kind: 'set-up'; settings: WorkerSettings; connection_limit: number}
  | {kind: 'measure'; settings: WorkerSettings; benchmark: BenchmarkCase; seed: number}
  /** All processes have warmed up: start counting. */
  | {kind: 'go'}
  | {kind: 'stop'};

/** What other processes need to know of an endpoint and its client. */
export type Loaded = {
  endpoint: Pick<Endpoint, 'route' | 'file' | 'isWriting' | 'demoDatabase'> & {
    variants: {name: string}[];
    hasSetup: boolean;
  };
  prisma: Pick<Prisma, 'major' | 'semantics'> | null;
};

/** A message from a worker process. */
export type WorkerReport =
  | {kind: 'loaded'; loaded: Loaded}
  /** Why the endpoint's setup failed; null if it succeeded. */
  | {kind: 'set-up'; problem: string | null}
  | {kind: 'ready'}
  | {kind: 'progress'; progress: Progress}
  | {kind: 'measured'; measured: PackedMeasured; notes: string[]; refusals: string[]}
  | {kind: 'failed'; message: string; hint?: string | undefined; exitCode?: ExitCode | undefined}
  /** The process still handles messages: the endpoint's code is in no endless loop. */
  | {kind: 'alive'};

type LoadedHere = {endpoint: Endpoint; prisma: Prisma | null};

const alive_ms = 1000;

/** Handles the tasks of a worker process, one at a time. */
export function createWorker<Source>(
  load: (source: Source) => Promise<LoadedHere>,
  report: (report: WorkerReport) => void,
): (task: WorkerTask<Source>) => void {
  let loading: Promise<LoadedHere>;
  let go = () => {};
  let controller = new AbortController();
  const handle = async (task: Exclude<WorkerTask<Source>, {kind: 'go' | 'stop'}>): Promise<void> => {
    controller = new AbortController();
    const {signal} = controller;
    if (task.kind === 'load') {
      loading = load(task.source);
      return report({kind: 'loaded', loaded: outlineOf(await loading)});
    }
    const here = await loading;
    const options = optionsOf(task.settings, here);
    const stray = collectStrayErrors(here.endpoint.file);
    if (task.kind === 'set-up') {
      const problem = await runSetup(task.connection_limit, {...options, signal});
      stray.end();
      return report({kind: 'set-up', problem});
    }
    const measuring = measure(task.benchmark, {
      ...options,
      signal,
      random: randomFrom(task.seed),
      countSessions: async () => null,
      onProgress: progress => report({kind: 'progress', progress}),
      onWarm: () =>
        new Promise(resolve => {
          go = resolve;
          if (signal.aborted) resolve();
          report({kind: 'ready'});
        }),
    });
    const measured = await measuring.catch(error => {
      stray.end();
      throw error;
    });
    report({
      kind: 'measured',
      measured: packMeasured(measured),
      notes: stray.end(),
      refusals: takeRefusals(),
    });
  };
  setInterval(() => report({kind: 'alive'}), alive_ms).unref();
  return task => {
    if (task.kind === 'stop') controller.abort();
    if (task.kind === 'go' || task.kind === 'stop') return go();
    handle(task).catch(error => report(failureOf(error)));
  };
}

function failureOf(error: unknown): Extract<WorkerReport, {kind: 'failed'}> {
  if (!(error instanceof AbortError))
    return {kind: 'failed', message: String((error as Error)?.message ?? error)};
  const {message, hint, exitCode} = error;
  return {kind: 'failed', message, hint, exitCode};
}

function outlineOf({endpoint, prisma}: LoadedHere): Loaded {
  const {route, file, variants, isWriting, demoDatabase, setup} = endpoint;
  return {
    endpoint: {
      route,
      file,
      variants: variants.map(({name}) => ({name})),
      hasSetup: setup !== undefined,
      ...(isWriting !== undefined && {isWriting}),
      ...(demoDatabase !== undefined && {demoDatabase}),
    },
    prisma: prisma && {major: prisma.major, semantics: prisma.semantics},
  };
}

function optionsOf(
  {ignoresIdentity, connection, schema, ...settings}: WorkerSettings,
  {endpoint, prisma}: LoadedHere,
): InstanceOptions & Pick<MeasureOptions, 'hang_timeout_ms'> {
  const {allowWrites} = settings;
  return {
    ...settings,
    endpoint,
    connection: ignoresIdentity ? withoutIdentity(connection) : connection,
    ...(prisma && {openPrisma: pool => prisma.open(pool, endpoint.file, {allowWrites, schema})}),
    ...(prisma?.Pool && {Pool: prisma.Pool}),
  };
}

/** Restores what verify-ca needs: functions cannot be sent to another process. */
function withoutIdentity({ssl, ...rest}: pg.PoolConfig): pg.PoolConfig {
  return typeof ssl === 'object' ? {...rest, ssl: {...ssl, checkServerIdentity: () => undefined}} : rest;
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
    process_cpu_ratio: Math.max(...shares.map(({process_cpu_ratio}) => process_cpu_ratio)),
    cpu_ms: shares.reduce((sum, {cpu_ms}) => sum + cpu_ms, 0),
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
