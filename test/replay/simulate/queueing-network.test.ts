import {describe, expect, it} from 'vitest';
import {randomFrom} from '../../../source/core/random.ts';
import {type Model, simulate} from '../../../source/replay/simulate/queueing-network.ts';

const model: Model = {
  instances: 1,
  users: 1,
  connection_limit: 1,
  slots: 100,
  pool_timeout_ms: 0,
  queries: 1,
  parallel_queries: 1,
  service_ms: [10],
  server_parallelism: 1,
  application_ms: 0,
};
const run = (given: Partial<Model>) =>
  simulate({...model, ...given}, {duration_ms: 20_000, events: 2_000_000, random: randomFrom(1)});
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const perSecond = (result: ReturnType<typeof simulate>) =>
  (result.latencies_ms.length * 1000) / result.duration_ms;

describe('the simulation', () => {
  it('has no queue for one user', () => {
    const result = run({queries: 3, application_ms: 9});
    expect(mean(result.latencies_ms)).toBeCloseTo(3 * 10 + 9, 6);
    expect(mean(result.waits_ms)).toBe(0);
    expect(mean(result.executes_ms)).toBeCloseTo(30, 6);
  });

  it("stays within the bounds of a closed network: throughput and Little's law", () => {
    // Five users and one connection: the connection is always busy, and each user waits for four others.
    const result = run({users: 5, server_parallelism: 4});
    expect(perSecond(result)).toBeCloseTo(100, 0);
    expect(mean(result.latencies_ms)).toBeCloseTo(50, 0);
    expect(mean(result.waits_ms)).toBeCloseTo(40, 0);
  });

  it("divides the server's capacity: connections beyond it slow each other down", () => {
    const two = run({users: 8, connection_limit: 2, server_parallelism: 2});
    const eight = run({users: 8, connection_limit: 8, server_parallelism: 2});
    expect(perSecond(eight)).toBeCloseTo(perSecond(two), 0);
    expect(mean(eight.executes_ms)).toBeCloseTo(40, 0);
    expect(mean(two.executes_ms)).toBeCloseTo(10, 0);
    expect(eight.peak_connections).toBe(8);
  });

  it('runs queries of one request at the same time', () => {
    const result = run({queries: 4, parallel_queries: 4, connection_limit: 4, server_parallelism: 4});
    expect(mean(result.latencies_ms)).toBeCloseTo(10, 6);
    expect(result.peak_connections).toBe(4);
  });

  it('agrees with M/M/1 for nearly random arrivals', () => {
    // 400 users who pause 10 s each: about 40 arrivals per second, exponential service of 10 ms.
    const random = randomFrom(7);
    const service_ms = Array.from({length: 5000}, () => -Math.log(1 - random()) * 10);
    const result = simulate(
      {...model, users: 400, application_ms: 10_000, service_ms},
      {duration_ms: 300_000, events: 5_000_000, random},
    );
    // A user's pause is constant, but the arrivals of 400 users are nearly random.
    const busy = (perSecond(result) * 10) / 1000;
    const waits = (busy / (1 - busy)) * 10;
    expect(mean(result.waits_ms)).toBeGreaterThan(waits * 0.7);
    expect(mean(result.waits_ms)).toBeLessThan(waits * 1.3);
  });

  it('opens at most as many connections as the server has slots', () => {
    const result = run({instances: 30, connection_limit: 5, users: 5, slots: 97});
    expect(result.peak_connections).toBe(97);
    expect(result.too_many_connections).toBeGreaterThan(0);
    expect(run({instances: 19, connection_limit: 5, users: 5, slots: 97}).too_many_connections).toBe(0);
  });

  it('ends a wait at pool_timeout', () => {
    const result = run({users: 20, pool_timeout_ms: 50});
    expect(result.pool_timeouts).toBeGreaterThan(0);
    expect(Math.max(...result.waits_ms)).toBeLessThanOrEqual(50);
    expect(run({users: 20}).pool_timeouts).toBe(0);
  });

  it('gives the same result for the same seed', () => {
    const service_ms = [1, 5, 20];
    expect(run({users: 9, connection_limit: 3, service_ms})).toEqual(
      run({users: 9, connection_limit: 3, service_ms}),
    );
  });
});
