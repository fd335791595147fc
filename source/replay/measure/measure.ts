import type {Variant} from '../endpoint/endpoint.ts';
import {
  beginRequest,
  createFailureReader,
  lineOf,
  type RequestTrace,
  recordFailedRequest,
  recordRequest,
} from '../pool/request-trace.ts';
import {trackPeakConnections} from './guard.ts';
import {type Instance, type InstanceOptions, inRequest, openInstance} from './instance.ts';
import {applyLoad, type Load} from './load.ts';
import {createRunStats, type RunStats, recordFailure} from './run-stats.ts';

/** One variant at one connection_limit and one concurrency. */
export type BenchmarkCase = Load & {
  /** One of the endpoint's, by its name. */
  variant: Pick<Variant, 'name'>;
  connection_limit: number;
  instances: number;
  /** How long requests run before they count; each user sends at least one. 0 for no warm-up. */
  warm_up_ms: number;
};

export type MeasureOptions = InstanceOptions & {
  /** Sessions of this measurement, counted by the server; null if it did not answer. */
  countSessions: () => Promise<number | null>;
  random: () => number;
  signal: AbortSignal;
  /** Ends the measurement when no request has ended for this long. */
  hang_timeout_ms: number;
  onProgress?: (progress: Progress) => void;
  /** Awaited between warm-up and measurement, until the other processes are ready. */
  onWarm?: () => Promise<void>;
};

export type Progress = {elapsed_ms: number; requests: number; failed: number};

export type Measured = {
  stats: RunStats;
  elapsed_ms: number;
  /** The highest number of sessions at the same time, counted by the server; null if it did not answer. */
  peak_connections: number | null;
  /** The highest number of connections checked out at the same time. */
  peak_in_use: number;
  /** Share of the time that this process was busy. Near 1, the process was the limit instead of the server. */
  process_busy_ratio: number;
  /** Processor time of all processes of the harness during the measurement. */
  cpu_ms: number;
  /** The highest share of one core that such a process took. Unlike `process_busy_ratio` without waits for a core. */
  process_cpu_ratio: number;
  isComplete: boolean;
};

/** Runs one case, warm-up first. Counts the endpoint's errors instead of throwing them. */
export async function measure(benchmark: BenchmarkCase, options: MeasureOptions): Promise<Measured> {
  const application = await startApplication(benchmark, options);
  try {
    await warmUp(benchmark, application, options);
    await options.onWarm?.();
    return await measureLoad(benchmark, application, options);
  } finally {
    await application.close();
  }
}

/** The application's instances. `send` uses them in turn. */
type Application = {
  instances: Instance[];
  send(stats: RunStats, due_ms: number): Promise<boolean>;
  /** Requests that have not ended. */
  running: Set<RequestTrace>;
  close(): Promise<void>;
};

async function startApplication(benchmark: BenchmarkCase, options: MeasureOptions): Promise<Application> {
  const instances: Instance[] = [];
  const controller = new AbortController();
  const running = new Set<RequestTrace>();
  const close = async () => {
    controller.abort();
    await Promise.all(instances.map(instance => instance.close()));
  };
  try {
    for (let each = 0; each < benchmark.instances; each++)
      instances.push(await openInstance(benchmark.connection_limit, options));
  } catch (error) {
    await close();
    throw error;
  }
  const {endpoint, random} = options;
  const {samples, variants, file} = endpoint;
  const variant = variants.find(({name}) => name === benchmark.variant.name);
  if (variant === undefined) throw new Error(`${file} no longer has a variant "${benchmark.variant.name}"`);
  const {signal} = controller;
  const readFailure = createFailureReader(file);
  let turn = 0;
  const send = async (stats: RunStats, due_ms: number) => {
    const trace = beginRequest(stats);
    const instance = instances[turn++ % instances.length] as Instance;
    const request = samples.length === 1 ? samples[0] : samples[Math.floor(random() * samples.length)];
    running.add(trace);
    try {
      await inRequest(instance, trace, {request: request ?? {}, signal}, variant.run);
      const latency_ms = performance.now() - due_ms;
      if (!signal.aborted) recordRequest(trace, latency_ms);
      return true;
    } catch (error) {
      if (!signal.aborted) recordFailedRequest(trace, readFailure(error, trace));
      return false;
    } finally {
      trace.isEnded = true;
      running.delete(trace);
    }
  };
  return {instances, send, running, close};
}

