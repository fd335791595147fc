import {describe, expect, it} from 'vitest';
import {busyConnections, waiting} from '../../../source/core/pool/statement-load.ts';

it('the number of busy connections is arrival rate times service time', () => {
  expect(busyConnections({per_second: 800, service_ms: 5})).toBe(4);
});

describe('waiting', () => {
  // Textbook: M/M/1 at rho 0.5 waits rho / (mu - lambda); M/M/2 at rho 0.5 has C = 1/3; M/M/3 with 2 erlangs 4/9.
  it.each([
    [1, 0.5, 1 / 2, 1],
    [2, 1, 1 / 3, 1 / 3],
    [3, 2, 4 / 9, 4 / 9],
  ])('%i connections, %d erlangs', (servers, erlangs, wait_ratio, waits) => {
    const found = waiting({servers, per_second: erlangs * 1000, service_ms: 1});
    expect(found.busy_ratio).toBeCloseTo(erlangs / servers, 12);
    expect(found.wait_ratio).toBeCloseTo(wait_ratio, 12);
    expect(found.mean_wait_ms).toBeCloseTo(waits, 12);
  });

  it('has a 95th percentile that 5 of 100 exceed', () => {
    const {wait_ratio, p95_wait_ms} = waiting({servers: 3, per_second: 2000, service_ms: 1});
    // Waits are exponentially distributed, with a mean of 1 / (3 - 2) ms.
    expect(wait_ratio * Math.exp(-p95_wait_ms)).toBeCloseTo(0.05, 12);
    expect(waiting({servers: 50, per_second: 2000, service_ms: 1}).p95_wait_ms).toBe(0);
  });

  it('is infinite if the load exceeds the connections', () => {
    expect(waiting({servers: 2, per_second: 2000, service_ms: 1})).toMatchObject({
      busy_ratio: 1,
      mean_wait_ms: Number.POSITIVE_INFINITY,
    });
  });

  it('is finite with a thousand connections and without load', () => {
    const large = waiting({servers: 1000, per_second: 990_000, service_ms: 1});
    expect(large.wait_ratio).toBeGreaterThan(0);
    expect(large.wait_ratio).toBeLessThan(1);
    expect(waiting({servers: 3, per_second: 0, service_ms: 1})).toMatchObject({
      wait_ratio: 0,
      mean_wait_ms: 0,
    });
  });
});
