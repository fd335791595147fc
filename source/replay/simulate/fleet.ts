import {formatRatio} from '../../core/text/format.ts';
import type {ReplayResult, ReplayTimes} from '../../model/replay-report.ts';
import {type BenchmarkCase, type Measured, type MeasureOptions, measure} from '../measure/measure.ts';
import {type Model, type Simulated, simulate} from './simulate.ts';

/** What one request is like when it is alone: what a simulation starts from. */
export type Calibration = {
  variant: string;
  queries: number;
  queries_at_once: number;
  service_ms: number[];
  own_ms: number;
};

/** Measures a variant with one user and connections enough. Null where none of its requests is answered. */
export async function calibrate(
  benchmark: BenchmarkCase,
  options: MeasureOptions,
): Promise<Calibration | null> {
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
    // More time spent in queries than has passed: so many of them ran at once.
    queries_at_once: Math.max(1, Math.round((queries * mean_ms) / Math.max(execute_ms, 1e-3))),
    service_ms,
    own_ms: Math.max(0, (stats.latency_us.mean - stats.execute_us.mean - stats.wait_us.mean) / 1000),
  };
}

export type Fleet = {
  calibration: Calibration;
  /** Measured cells of the variant. */
  measured: readonly ReplayResult[];
  instances: number;
  slots: number;
  pool_timeout_ms: number;
  random: () => number;
};

/**
 * Continues what was measured to as many instances as the machine cannot run: 10 times as many again and again, each
 * with the users and the connection_limit of the largest measured one. The notes say how well the simulation
 * agrees with what was measured.
 */
export function simulateFleet(fleet: Fleet): {results: ReplayResult[]; notes: string[]} {
  const {measured, calibration, instances} = fleet;
  const fullest = measured.reduce<ReplayResult | null>(
    (best, each) => (best === null || each.requests_per_second > best.requests_per_second ? each : best),
    null,
  );
  const last = measured.at(-1);
  if (fullest === null || last === undefined || fullest.requests_per_second === 0)
    return {results: [], notes: []};
  // Little's law, at the highest throughput seen: so many queries' worth of work were done at once.
  const server_parallelism = Math.max(
    1,
    ((fullest.requests_per_second * calibration.queries) / 1000) * meanOf(calibration.service_ms),
  );
  const run = (setting: Setting) => {
    const model = modelOf(fleet, setting, server_parallelism);
    return toSimulatedResult(
      last,
      setting,
      simulate(model, {duration_ms: 10_000, events: mostEvents, random: fleet.random}),
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
      agreement(
        calibration.variant,
        measured.filter(each => each !== fullest),
        each => run(settingOf(each)),
      ),
    ],
  };
}

/** Enough for a simulation to settle, and some seconds of work. */
const mostEvents = 4_000_000;

type Setting = Pick<ReplayResult, 'variant' | 'connection_limit' | 'instances' | 'concurrency'>;

function settingOf({variant, connection_limit, instances, concurrency}: ReplayResult): Setting {
  return {variant, connection_limit, instances, concurrency};
}

/** 10, 100, ... beyond what was measured, and the one asked for. */
function instanceCounts(measured: number, most: number): number[] {
  const counts: number[] = [];
  for (let count = 10; count < most; count *= 10) if (count > measured) counts.push(count);
  return [...counts, most];
}

function modelOf(fleet: Fleet, setting: Setting, server_parallelism: number): Model {
  const {queries, queries_at_once, service_ms, own_ms} = fleet.calibration;
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
    queries_at_once,
    service_ms,
    server_parallelism,
    own_ms,
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

/** How far the simulation is off where it can be checked. */
function agreement(
  variant: string,
  measured: readonly ReplayResult[],
  run: (result: ReplayResult) => ReplayResult,
): string {
  const compared = measured.filter(each => each.requests_per_second > 0 && each.rate_per_second === null);
  if (compared.length === 0) {
    return `${variant}: simulated from one measurement alone and checked against none: measure several limits or concurrencies`;
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
  return `${variant}: simulated rows continue what was measured; against ${compared.length} measured, the simulation is off by at most ${throughput} in requests/s and ${p50} in p50. The server's capacity is as it was seen from here, this program's own work included`;
}

function timesOf(sorted: readonly number[]): ReplayTimes {
  const at = (ratio: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0;
  return {p50: at(0.5), p95: at(0.95), p99: at(0.99)};
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
