import {createServer, type Server} from 'node:net';
import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {describePgBouncer, type Pooler, startPgBouncer} from '../helpers/pgbouncer.ts';
import {availableMajors, describeMainMajor, startTestServer, type TestServer} from '../helpers/server.ts';
import {createCliRoles, failing, leak, password, runProgram, urlOf} from './run-program.ts';

describeMainMajor('a server without a free slot', major => {
  let server: TestServer;
  let clients: pg.Client[];
  beforeAll(async () => {
    // Three slots are reserved for superusers.
    server = await startTestServer({major, settings: {max_connections: 8, max_wal_senders: 0}});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  async function fill(): Promise<void> {
    clients = [];
    onTestFinished(free);
    for (;;) {
      const client = await server.connect({user: 'app', password, application_name: 'web'}).catch(() => null);
      if (client === null) return;
      clients.push(client);
    }
  }
  async function free(): Promise<void> {
    await Promise.all(clients.map(client => client.end()));
  }

  it('exits 4 and says which slots are taken; the rescue URL connects', async () => {
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
    expect([code, stderr]).toEqual([0, expect.stringContaining('connected via the rescue URL')]);
    await free();
  });

  it('waits for --wait and reports it', async () => {
    await fill();
    const [code, stderr] = await failing(['snapshot', urlOf(server, 'oncall'), '--wait', '3s']);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/waiting for a slot, [1-3]s left\n/)]);
    await free();
  });

  it('connects as soon as a slot is free', async () => {
    await fill();
    let isFreed = false;
    const {code, stdout} = await runProgram(['snapshot', urlOf(server, 'oncall'), '--wait', '1min'], {
      onStderr: text => {
        if (isFreed || !text.includes('waiting for a slot')) return;
        isFreed = true;
        void free();
      },
    });
    expect([code, JSON.parse(stdout).target.user]).toEqual([0, 'oncall']);
  });

  it('exits 130 when interrupted while waiting', async () => {
    await fill();
    const interrupt = {when: /waiting for a slot/, signal: 'SIGINT'} as const;
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

  it('distinguishes a role’s connection limit from a full server', async () => {
    const client = await server.connect({user: 'capped', password});
    expect(await failing(['snapshot', urlOf(server, 'capped')])).toEqual([
      4,
      expect.stringMatching(
        /role "capped" has reached its connection limit \(53300\)\n.*ALTER ROLE "capped" CONNECTION LIMIT/,
      ),
    ]);
    await client.end();
  });

  it.each([
    [
      'a wrong password',
      () => server.url({user: 'oncall', password: `${password}!`}),
      /password authentication failed for role "oncall"/,
    ],
    [
      'an unknown database',
      () => server.url({user: 'oncall', password, database: 'nope'}),
      /database "nope"/,
    ],
    ['an unknown role', () => server.url({user: 'nobody', password}), /role "nobody"/],
    [
      'TLS that the server does not support',
      () => urlOf(server, 'oncall', '?sslmode=require'),
      /does not support TLS/,
    ],
  ])('exits 3 for %s', async (_, url, message) => {
    expect(await failing(['snapshot', url()])).toEqual([3, expect.stringMatching(message)]);
  });
});

const [newest = 18] = availableMajors();

describePgBouncer('poolctl connected through PgBouncer', () => {
  let server: TestServer;
  let pooler: Pooler;
  beforeAll(async () => {
    server = await startTestServer({major: newest});
    await createCliRoles(server);
    pooler = await startPgBouncer({
      server,
      pool_mode: 'transaction',
      users: {oncall: password, app: password},
      settings: {default_pool_size: 1, query_wait_timeout: 1},
    });
  });
  afterAll(async () => {
    await pooler?.stop();
    await server?.stop();
  });

  it('reads the server, and reports that a pooler is in between', async () => {
    const {code, stdout, stderr} = await runProgram(['snapshot', pooler.url({user: 'oncall'})]);
    expect([code, JSON.parse(stdout).target.user]).toEqual([0, 'oncall']);
    expect(stderr).toMatch(/pooler: a connection pooler is in between.*DIRECT_URL/);
    const doctor = await runProgram(['doctor', pooler.url({user: 'oncall'})]);
    expect(doctor.stdout).toMatch(/MISSING +pooler +a connection pooler is in between/);
  });

  it('refuses to execute anything through it: exit 3', async () => {
    const leaking = await leak(server, {application_name: 'web'});
    const set = ['--set', 'older_than=0s', '--yes', '--json'];
    const {code, stdout} = await runProgram([
      'run',
      'kill-idle-sessions',
      pooler.url({user: 'oncall'}),
      ...set,
    ]);
    expect([code, stdout]).toEqual([
      3,
      expect.stringContaining('changes nothing through a connection pooler'),
    ]);
    expect((await leaking.query('SELECT 1 AS alive')).rows).toEqual([{alive: 1}]);
    await leaking.end();
  });

  it('exits 4 while every server connection of its pool is in use', async () => {
    const client = await server.connect({config: {connectionString: pooler.url({user: 'app'})}});
    await client.query('BEGIN');
    expect(await failing(['snapshot', pooler.url({user: 'app'})])).toEqual([
      4,
      expect.stringMatching(/no free server session.*\n.*DIRECT_URL/),
    ]);
    await client.end();
  });

  it("exits 3 for PgBouncer's admin console", async () => {
    expect(await failing(['snapshot', pooler.url({database: 'pgbouncer'})])).toEqual([
      3,
      expect.stringMatching(/is PgBouncer's admin console, not a database\n/),
    ]);
  });
});

describe('an address without PostgreSQL', () => {
  let silent: Server;
  let port: number;
  beforeAll(async () => {
    silent = createServer(() => {});
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as {port: number}).port;
  });
  afterAll(() => silent?.close());
  const url = (rest: string) => `postgres://me:${encodeURIComponent(password)}@${rest}`;

  it('exits 3 if nothing listens or answers', async () => {
    expect(await failing(['snapshot', url('127.0.0.1:1/shop')])).toEqual([
      3,
      expect.stringMatching(/refused/),
    ]);
    const [code, stderr] = await failing(['snapshot', url(`127.0.0.1:${port}/shop?connect_timeout=1`)]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/no answer .* within 1 s/)]);
  });

  it('exits 130 when interrupted while connecting', async () => {
    const args = ['snapshot', url(`127.0.0.1:${port}/shop?schema=x`)];
    const running = runProgram(args, {interrupt: {when: /ignored in the URL/, signal: 'SIGINT'}});
    expect(await running).toMatchObject({code: 130, stderr: expect.stringMatching(/interrupted\n$/)});
  });
});
