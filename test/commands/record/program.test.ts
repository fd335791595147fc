import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createCliRoles, failing, runProgram, temporaryHome, urlOf} from '../../cli/run-program.ts';
import type {Major} from '../../helpers/majors.ts';
import {availableMajors, shareTestServer, type TestServer} from '../../helpers/server.ts';

describe('poolctl record', () => {
  let server: TestServer;
  beforeAll(async () => {
    const [major] = availableMajors();
    server = await shareTestServer({major: major as Major});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  it('does not end the recording that another process makes to the same file', async () => {
    const home = await temporaryHome();
    const record = ['record', 'a.poolctl', urlOf(server, 'oncall'), '--interval', '0.5s', '--for'];
    let second: Promise<[number | null, string]> | null = null;
    const first = await runProgram([...record, '8s'], {
      home,
      onStderr: text => {
        if (text.includes('recording ')) second ??= failing([...record, '1s'], {home});
      },
    });
    expect(await second).toEqual([7, expect.stringContaining('another process is recording to a.poolctl')]);
    expect([first.code, first.stderr]).toEqual([0, expect.stringMatching(/\d+ snapshots, .* written/)]);
    const report = ['report', 'a.poolctl', '--since'];
    expect((await failing([...report, '2030-01-02 10:00', '--until', '2030-01-01 10:00'], {home}))[0]).toBe(
      2,
    );
    expect(await failing([...report, '25:00'], {home})).toEqual([
      2,
      expect.stringContaining('invalid time "25:00" for --since'),
    ]);
  });

  it('takes no URL for a file', async () => {
    expect(await failing(['record', 'postgresql://127.0.0.1:1/x'])).toEqual([
      2,
      expect.stringContaining('record takes a file first'),
    ]);
  });

  it('says what a member with NOINHERIT lacks, in a statement that fixes it', async () => {
    await server.query("CREATE ROLE apart LOGIN NOINHERIT PASSWORD 'x' IN ROLE pg_monitor");
    const url = server.url({user: 'apart', password: 'x'});
    const doctor = async () => {
      const {stdout} = await runProgram(['doctor', url, '--json']);
      return JSON.parse(stdout).checks.find(({id}: {id: string}) => id === 'sessions');
    };
    const before = await doctor();
    expect(before.remedy).toMatch(/WITH INHERIT TRUE;$|^ALTER ROLE "apart" INHERIT;$/);
    await server.query(before.remedy);
    expect((await doctor()).status).toBe('ok');
  });
});
