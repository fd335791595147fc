import {userInfo} from 'node:os';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {createCliRoles, leak, runProgram, urlOf} from './run-program.ts';

/** Without an entry in /etc/passwd, as in many containers. */
const uid = 54_321;
const nothing = {HOME: undefined};
let server: TestServer;

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await createCliRoles(server);
});
afterAll(() => server?.stop());

describe.runIf(process.getuid?.() === 0)('a user id without a name and a home', () => {
  it.each([['snapshot'], ['check'], ['doctor']])('can read: %s', async command => {
    const {code, stdout} = await runProgram([command, urlOf(server, 'oncall')], {uid, env: nothing});
    expect(code).toBeLessThan(2);
    expect(stdout).not.toBe('');
  });

  it('cannot execute anything; the error says where the journal would be', async () => {
    const client = await leak(server, {application_name: 'leaky'});
    const args = ['run', 'kill-idle-sessions', urlOf(server, 'oncall'), '--set', 'older_than=0s', '--yes'];
    const {code, stderr} = await runProgram(args, {uid, env: nothing});
    expect(code).toBe(8);
    expect(stderr).toMatch(
      /cannot write the journal \/\.local\/state\/poolctl\/journal\.jsonl: EACCES.*\n.*--journal FILE or POOLCTL_JOURNAL/,
    );
    await expect(client.query('SELECT 1')).resolves.toBeDefined();
  });
});

it.each([undefined, ''])(
  "with HOME=%j, the home folder is the user's, not the current folder",
  async HOME => {
    // The user may have a journal, with any number of entries.
    const {stdout, stderr} = await runProgram(['journal', 'verify'], {env: {HOME}});
    expect(stdout + stderr).toContain(`${userInfo().homedir}/.local/state/poolctl/journal.jsonl`);
  },
);
