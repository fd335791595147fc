import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {program} from '../helpers/build.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {runProgram} from './run-program.ts';

let server: TestServer;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
});
afterAll(() => server?.stop());

/** Ctrl-C is how they end, with exit 0; after TERM or HUP a script must see the signal. */
describe.each([
  ['record', () => ['record', 'out.poolctl', server.url()], /until Ctrl-C/, /1 snapshot|\d snapshots/],
  ['check --metrics', () => ['check', '--metrics', ':0', server.url()], /until Ctrl-C/, /until Ctrl-C/],
] as const)('%s', (_, args, when, output) => {
  it.each([
    ['SIGINT', 0],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 143],
  ] as const)('exits after %s with %i', async (signal, code) => {
    expect(await runProgram([...args()], {interrupt: {when, signal}})).toEqual({
      code,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(output),
    });
  });
});

it('SIGUSR1 opens no debugger', async () => {
  const child = spawn(process.execPath, [program, 'check', '--metrics', ':0', server.url()], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    output += text;
  });
  await expect.poll(() => output).toMatch(/until Ctrl-C/);
  const ended = once(child, 'close');
  child.kill('SIGUSR1');
  child.kill('SIGTERM');
  expect(await ended).toEqual([143, null]);
  expect(output).not.toMatch(/[Dd]ebugger/);
});
