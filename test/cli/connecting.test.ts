import {createServer, type Server} from 'node:net';
import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';
import {createCliRoles, failing, password, runProgram, urlOf} from './run-program.ts';

describeEachMajor('the program before a server that is full', major => {
  let server: TestServer;
  let held: pg.Client[];
  beforeAll(async () => {
    // Three of them are the superuser's.
    server = await startTestServer({major, settings: {max_connections: 8, max_wal_senders: 0}});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  async function fill(): Promise<void> {
    held = [];
    for (;;) {
      const client = await server.connect({user: 'app', password, application_name: 'web'}).catch(() => null);
      if (client === null) return;
      held.push(client);
    }
  }
  const free = () => Promise.all(held.map(client => client.end()));

  it('ends with 4, says whose slots are taken, and gets in by the rescue address', async () => {
    await fill();
    const url = urlOf(server, 'oncall');
    for (const args of [
      ['snapshot', url],
      ['doctor', url],
      ['run', 'kill-idle-sessions', url, '--yes'],
    ]) {
      expect(await failing(args)).toEqual([
        4,
        expect.stringMatching(/every connection slot .* role "oncall" is taken.*\n.*POOLCTL_RESCUE_URL/),
      ]);
    }
    const {code, stderr} = await runProgram(['snapshot', url], {
      env: {POOLCTL_RESCUE_URL: server.superuserUrl},
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining('came in by the rescue address')]);
    await free();
  });

  it('waits as long as it is told, and says so', async () => {
    await fill();
    const [code, stderr] = await failing(['snapshot', urlOf(server, 'oncall'), '--wait', '300ms']);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/waiting for one, 1s left\n/)]);
    await free();
  });

  it('takes the first slot that is free while it waits', async () => {
    await fill();
    let isFreed = false;
    const {code, stdout} = await runProgram(['snapshot', urlOf(server, 'oncall'), '--wait', '1min'], {
      onStderr: text => {
        if (isFreed || !text.includes('waiting for one')) return;
        isFreed = true;
        void free();
      },
    });
    expect([code, JSON.parse(stdout).target.user]).toEqual([0, 'oncall']);
  });

  it('ends with 130 when interrupted while it waits', async () => {
    await fill();
    const interrupt = {when: /waiting for one/, signal: 'SIGINT'} as const;
    for (const args of [['snapshot'], ['run', 'kill-idle-sessions', '--yes']]) {
      const running = runProgram([...args, urlOf(server, 'oncall'), '--wait', '1min'], {interrupt});
      expect(await running).toMatchObject({
        code: 130,
        stdout: '',
        stderr: expect.stringMatching(/interrupted\n$/),
      });
    }
    await free();
  });

  it('tells a role’s own limit from a full server', async () => {
    const client = await server.connect({user: 'capped', password});
    expect(await failing(['snapshot', urlOf(server, 'capped')])).toEqual([
      4,
      expect.stringMatching(
        /role "capped" is at its own connection limit\n.*ALTER ROLE "capped" CONNECTION LIMIT/,
      ),
    ]);
    await client.end();
  });

  it.each([
    [
      'a wrong password',
      () => server.url({user: 'oncall', password: `${password}!`}),
      /password of role "oncall"/,
    ],
    [
      'an unknown database',
      () => server.url({user: 'oncall', password, database: 'nope'}),
      /database "nope"/,
    ],
    ['an unknown role', () => server.url({user: 'nobody', password}), /role "nobody"/],
    ['TLS it does not speak', () => urlOf(server, 'oncall', '?sslmode=require'), /does not speak TLS/],
  ])('ends with 3 for %s', async (_, url, message) => {
    expect(await failing(['snapshot', url()])).toEqual([3, expect.stringMatching(message)]);
  });
});

describe('the program before something else', () => {
  let silent: Server;
  let port: number;
  beforeAll(async () => {
    silent = createServer(() => {});
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as {port: number}).port;
  });
  afterAll(() => silent?.close());
  const url = (rest: string) => `postgres://me:${encodeURIComponent(password)}@${rest}`;

  it('ends with 3 where nothing listens, and where nothing answers', async () => {
    expect(await failing(['snapshot', url('127.0.0.1:1/shop')])).toEqual([
      3,
      expect.stringMatching(/refused/),
    ]);
    const [code, stderr] = await failing(['snapshot', url(`127.0.0.1:${port}/shop?connect_timeout=1`)]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/no answer .* within 1 s/)]);
  });

  it('ends with 130 when interrupted while nothing answers', async () => {
    const args = ['snapshot', url(`127.0.0.1:${port}/shop?schema=x`)];
    const running = runProgram(args, {interrupt: {when: /left out/, signal: 'SIGINT'}});
    expect(await running).toMatchObject({code: 130, stderr: expect.stringMatching(/interrupted\n$/)});
  });
});
