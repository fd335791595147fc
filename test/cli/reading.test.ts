import {spawn} from 'node:child_process';
import {closeSync, existsSync, openSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {program} from '../helpers/build.ts';
import {describeEachMajor, isMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {
  createCliRoles,
  everyFileIn,
  expectNoSecret,
  failing,
  leak,
  password,
  runProgram,
  temporaryHome,
  urlOf,
} from './run-program.ts';

const identityTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const int8 = /^-?\d+$/;

describeEachMajor('snapshot and doctor', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createCliRoles(server);
    await server.query('CREATE TABLE locked_table (id int)');
    await server.query('GRANT ALL ON locked_table TO app');
  });
  afterAll(() => server?.stop());

  const snapshotOf = async (args: string[], env: Record<string, string> = {}) => {
    const {code, stdout, stderr} = await runProgram(['snapshot', ...args], {env});
    expect(code).toBe(0);
    return {document: JSON.parse(stdout), stdout, stderr};
  };

  it('snapshot prints every documented field', async () => {
    const blocker = await leak(server, {application_name: 'web'});
    await blocker.query("/*route='%2Fshop'*/ LOCK TABLE locked_table");
    const blocked = await server.connect({user: 'app', password, application_name: 'web'});
    const waiting = blocked.query('SELECT * FROM locked_table');
    await expect
      .poll(() => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
      .toHaveLength(1);

    const {document, stdout, stderr} = await snapshotOf([urlOf(server, 'oncall'), '--json']);
    expect(stderr).toBe('');
    expect(stdout.startsWith('{"schema_version":1,')).toBe(true);
    expect(stdout.trimEnd()).not.toContain('\n');
    const {at, target, budget, backends, statements, lock_waits, databases, unavailable} = document;
    expect(at).toMatch(identityTime);
    expect(target).toMatchObject({
      id: `${server.host}:${server.port}/postgres`,
      host: server.host,
      port: server.port,
      database: 'postgres',
      user: 'oncall',
      server_version_num: server.version,
      statements_version: expect.stringMatching(/^1\.\d+$/),
      is_in_recovery: false,
      prisma: null,
    });
    expect(budget).toMatchObject({max_connections: 100, superuser_reserved_connections: 3, usable: 97});
    expect(budget.headroom).toBe(97 - budget.used);
    expect(budget.used_ratio).toBeCloseTo(budget.used / 97);
    expect(budget.by_state).toMatchObject({
      'idle in transaction': 1,
      'idle in transaction (aborted)': 0,
      hidden: 0,
    });
    expect(budget.groups[0]).toEqual({
      application_name: 'web',
      usename: 'app',
      client_addr: '127.0.0.1',
      count: 2,
      active: 1,
      idle: 0,
      idle_in_transaction: 1,
      unknown: 0,
    });

    const holder = backends.find(({pid}: {pid: number}) => pid === blocker.processID);
    expect(holder).toMatchObject({
      datname: 'postgres',
      usename: 'app',
      application_name: 'web',
      client_addr: '127.0.0.1',
      backend_type: 'client backend',
      state: 'idle in transaction',
      wait_event_type: 'Client',
      blocked_by: [],
      tags: {route: '/shop'},
      backend_start: expect.stringMatching(identityTime),
      query_id: major < 14 ? null : expect.stringMatching(int8),
    });
    for (const age of ['xact_age_ms', 'query_age_ms', 'state_age_ms'])
      expect(holder[age]).toBeGreaterThanOrEqual(0);
    const waiter = backends.find(({blocked_by}: {blocked_by: number[]}) => blocked_by.length > 0);
    expect(waiter).toMatchObject({query: 'SELECT * FROM locked_table', blocked_by: [blocker.processID]});
    expect(lock_waits).toEqual([
      expect.objectContaining({pid: waiter.pid, blocked_by: [blocker.processID], locktype: 'relation'}),
    ]);

    const created = statements.find(
      ({query}: {query: string}) => query === 'CREATE TABLE locked_table (id int)',
    );
    expect(created).toMatchObject({
      queryid: expect.stringMatching(int8),
      dbid: expect.stringMatching(int8),
      userid: expect.stringMatching(int8),
      toplevel: true,
      datname: 'postgres',
      usename: 'postgres',
      calls: 1,
      rows: 0,
    });
    for (const [name, value] of Object.entries(created)) {
      if (name.endsWith('_ms') || name.startsWith('shared_blks'))
        expect([name, typeof value]).toEqual([name, 'number']);
    }
    expect(databases).toContainEqual(
      expect.objectContaining({datname: 'postgres', xact_commit: expect.any(Number), deadlocks: 0}),
    );
    expect(unavailable).toEqual([]);

    await blocker.end();
    await waiting;
    await blocked.end();
  });

  it('snapshot names every field in snake_case', async () => {
    const {stdout} = await snapshotOf([urlOf(server, 'oncall')]);
    const keys = new Set<string>();
    // The keys of by_state and tags come from the server and the applications.
    JSON.parse(stdout, (key, value) => {
      if (
        key !== 'by_state' &&
        key !== 'tags' &&
        value !== null &&
        !Array.isArray(value) &&
        typeof value === 'object'
      )
        for (const name of Object.keys(value)) keys.add(name);
      return value;
    });
    const states = [...keys].filter(key => !/^[a-z][a-z0-9_]*$/.test(key));
    expect(states.filter(key => !key.startsWith('idle in transaction'))).toEqual([]);
  });

  it('snapshot --rates prints rates from a second snapshot', async () => {
    const {document} = await snapshotOf([urlOf(server, 'oncall'), '--rates', '200ms']);
    const [database] = document.databases.filter(({datname}: {datname: string}) => datname === 'postgres');
    expect(database.interval_ms).toBeGreaterThanOrEqual(200);
    expect(database.commits_per_second).toBeGreaterThanOrEqual(0);
    const [statement] = document.statements;
    expect(statement.interval_ms).toBeGreaterThanOrEqual(200);
    expect(statement.query).toEqual(expect.any(String));
    expect(statement).toMatchObject({
      calls_per_second: expect.any(Number),
      exec_ms_per_second: expect.any(Number),
    });
  });

  it('doctor names each missing privilege with its GRANT and exits 1; it exits 0 if none is missing', async () => {
    const {code, stdout} = await runProgram(['doctor', urlOf(server, 'blind')]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^MISSING {2}sessions .*\n.*-> GRANT pg_monitor TO "blind"/m);
    expect((await runProgram(['doctor', urlOf(server, 'oncall')])).code).toBe(0);
    const {stdout: json} = await runProgram(['doctor', urlOf(server, 'blind'), '--json']);
    expect(Object.keys(JSON.parse(json))[0]).toBe('schema_version');
    expect(JSON.parse(json).checks).toContainEqual(
      expect.objectContaining({id: 'sessions', status: 'missing'}),
    );
  });

  it('snapshot reads what an unprivileged role can, and reports the rest on stderr', async () => {
    const client = await server.connect({user: 'app', password, application_name: 'web'});
    const {document, stderr} = await snapshotOf([urlOf(server, 'blind')]);
    expect(document.budget.by_state.hidden).toBeGreaterThan(0);
    expect(document.unavailable.length).toBeGreaterThan(0);
    for (const {section, reason, remedy} of document.unavailable) {
      expect(remedy).not.toBe('');
      expect(stderr).toContain(`${section}: ${reason}. ${remedy}\n`);
    }
    await client.end();
  });

  if (!isMainMajor(major)) return;

  it('Prisma’s URL parameters are ignored, reported, and kept in target.prisma', async () => {
    const parameters = '?connection_limit=5&pool_timeout=3&schema=shop';
    const {document, stderr} = await snapshotOf([urlOf(server, 'oncall', parameters)]);
    expect(stderr).toBe('poolctl: ignored in the URL: connection_limit=5, pool_timeout=3, schema=shop\n');
    expect(document.target.prisma).toMatchObject({connection_limit: 5, pool_timeout: 3, schema: 'shop'});
  });

  it('the server is found by DATABASE_URL in ./.env, and by a target in config.toml', async () => {
    const home = await temporaryHome();
    await writeFile(join(home, '.env'), `DATABASE_URL="${urlOf(server, 'viewer')}"\n`);
    await mkdir(join(home, '.config/poolctl'), {recursive: true});
    const targets = `[targets.prod]\nurl = "${urlOf(server, 'oncall')}"\nenvironment = "production"\n`;
    await writeFile(join(home, '.config/poolctl/config.toml'), targets);
    const userOf = async (args: string[], env: Record<string, string> = {}) => {
      const {stdout} = await runProgram(['snapshot', ...args], {home, env});
      const {user, is_production} = JSON.parse(stdout).target;
      return [user, is_production];
    };
    // A server that a target marks as production is production, however its address was found.
    expect(await userOf([])).toEqual(['viewer', true]);
    expect(await userOf(['--target', 'prod'])).toEqual(['oncall', true]);
    expect(await userOf([], {DATABASE_URL: urlOf(server, 'blind')})).toEqual(['blind', true]);
    expect(await userOf([urlOf(server, 'owner')], {DATABASE_URL: 'postgres://nowhere'})).toEqual([
      'owner',
      true,
    ]);
    const flags = ['-h', server.host, '-p', String(server.port), '-U', 'oncall', '-d', 'postgres'];
    expect(await userOf(flags, {PGPASSWORD: password})).toEqual(['oncall', true]);
  });

  it('snapshot ends without a message when its reader closes the pipe', async () => {
    const url = urlOf(server, 'oncall');
    const child = spawn(process.execPath, [program, 'snapshot', url], {stdio: ['ignore', 'pipe', 'pipe']});
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.stdout.destroy();
    const code = await new Promise(resolve => child.on('close', resolve));
    expect([code, stderr]).toEqual([0, '']);
  });

  it.skipIf(!existsSync('/dev/full'))('an output that cannot be written is reported', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [program, 'recipes'], {stdio: ['ignore', full, 'pipe']});
    closeSync(full);
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    const code = await new Promise(resolve => child.on('close', resolve));
    expect([code, stderr]).toEqual([
      7,
      expect.stringMatching(/^poolctl: cannot write the output: ENOSPC.*\n.*\n$/),
    ]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('snapshot exits after %s between two snapshots with %i', async (signal, code) => {
    const running = runProgram(['snapshot', urlOf(server, 'oncall', '?schema=x'), '--rates', '1min'], {
      interrupt: {when: /ignored in the URL/, signal},
    });
    expect(await running).toEqual({
      code,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(/interrupted\n$/),
    });
  });

  it('a connection that is terminated during the read is reported, with exit 3', async () => {
    const ending = failing(['snapshot', urlOf(server, 'oncall'), '--rates', '1min']);
    const end =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl' AND usename = 'oncall'";
    await expect.poll(() => server.query(end)).toHaveLength(1);
    expect(await ending).toEqual([
      3,
      expect.stringMatching(/lost the connection|closed the connection|no connection/),
    ]);
  });

  it('no colour is written to a pipe, whatever the environment asks for', async () => {
    const outputs = await Promise.all(
      [{}, {NO_COLOR: '1'}, {FORCE_COLOR: '1'}, {TERM: 'dumb'}].map(env =>
        runProgram(['doctor', urlOf(server, 'oncall')], {env}),
      ),
    );
    expect(outputs.map(({stdout}) => stdout).join('')).not.toContain('\u001b');
    expect(new Set(outputs.map(({stdout}) => stdout.split('\n').length)).size).toBe(1);
  });

  it('no password that the server shows is printed', async () => {
    const client = await leak(server, {application_name: 'web'});
    await client.query(`ALTER ROLE app PASSWORD '${password}'`);
    const home = await temporaryHome();
    for (const args of [
      ['snapshot'],
      ['doctor', '--json'],
      ['run', 'kill-idle-sessions', '--set', 'older_than=0s', '--yes'],
    ])
      expect((await runProgram([...args, urlOf(server, 'oncall')], {home})).stdout).not.toBe('');
    expectNoSecret(await everyFileIn(home));
  });
});
