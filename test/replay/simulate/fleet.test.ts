import {expect, it} from 'vitest';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {randomFrom} from '../../../source/core/random.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';
import type {BenchmarkCase, Measured} from '../../../source/replay/measure/measure.ts';
import {toResult} from '../../../source/replay/measure/results.ts';
import {createRunStats} from '../../../source/replay/measure/run-stats.ts';
import {beginRequest, recordRequest} from '../../../source/replay/pool/request-trace.ts';
import {simulateInstances} from '../../../source/replay/simulate/fleet.ts';
import {type Model, simulate} from '../../../source/replay/simulate/queueing-network.ts';

/** A request of four queries of 20 ms on an application with a limit of 4 and 4 users. */
const request = {queries: 4, parallel_queries: 1, service_ms: [20], application_ms: 2};
const connection_limit = 4;
const slots = 97;

/** The measurement of a server whose capacity depends on how many instances there are. */
function measureOn(capacityOf: (instances: number) => number, process_cpu_ratio = 0.4) {
  return async ({instances, concurrency}: BenchmarkCase): Promise<Measured> => {
    const model: Model = {
      ...request,
      ...{instances, connection_limit, slots, pool_timeout_ms: 0},
      users: concurrency / instances,
      server_parallelism: capacityOf(instances),
    };
    const run = simulate(model, {duration_ms: 5000, events: 2_000_000, random: randomFrom(7)});
    const stats = createRunStats();
    for (const [index, latency_ms] of run.latencies_ms.entries()) {
      const trace = beginRequest(stats);
      Object.assign(trace, {waited_ms: run.waits_ms[index], executed_ms: run.executes_ms[index], queries: 4});
      recordRequest(trace, latency_ms);
      stats.execute_ms.push((run.executes_ms[index] ?? 0) / 4);
    }
    const {duration_ms: elapsed_ms, peak_connections} = run;
    return {
      ...{stats, elapsed_ms, peak_connections, peak_in_use: peak_connections, isComplete: true},
      ...{process_busy_ratio: 0.5, process_cpu_ratio, cpu_ms: 100},
    };
  };
}

async function simulated(instances: number, measure: ReturnType<typeof measureOn>, users = 4) {
  const one: BenchmarkCase = {
    ...{variant: {name: 'main'}, connection_limit, concurrency: users, instances: 1},
    ...{requests: null, duration_ms: 1000, rate: null, warm_up_ms: 0},
  };
  const matrix = {...one, variants: [one.variant], connection_limits: [4], concurrencies: [users], seed: 1};
  const {results, notes} = await simulateInstances(matrix, [toResult(one, await measure(one))], {
    guard: createGuard(async () => ({usable: slots, used: 1, own: 0}), true),
    signal: new AbortController().signal,
    measure,
    instances,
    pool_timeout_ms: 0,
  });
  return {results, note: notes.join('\n')};
}

it('sees no limit on a server that has none: 20 instances of 4 users answer 20 times as much', async () => {
  const {results, note} = await simulated(
    20,
    measureOn(() => Number.POSITIVE_INFINITY),
  );
  const last = results.at(-1);
  expect(last?.instances).toBe(20);
  // 80 users, 82 ms each.
  expect(offOf(last?.requests_per_second, 80 / 0.082)).toBeLessThan(0.05);
  expect(last?.latency_ms.p50).toBeCloseTo(82, 0);
  expect(note).toMatch(
    /against 20 measured instances, fitted to 10: off by <?[01]% in requests\/s, <?[01]% in p50/,
  );
});

it('finds the capacity of a server that has one, and stays at its throughput', async () => {
  const {results} = await simulated(
    100,
    measureOn(() => 8),
  );
  // 8 queries at once, 80 ms of queries per request.
  for (const each of results) expect(offOf(each.requests_per_second, 8 / 0.08)).toBeLessThan(0.1);
  expect(results.map(({instances}) => instances)).toEqual([10, 100]);
});

it('gives no figure if the check is off, and says by how much', async () => {
  const degrading = measureOn(instances => (instances > 12 ? 4 : Number.POSITIVE_INFINITY));
  const {results, note} = await simulated(100, degrading);
  expect(results).toEqual([]);
  expect(note).toMatch(
    /^main: not simulated: with 21 instances it gives .* requests\/s, .* and .* were measured$/,
  );
});

it('gives no figure if poolctl was the limit', async () => {
  const {results, note} = await simulated(
    100,
    measureOn(() => 8, 0.97),
  );
  expect(results).toEqual([]);
  expect(note).toMatch(/not simulated: a process of poolctl took 97% of a core with 21 instances/);
});

it('gives no figure far beyond what was seen, where no limit was', async () => {
  const {results, note} = await simulated(
    1000,
    measureOn(() => Number.POSITIVE_INFINITY),
    1,
  );
  expect(results.map(({instances}) => instances)).toEqual([10]);
  expect(note).toMatch(
    /not simulated with 100 instances, .* no limit of the server was seen up to 2[01] concurrent queries/,
  );
});

it('keeps the measured results if the process of its check ends', async () => {
  const answering = measureOn(() => 8);
  const ending = async (benchmark: BenchmarkCase) => {
    if (benchmark.instances === 1) return answering(benchmark);
    throw new AbortError("the endpoint's process ended: exit code 3", {exitCode: exitCodes.actFailed});
  };
  const {results, note} = await simulated(100, ending);
  expect([results, note]).toEqual([[], "main: not simulated: the endpoint's process ended: exit code 3"]);
});

function offOf(value: number | undefined, right: number): number {
  return Math.abs((value ?? 0) / right - 1);
}
