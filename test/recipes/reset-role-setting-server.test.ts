import pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {socketFrom} from '../../source/demo/instances.ts';
import {createActing, createRoles, noFlags} from '../cli/execution/acting.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('reset-role-setting', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await createRoles(server);
    await server.query('CREATE DATABASE "Sh\'op"');
  });
  afterAll(() => server?.stop());

  const stored = () =>
    server.query<{role: string; database: string; setconfig: string[]}>(
      `SELECT s.setrole::regrole::text AS role, d.datname AS database, s.setconfig FROM pg_db_role_setting s
       LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 1, 2`,
    );

  it.each([
    ["ALTER ROLE app SET work_mem = '5MB'", ['role=app', 'setting=work_mem']],
    [
      `ALTER ROLE app IN DATABASE "Sh'op" SET search_path = '$user', 'My "Schema"', public`,
      ['role=app', "database=Sh'op", 'setting=search_path'],
    ],
    [`ALTER DATABASE "Sh'op" SET search_path = ''`, ["database=Sh'op", 'setting=search_path']],
    [
      `ALTER DATABASE "Sh'op" SET application.tenant = 'it''s \\'`,
      ["database=Sh'op", 'setting=application.tenant'],
    ],
    [
      'ALTER DATABASE postgres SET default_transaction_read_only = on',
      ['database=postgres', 'setting=default_transaction_read_only'],
    ],
  ])('resets exactly that, and undo sets exactly that: %s', async (set, params) => {
    await server.query("ALTER ROLE app SET lock_timeout = '1500'");
    const others = await stored();
    await server.query(set);
    onTestFinished(async () => {
      await server.query('ALTER DATABASE postgres RESET ALL');
      await server.query('ALTER DATABASE "Sh\'op" RESET ALL');
      await server.query('ALTER ROLE app RESET ALL');
      await server.query('ALTER ROLE app IN DATABASE "Sh\'op" RESET ALL');
    });
    const before = await stored();
    const acting = await createActing(server);
    expect(await acting.run('reset-role-setting', {set: params, yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
    expect(await stored()).toEqual(others);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await stored()).toEqual(before);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  /** An application's pool on its own address, which connects again when a session is closed. */
  async function openPool(
    address: string,
    {reconnects = true, size = 2, application_name = 'billing'} = {},
  ): Promise<pg.Pool> {
    const pool = new pg.Pool({
      connectionString: server.url({user: 'app', password: 'secret', application_name}),
      max: size,
      min: size,
      idleTimeoutMillis: 0,
      stream: () => socketFrom(address),
    });
    pool.on('error', () => {
      if (reconnects) pool.query('SELECT 1').catch(() => {});
    });
    onTestFinished(() => pool.end());
    const clients = await Promise.all(Array.from({length: size}, () => pool.connect()));
    for (const client of clients) client.release();
    return pool;
  }

  const readOnly = ['role=app', 'database=postgres', 'setting=default_transaction_read_only', 'recycle=yes'];
  const makeReadOnly = async () => {
    await server.query('ALTER ROLE app IN DATABASE postgres SET default_transaction_read_only = on');
    onTestFinished(async () => {
      await server.query('ALTER ROLE app IN DATABASE postgres RESET ALL');
    });
  };

  it('recycles the sessions that have the value, one client after the other, and no others', async () => {
    const early = await openPool('127.0.0.2');
    const [{at} = {}] = await server.query<{at: string}>(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
    );
    await makeReadOnly();
    const late = [
      await openPool('127.0.0.3'),
      await openPool('127.0.0.4', {application_name: 'billing[0/2 w0 #k3f.1]'}),
    ];
    const dump = await server.connect({user: 'app', password: 'secret', application_name: 'pg_dump'});
    const value = async (pool: pg.Pool) =>
      (await pool.query('SHOW default_transaction_read_only')).rows[0].default_transaction_read_only;
    expect(await value(late[0] as pg.Pool)).toBe('on');
    const earlyPids = (await early.query('SELECT pg_backend_pid() AS pid')).rows;

    const acting = await createActing(server, {user: 'oncall'});
    await server.query('ALTER ROLE oncall CREATEROLE');
    if (major >= 16) await server.query('GRANT app TO oncall WITH ADMIN OPTION');
    const set = [...readOnly, `begun_after=${at}`];
    expect(await acting.run('reset-role-setting', {set, yes: true})).toBe(0);
    const {steps, skipped} = acting.document();
    expect(steps.map(({outcome}) => outcome)).toEqual(Array.from({length: 5}, () => 'verified'));
    expect(steps.map(({title}) => title)).toEqual([
      'reset default_transaction_read_only for role app in database postgres',
      ...['127.0.0.3', '127.0.0.3', '127.0.0.4', '127.0.0.4'].map(address =>
        expect.stringContaining(`billing/app at ${address}`),
      ),
    ]);
    expect(skipped).toMatchObject([{reason: 'dump or backup (pg_dump)'}]);
    for (const pool of [early, ...late]) expect(await value(pool)).toBe('off');
    expect((await early.query('SELECT pg_backend_pid() AS pid')).rows).toEqual(earlyPids);
    expect((await dump.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    await dump.end();
  });

  it('leaves the next client alone if one does not come back, and an active session', async () => {
    await makeReadOnly();
    await openPool('127.0.0.2', {reconnects: false});
    await openPool('127.0.0.3', {size: 1});
    const acting = await createActing(server);
    expect(await acting.run('reset-role-setting', {set: readOnly, yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified'},
      {outcome: 'verified'},
      {outcome: 'applied'},
      {outcome: 'skipped', message: expect.stringContaining('has not connected again')},
    ]);
  });

  it('skips a session that has ended since the preview, and one at work', async () => {
    await makeReadOnly();
    const pool = await openPool('127.0.0.2', {size: 1});
    const busy = await server.connect({user: 'app', password: 'secret', application_name: 'zz'});
    await busy.query('BEGIN');
    const gone = await server.connect({user: 'app', password: 'secret', application_name: 'zz'});
    const acting = await createActing(server);
    const ask = async () => {
      await gone.end();
      return 'yes';
    };
    const flags = {...noFlags, set: readOnly, json: false};
    expect(await runRecipe({...acting.ports, ask}, 'reset-role-setting', flags)).toBe(7);
    const outcomes = (await acting.journal.read()).filter(({event}) => event === 'outcome');
    expect(outcomes).toMatchObject([
      {outcome: 'verified'},
      {outcome: 'skipped', message: 'it is idle in transaction: left until it reconnects: skipped'},
      {outcome: 'skipped', message: 'the session has ended'},
      {outcome: 'verified'},
    ]);
    expect((await pool.query('SHOW default_transaction_read_only')).rows).toEqual([
      {default_transaction_read_only: 'off'},
    ]);
    await busy.end();
  });

  it('refuses what does not exist, and says what is not set', async () => {
    const acting = await createActing(server);
    const run = (...set: string[]) => acting.run('reset-role-setting', {set, dryRun: true});
    expect(await run('role=ap', 'setting=work_mem')).toBe(2);
    expect(await run('setting=work_mem')).toBe(2);
    expect(await run('role=app')).toBe(2);
    expect(await run('role=app', 'setting=work_mem', 'recycle=yes', 'begun_after=yesterday')).toBe(2);
    expect(await run('role=app', 'setting=work_mem')).toBe(0);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'it is not set'}]});
  });
});
