import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {failing, temporaryHome} from '../../cli/run-program.ts';

/** No server: a call is refused before poolctl connects. */
const url = 'postgresql://127.0.0.1:1/postgres';

it.each([
  ['--max-used', '80'],
  ['--max-used', '101%'],
  ['--min-cache-hit', 'much'],
  ['--max-mean', 'soon'],
  ['--max-blocked', '-1'],
  ['--max-blocked', '1.5'],
  ['--max-used', '90%,80%'],
  ['--max-average-used', '70%'],
  ['--max-pooler-waiting', '5'],
  ['--slower', '0.5'],
  ['--sustain', '10s'],
  ['--for', '0s'],
  ['--metrics', 'all:x'],
])('poolctl check exits 2 for %s %s', async (flag, value) => {
  const [code, stderr] = await failing(['check', url, flag, value]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(new RegExp(`^poolctl: .*${flag}\\b.*\\n {2}\\S.*\\n$`)),
  ]);
});

it.each([
  [['--for', '2s', '--every', '2s'], '--for must be longer than --every'],
  [['--against', 'web', '--for', '1min'], '--against requires --application, and --for or --metrics'],
  [
    ['--application', 'canary', '--against', 'web'],
    '--against requires --application, and --for or --metrics',
  ],
])('poolctl check %j exits 2: %s', async (flags, reason) => {
  expect(await failing(['check', url, ...flags])).toEqual([2, expect.stringContaining(reason)]);
});

it('poolctl check exits 2 for an invalid baseline', async () => {
  const baseline = ['check', url, '--baseline'];
  expect(await failing([...baseline, 'nowhere.json'])).toEqual([2, expect.stringContaining('ENOENT')]);
  const home = await temporaryHome();
  await writeFile(join(home, 'a.json'), '{}');
  expect(await failing([...baseline, 'a.json'], {home})).toEqual([
    2,
    expect.stringContaining('neither a snapshot nor a recording'),
  ]);
});
