import {expect, it} from 'vitest';
import {runBenchmark} from '../../../source/replay/measure/benchmark.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';
import {fromSql} from '../measuring.ts';

it.each([
  [10, ['skipped: the server has no free slot']],
  [6, ['main at connection_limit 5: skipped, it needs 5 connections', 'main at connection_limit 6: skipped']],
])('cases without enough free slots are reported once, with %i of 10 slots in use', async (used, notes) => {
  const endpoint = fromSql('SELECT 1;');
  const load = {requests: 1, duration_ms: null, rate: null, instances: 1, warm_up_ms: 0, seed: 1};
  const result = await runBenchmark(
    {...load, variants: endpoint.variants, connection_limits: [5, 6], concurrencies: [10]},
    {
      endpoint,
      connection: {},
      pool_timeout_ms: 0,
      hang_timeout_ms: 1000,
      guard: createGuard(async () => ({usable: 10, used, own: 0}), true),
      signal: new AbortController().signal,
    },
  );
  expect(result).toMatchObject({results: [], is_complete: false});
  expect(result.notes).toEqual(notes.map(note => expect.stringContaining(note)));
});