async function warmUp(
  benchmark: BenchmarkCase,
  {send, instances}: Application,
  options: MeasureOptions,
): Promise<void> {
  if (benchmark.warm_up_ms === 0) return;
  const stats = createRunStats();
  const load = {...benchmark, rate: null, requests: null, duration_ms: benchmark.warm_up_ms};
  await applyLoad(due_ms => send(stats, due_ms), {...options, ...load});
  for (const {cache} of instances) cache.clear();
}

async function measureLoad(
  benchmark: BenchmarkCase,
  application: Application,
  options: MeasureOptions,
): Promise<Measured> {
  const stats = createRunStats();
  const pools = application.instances.map(({pool}) => pool);
  for (const {checkouts} of pools) checkouts.peak = checkouts.active.size;
  const started_ms = performance.now();
  const sessions = trackPeakConnections(options.countSessions);
  const progress = setInterval(() => {
    const {requests, failed} = stats;
    options.onProgress?.({elapsed_ms: performance.now() - started_ms, requests, failed});
  }, 250);
  const busyBefore = performance.eventLoopUtilization();
  const cpuBefore = process.cpuUsage();
  const {elapsed_ms, isComplete} = await applyLoad(due_ms => application.send(stats, due_ms), {
    ...options,
    ...benchmark,
  });
  const process_busy_ratio = performance.eventLoopUtilization(busyBefore).utilization;
  const {user, system} = process.cpuUsage(cpuBefore);
  clearInterval(progress);
  const peak_connections = await sessions.end();
  recordUnfinished(stats, application, options);
  const peak_in_use = pools.reduce((sum, {checkouts}) => sum + checkouts.peak, 0);
  const cpu_ms = (user + system) / 1000;
  const process_cpu_ratio = cpu_ms / Math.max(1, elapsed_ms);
  return {
    ...{stats, elapsed_ms, peak_connections, peak_in_use, isComplete},
    ...{process_busy_ratio, process_cpu_ratio, cpu_ms},
  };
}

/** Records connections that ended requests have not released, and requests that have not ended. */
function recordUnfinished(
  stats: RunStats,
  {instances, running}: Application,
  {hang_timeout_ms, signal}: MeasureOptions,
): void {
  for (const {trace, line} of instances.flatMap(({pool}) => [...pool.checkouts.active.values()])) {
    if (!trace.isEnded) continue;
    const message = 'a connection is checked out of the pool and not released';
    recordFailure(stats, {kind: 'leak', sqlstate: null, line, message});
  }
  if (signal.aborted) return;
  for (const trace of running) {
    const state =
      trace.executing > 0
        ? 'is running a query'
        : trace.waiting > 0
          ? 'waits for a connection'
          : 'waits for something other than the database';
    const message = `no answer within ${Math.round(hang_timeout_ms / 1000)}s: the request ${state}`;
    recordFailedRequest(trace, {kind: 'hang', sqlstate: null, line: trace.line, message});
  }
}

/** Prisma closes an abandoned transaction after 5 s and then rejects what still runs in it. */
const late_ms = 10_000;

/**
 * Catches what an endpoint throws outside its requests, which would end the process: rejections of promises that it does
 * not await, and exceptions in timers and events. `end` returns one note per line and message. What is thrown in the
 * following 10 s is caught and ignored.
 */
export function collectStrayErrors(file: string): {end(): string[]} {
  const notes = new Set<string>();
  const note = (what: string) => (error: unknown) => {
    const line = lineOf(error, file);
    const text = (error instanceof Error ? error.message : String(error)).trimEnd().split('\n').at(-1);
    notes.add(`${file}${line === null ? '' : `:${line}`}: ${what}: ${text}`);
  };
  const onRejection = note('a promise that is not awaited failed');
  const onException = note('a timer or an event threw, which ends the process of an application');
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return {
    end() {
      setTimeout(() => {
        process.off('unhandledRejection', onRejection);
        process.off('uncaughtException', onException);
      }, late_ms).unref();
      return [...notes];
    },
  };
}
