import {randomFrom} from '../../core/random.ts';
import {formatRatio} from '../../core/text/format.ts';
import type {ReplayResult, ReplayTimes} from '../../model/replay-report.ts';
import {type BenchmarkMatrix, type BenchmarkOptions, casesOf} from '../measure/benchmark.ts';
import {type BenchmarkCase, type Measured, type MeasureOptions, measure} from '../measure/measure.ts';
import {type Model, type Simulated, simulate} from './queueing-network.ts';

/** Simulates each variant with up to `instances` instances of the application, from its measured results. */
export async function simulateInstances(
  matrix: BenchmarkMatrix,
  results: readonly ReplayResult[],
  options: BenchmarkOptions & {instances: number},
): Promise<{results: ReplayResult[]; notes: string[]}> {
  const {guard, signal, instances, pool_timeout_ms} = options;
  const all: {results: ReplayResult[]; notes: string[]} = {results: [], notes: []};
  const random = randomFrom(matrix.seed);
  const {onCase, onProgress, onResult, ...rest} = options;
  const own: MeasureOptions = {...rest, random, countSessions: guard.count};
  const slots = await guard.slots();
  for (const variant of matrix.variants) {
    const measured = results.filter(each => each.variant === variant.name && each.requests > 0);
    const benchmark = casesOf({...matrix, variants: [variant]})[0];
    if (signal.aborted || measured.length === 0 || benchmark === undefined) continue;
    const calibration = await calibrate(benchmark, own);
    if (calibration === null) continue;
    const fleet = simulateFleet({calibration, measured, instances, slots, pool_timeout_ms, random});
    all.results.push(...fleet.results);
    all.notes.push(...fleet.notes);
  }
  return all;
}

/** The cost of one request that runs alone; the input of a simulation. */
type Calibration = {
  variant: string;
  queries: number;
  parallel_queries: number;
  service_ms: number[];
  application_ms: number;
};

/** Measures a variant with one user. null if no request was answered. */
async function calibrate(benchmark: BenchmarkCase, options: MeasureOptions): Promise<Calibration | null> {
  const alone = {...benchmark, instances: 1, concurrency: 1, rate: null, requests: 2000, duration_ms: 1000};
  return calibrationOf(benchmark.variant.name, await measure(alone, options));
}

function calibrationOf(variant: string, {stats}: Measured): Calibration | null {
  const answered = stats.requests - stats.failed;
  const execute_ms = stats.execute_us.mean / 1000;
  if (answered === 0 || stats.queries === 0) return null;
  const service_ms = stats.execute_ms;
  const queries = stats.queries / stats.requests;
  const mean_ms = meanOf(service_ms);
  return {
    variant,
    queries: Math.max(1, Math.round(queries)),
    // Sum of query times divided by the time during which any query ran: how many ran at the same time.
    parallel_queries: Math.max(1, Math.round((queries * mean_ms) / Math.max(execute_ms, 1e-3))),
    service_ms,
    application_ms: Math.max(0, (stats.latency_us.mean - stats.execute_us.mean - stats.wait_us.mean) / 1000),
  };
}

type Fleet = {
  calibration: Calibration;
  /** The variant's measured results. */
  measured: readonly ReplayResult[];
  instances: number;
  slots: number;
  pool_timeout_ms: number;
  random: () => number;
};

/**
 * Simulates 10, 100, ... instances up to the requested number, each with the users and connection_limit of the last
 * measured result. The note says how much the simulation deviates from the measured results.
 */
function simulateFleet(fleet: Fleet): {results: ReplayResult[]; notes: string[]} {
  const {measured, calibration, instances} = fleet;
  const fastest = measured.reduce<ReplayResult | null>(
    (best, each) => (best === null || each.requests_per_second > best.requests_per_second ? each : best),
    null,
  );
  const last = measured.at(-1);
  if (fastest === null || last === undefined || fastest.requests_per_second === 0)
    return {results: [], notes: []};
  // Little's law at the highest throughput gives the queries that the server ran at the same time.
  const server_parallelism = Math.max(
    1,
    ((fastest.requests_per_second * calibration.queries) / 1000) * meanOf(calibration.service_ms),
  );
  const run = (setting: Setting) => {
    const model = modelOf(fleet, setting, server_parallelism);
    return toSimulatedResult(
      last,
      setting,
      simulate(model, {duration_ms: 10_000, events: maxEvents, random: fleet.random}),
    );
  };
  const settings = instanceCounts(last.instances, instances).map(count => ({
    ...settingOf(last),
    instances: count,
    concurrency: Math.max(1, Math.round(last.concurrency / last.instances)) * count,
  }));
  return {
    results: settings.map(run),
    notes: [
      deviationNote(
        calibration.variant,
        measured.filter(each => each !== fastest),
        each => run(settingOf(each)),
      ),
    ],
  };
}

/** Enough to reach a steady state in some seconds. */
const maxEvents = 4_000_000;

type Setting = Pick<ReplayResult, 'variant' | 'connection_limit' | 'instances' | 'concurrency'>;

function settingOf({variant, connection_limit, instances, concurrency}: ReplayResult): Setting {
  return {variant, connection_limit, instances, concurrency};
}

/** 10, 100, ... above the measured number, and the requested number. */
function instanceCounts(measured: number, most: number): number[] {
  const counts: number[] = [];
  for (let count = 10; count < most; count *= 10) if (count > measured) counts.push(count);
  return [...counts, most];
}

function modelOf(fleet: Fleet, setting: Setting, server_parallelism: number): Model {
  const {queries, parallel_queries, service_ms, application_ms} = fleet.calibration;
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
    server_parallelism,
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
    latency_ms: {...timesOf(sorted), max: sorted.at(-1) ?? 0},
    wait_ms: timesOf(simulated.waits_ms.sort((a, b) => a - b)),
    execute_ms: timesOf(simulated.executes_ms.sort((a, b) => a - b)),
    errors: {pool_timeout: pool_timeouts, too_many_connections, other: 0, by_sqlstate: {}},
    failures: [],
    statements: [],
    process_busy_ratio: 0,
    is_simulated: true,
  };
}

/** How much the simulation deviates from the measured results. */
function deviationNote(
  variant: string,
  measured: readonly ReplayResult[],
  run: (result: ReplayResult) => ReplayResult,
): string {
  const compared = measured.filter(each => each.requests_per_second > 0 && each.rate_per_second === null);
  if (compared.length === 0) {
    return `${variant}: simulated from a single measurement, which cannot verify it: measure several limits or concurrencies`;
  }
  const simulated = compared.map(each => ({each, simulated: run(each)}));
  const off = (read: (result: ReplayResult) => number) =>
    Math.max(...simulated.map(pair => Math.abs(read(pair.simulated) / Math.max(read(pair.each), 1e-9) - 1)));
  const throughput = formatRatio(
    off(each => each.requests_per_second),
    0,
  );
  const p50 = formatRatio(
    off(each => each.latency_ms.p50),
    0,
  );
  return `${variant}: against ${compared.length} measured results, the simulation is off by at most ${throughput} in requests/s and ${p50} in p50. It uses the server capacity measured from this machine, including poolctl's own work`;
}

function timesOf(sorted: readonly number[]): ReplayTimes {
  const at = (ratio: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0;
  return {p50: at(0.5), p95: at(0.95), p99: at(0.99)};
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
