import {expect, it} from 'vitest';
import {runBenchmark} from '../../../source/replay/measure/benchmark.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';
import {createRunStats} from '../../../source/replay/measure/run-stats.ts';
import {beginRequest, recordRequest} from '../../../source/replay/pool/request-trace.ts';

it.each([
  [10, ['skipped: 10 of 10 slots are used']],
  [6, ['main at connection_limit 5: skipped, it needs 5 connections', 'main at connection_limit 6: skipped']],
])('cases without enough free slots are reported once, with %i of 10 slots in use', async (used, notes) => {
  const load = {requests: 1, duration_ms: null, rate: null, instances: 1, warm_up_ms: 0, seed: 1};
  const result = await runBenchmark(
    {...load, variants: [{name: 'main'}], connection_limits: [5, 6], concurrencies: [10]},
    {
      guard: createGuard(async () => ({usable: 10, used, own: 0}), true),
      signal: new AbortController().signal,
      measure: () => Promise.reject(new Error('no case is measured')),
    },
  );
  expect(result).toMatchObject({results: [], is_complete: false});
  expect(result.notes).toEqual(notes.map(note => expect.stringContaining(note)));
});

/** Requests in 10 s at a rate of 30/s, of which the last was answered after `max_ms`. */
it.each([
  // 300 arrivals scatter by 17.
  [262, 5, []],
  [240, 5, []],
  [150, 5000, [expect.stringContaining('30 requests/s arrived, 15/s were answered')]],
])(
  '%i answers in 10 s, the last after %i ms, are a queue only if chance does not explain them',
  async (count, max_ms, notes) => {
    const stats = createRunStats();
    for (let each = 0; each < count; each++) {
      const trace = beginRequest(stats);
      trace.queries = 1;
      recordRequest(trace, each === 0 ? max_ms : 3);
    }
    const measured = {
      ...{stats, elapsed_ms: 10_000, peak_connections: 1, peak_in_use: 1, isComplete: true},
      ...{process_busy_ratio: 0.1, process_cpu_ratio: 0.1, cpu_ms: 100},
    };
    const load = {requests: null, duration_ms: 10_000, rate: 30, instances: 1, warm_up_ms: 0, seed: 1};
    const result = await runBenchmark(
      {...load, variants: [{name: 'main'}], connection_limits: [1], concurrencies: [10]},
      {
        guard: createGuard(async () => ({usable: 10, used: 0, own: 0}), true),
        signal: new AbortController().signal,
        measure: async () => measured,
      },
    );
    expect(result.notes).toEqual(notes);
  },
);
