import {expect, it} from 'vitest';
import {runBenchmark} from '../../../source/replay/measure/benchmark.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';

it.each([
  [10, ['skipped: the server has no free slot']],
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
