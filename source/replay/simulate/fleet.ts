import {AbortError} from '../../core/errors.ts';
import {randomFrom} from '../../core/random.ts';
import {formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {ReplayResult, ReplayTimes} from '../../model/replay-report.ts';
import {
  type BenchmarkMatrix,
  type BenchmarkOptions,
  busyProcess,
  type CaseOptions,
} from '../measure/benchmark.ts';
import type {BenchmarkCase, Measured} from '../measure/measure.ts';
import {toResult} from '../measure/results.ts';
import {type Model, type Simulated, simulate} from './queueing-network.ts';

type Options = BenchmarkOptions & {instances: number; pool_timeout_ms: number};

/**
 * Simulates each variant with up to `instances` instances of the application, at the users and connection_limit of its last
 * measured result. The model is fitted to measurements of one request at a time and of half the instances that the
 * server has room for, and checked against a measurement of all of those. Gives no figure that this check does not
 * support; the notes say why, and how far the checked figures are off.
 */
export async function simulateInstances(
  matrix: BenchmarkMatrix,
  results: readonly ReplayResult[],
  options: Options,
): Promise<{results: ReplayResult[]; notes: string[]}> {
  const all: {results: ReplayResult[]; notes: string[]} = {results: [], notes: []};
  for (const {name} of matrix.variants) {
    const last = results.filter(each => each.variant === name && each.requests_per_second > 0).at(-1);
    if (last === undefined || options.signal.aborted || options.guard.signal.aborted) continue;
    const simulated = await simulateVariant(last, matrix, options).catch((error: unknown) => {
      // Its process ended: what was measured is kept.
      if (error instanceof AbortError) return error.message;
      throw error;
    });
    if (typeof simulated === 'string') all.notes.push(`${name}: not simulated: ${simulated}`);
    else {
      all.results.push(...simulated.results);
      all.notes.push(...simulated.notes.map(note => `${name}: ${note}`));
    }
  }
  return all;
}

/** The simulated results, or why there are none. */
async function simulateVariant(
  last: ReplayResult,
  matrix: BenchmarkMatrix,
  {guard, signal, measure, instances, pool_timeout_ms}: Options,
): Promise<{results: ReplayResult[]; notes: string[]} | string> {
  if (matrix.rate !== null) return 'it needs users who wait for their answers, not --rate';
  const {connection_limit} = last;
  const users = Math.max(1, Math.round(last.concurrency / last.instances));
  const counts = await guard.room().catch(() => null);
  if (counts === null) {
    guard.lose();
    return interruptionOf(guard);
  }
  const slots = counts.usable;
  const room = Math.min(slots, counts.connections);
  const held = Math.min(instances, Math.floor(room / connection_limit));
  if (held < 2)
    return `its check needs 2 instances with ${connection_limit} connections each, and the server has ${room} free`;
  const random = randomFrom(matrix.seed);
  const own: CaseOptions = {random, countSessions: guard.count, signal};
  const duration_ms = Math.min(10_000, Math.max(1000, 20 * last.latency_ms.p50));
  const caseOf = (count: number): BenchmarkCase => ({
    variant: {name: last.variant},
    connection_limit,
    instances: count,
    concurrency: users * count,
    requests: null,
    duration_ms,
    rate: null,
    warm_up_ms: matrix.warm_up_ms,
  });
  const alone = await measure({...caseOf(1), concurrency: 1, requests: 2000}, own);
  const fitted = await measure(caseOf(Math.max(1, held >> 1)), own);
  const checked = await measure(caseOf(held), own);
  if (signal.aborted || guard.signal.aborted) return interruptionOf(guard);
  const real = toResult(caseOf(held), checked);
  if (checked.process_cpu_ratio > busyProcess)
    return `a process of poolctl took ${formatRatio(checked.process_cpu_ratio, 0)} of a core with ${held} instances, so the server's limit is unknown`;
  const calibration = calibrate(alone, fitted);
  if (calibration === null) return 'it takes answered requests with queries';
  const fleet: Fleet = {calibration, slots, pool_timeout_ms};
  const run = (count: number) => {
    const setting = {...last, instances: count, concurrency: users * count};
    const simulated = simulate(modelOf(fleet, setting), {duration_ms: 10_000, events: maxEvents, random});
    return {result: toSimulatedResult(last, setting, simulated), busy: busyQueries(simulated)};
  };
  const check = run(held).result;
  const errors = errorsOf(check, real);
  if (Math.max(...Object.values(errors)) > maxError)
    return `with ${held} instances it gives ${describe(check)}, and ${describe(real)} were measured`;
  const {capacity} = calibration;
  const seen = busyQueries({
    executes_ms: [checked.stats.execute_us.mean * (real.requests / 1000)],
    duration_ms: real.duration_ms,
  });
  const runs = instanceCounts(last.instances, instances).map(run);
  // Where no limit was seen, one may lie beyond what was seen.
  const known = runs.filter(({busy}) => capacity !== Number.POSITIVE_INFINITY || busy <= maxBeyond * seen);
  const limit =
    capacity === Number.POSITIVE_INFINITY
      ? `no limit of the server was seen up to ${formatCount(Math.round(seen))} concurrent queries`
      : `the server ran ${formatCount(Math.round(capacity * 10) / 10)} concurrent queries at full speed, beside poolctl on this machine or its network`;
  const dropped = runs.find(each => !known.includes(each));
  return {
    results: known.map(({result}) => result),
    notes: [
      `simulated; checked against ${held} measured instances, fitted to ${Math.max(1, held >> 1)}: off by ${formatRatio(errors.requests, 0)} in requests/s, ${formatRatio(errors.p50, 0)} in p50, ${formatRatio(errors.p95, 0)} in p95; ${limit}`,
      ...(dropped === undefined
        ? []
        : [
            `not simulated with ${dropped.result.instances} instances, which would run about ${formatCount(Math.round(dropped.busy))} concurrent queries: ${limit}`,
          ]),
    ],
  };
}

function interruptionOf(guard: BenchmarkOptions['guard']): string {
  return guard.reason() ?? 'it was interrupted';
}

/** A simulation that is off by more than this share says nothing. */
const maxError = 0.25;
/** Without a known limit of the server the simulation goes up to this multiple of the queries that were seen to run concurrently. */
const maxBeyond = 2;
/** A server whose queries take this much longer under load has reached a limit. */
const slowdown = 1.25;

/** How far a simulated result is off, as shares of the measured one. */
function errorsOf(simulated: ReplayResult, real: ReplayResult) {
  const off = (a: number, b: number, of = b) => Math.abs(a - b) / Math.max(of, 1e-6);
  return {
    requests: off(simulated.requests_per_second, real.requests_per_second),
    p50: off(simulated.latency_ms.p50, real.latency_ms.p50),
    p95: off(simulated.latency_ms.p95, real.latency_ms.p95),
    wait: off(simulated.wait_ms.p50, real.wait_ms.p50, real.latency_ms.p50),
  };
}

function describe({requests_per_second, latency_ms}: ReplayResult): string {
  return `${formatCount(requests_per_second)} requests/s, p50 ${formatMs(latency_ms.p50)} and p95 ${formatMs(latency_ms.p95)}`;
}

/** The mean number of requests that had a query running (Little's law). */
function busyQueries({executes_ms, duration_ms}: Pick<Simulated, 'executes_ms' | 'duration_ms'>): number {
  return executes_ms.reduce((sum, each) => sum + each, 0) / Math.max(1, duration_ms);
}

/** The cost of one request, and the server's limit; the input of a simulation. */
type Calibration = {
  queries: number;
  parallel_queries: number;
  service_ms: number[];
  application_ms: number;
  /** Queries that the server runs at full speed at the same time; Infinity if no limit was seen. */
  capacity: number;
};

/** null if no request was answered. */
function calibrate({stats}: Measured, loaded: Measured): Calibration | null {
  const answered = stats.requests - stats.failed;
  if (answered === 0 || stats.queries === 0 || loaded.stats.queries === 0) return null;
  const service_ms = stats.execute_ms;
  const mean_ms = meanOf(service_ms);
  const queries = stats.queries / stats.requests;
  const execute_ms = stats.execute_us.mean / 1000;
  // Processor sharing: if queries take longer, the work done in a unit of time is all that the server can do.
  const isSlowed = meanOf(loaded.stats.execute_ms) > slowdown * mean_ms;
  const work = (loaded.stats.queries * mean_ms) / loaded.elapsed_ms;
  return {
    queries: Math.max(1, Math.round(queries)),
    // Sum of query times divided by the time during which any query ran: how many ran at the same time.
    parallel_queries: Math.max(1, Math.round((queries * mean_ms) / Math.max(execute_ms, 1e-3))),
    service_ms,
    application_ms: Math.max(0, (stats.latency_us.mean - stats.execute_us.mean - stats.wait_us.mean) / 1000),
    capacity: isSlowed ? Math.max(1, work) : Number.POSITIVE_INFINITY,
  };
}

type Fleet = {calibration: Calibration; slots: number; pool_timeout_ms: number};

/** Enough to reach a steady state in some seconds. */
const maxEvents = 4_000_000;

type Setting = Pick<ReplayResult, 'variant' | 'connection_limit' | 'instances' | 'concurrency'>;

/** 10, 100, ... above the measured number, and the requested number. */
function instanceCounts(measured: number, most: number): number[] {
  const counts: number[] = [];
  for (let count = 10; count < most; count *= 10) if (count > measured) counts.push(count);
  return [...counts, most];
}

function modelOf(fleet: Fleet, setting: Setting): Model {
  const {queries, parallel_queries, service_ms, application_ms, capacity} = fleet.calibration;
  const {instances, concurrency, connection_limit} = setting;
  const {slots, pool_timeout_ms} = fleet;
  const users = Math.max(1, Math.round(concurrency / instances));
  return {
    instances,
    users,
    connection_limit,
    slots,
    pool_timeout_ms,
    queries,
    parallel_queries,
    service_ms,
    server_parallelism: capacity,
    application_ms,
  };
}

function toSimulatedResult(measured: ReplayResult, setting: Setting, simulated: Simulated): ReplayResult {
  const {latencies_ms, duration_ms, pool_timeouts, too_many_connections} = simulated;
  const sorted = latencies_ms.sort((a, b) => a - b);
  return {
    ...measured,
    ...setting,
    rate_per_second: null,
    requests: sorted.length + pool_timeouts + too_many_connections,
    duration_ms: Math.round(duration_ms),
    peak_connections: simulated.peak_connections,
    peak_in_use: simulated.peak_connections,
    requests_per_second: duration_ms > 0 ? (sorted.length * 1000) / duration_ms : 0,
    latency_ms: {...timesOf(sorted), max: null},
    wait_ms: timesOf(simulated.waits_ms.sort((a, b) => a - b)),
    execute_ms: timesOf(simulated.executes_ms.sort((a, b) => a - b)),
    errors: {pool_timeout: pool_timeouts, too_many_connections, other: 0, by_sqlstate: {}},
    failures: [],
    mean_query_wait_ms: null,
    mean_query_execute_ms: null,
    statements: [],
    statement_count: 0,
    process_busy_ratio: 0,
    harness_cores: null,
    harness_cpu_ms_per_query: null,
    is_simulated: true,
  };
}

/** The check does not cover the slowest requests. */
function timesOf(sorted: readonly number[]): ReplayTimes {
  const at = (ratio: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0;
  return {p50: at(0.5), p95: at(0.95), p99: null};
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
