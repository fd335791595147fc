import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {startTestServer, type TestServer} from '../helpers/server.ts';
import {runProgram} from './run-program.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({major: 18});
});
afterAll(() => server?.stop());

/** Ctrl-C is their documented end; a script must see that TERM or HUP came instead. */
describe.each([
  ['record', () => ['record', 'out.poolctl', server.url()], /Ctrl-C ends it/, /1 reading|\d readings/],
  ['check --metrics', () => ['check', '--metrics', ':0', server.url()], /until Ctrl-C/, /until Ctrl-C/],
] as const)('%s', (_, args, when, said) => {
  it.each([
    ['SIGINT', 0],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends at a %s with %i', async (signal, code) => {
    expect(await runProgram([...args()], {interrupt: {when, signal}})).toEqual({
      code,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(said),
    });
  });
});
