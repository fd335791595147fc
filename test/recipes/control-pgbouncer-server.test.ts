import type pg from 'pg';
import {afterEach, beforeAll, expect, it} from 'vitest';
import {createPoolerExecutor} from '../../source/postgres/executor/pooler-executor.ts';
import {createActing} from '../cli/execution/acting.ts';
import {describePgBouncer, type Pooler, startPgBouncer} from '../helpers/pgbouncer.ts';
import {shareTestServer, startTestServer, type TestServer} from '../helpers/server.ts';
import {requestTo} from '../postgres/requests.ts';
import {until} from '../postgres/watching.ts';

const password = 'secret';

describePgBouncer('control-pgbouncer', () => {
  let server: TestServer;
  const ending: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${password}'`);
    return () => server.stop();
  });
  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end();
  });

  async function start(): Promise<
    Pooler & {console: string; show(what: string): Promise<Record<string, unknown>[]>}
  > {
    const pooler = await startPgBouncer({
      server,
      pool_mode: 'transaction',
      users: {app: password, viewer: 'v'},
      settings: {default_pool_size: 2, stats_users: 'viewer'},
    });
    ending.push(() => pooler.stop());
    const console = pooler.url({database: 'pgbouncer'});
    const admin = await client(console);
    return {...pooler, console, show: async what => (await admin.query(`SHOW ${what}`)).rows};
  }
  async function client(url: string): Promise<pg.Client> {
    const opened = await server.connect({config: {connectionString: url, application_name: 'web'}});
    ending.push(() => opened.end().catch(() => {}));
    return opened;
  }
  const pausedIn = async (pooler: Awaited<ReturnType<typeof start>>) =>
    (await pooler.show('DATABASES')).find(({name}) => name === 'postgres')?.paused;

  it('pauses as the preview says, undo resumes, and a second pause has nothing to do', async () => {
    const pooler = await start();
    const app = await client(pooler.url({user: 'app'}));
    await app.query('SELECT 1');
    const acting = await createActing(server, {pooler: pooler.console});
    const set = ['action=pause', 'database=postgres'];
    expect(await acting.run('control-pgbouncer', {set, dryRun: true})).toBe(0);
    const plan = acting.document();
    const where = {name: 'postgres', host: server.host, port: String(server.port), database: 'postgres'};
    expect(plan.steps).toMatchObject([
      {
        sql: 'PAUSE "postgres"',
        console: {pooler: expect.stringMatching(new RegExp(`^127.0.0.1:${pooler.port} /.*pgbouncer.ini$`))},
        guard: {sql: 'SHOW DATABASES', console: {where}, expect: {column: 'paused', value: 0}},
        undo: 'RESUME "postgres"',
      },
    ]);
    expect((plan.explanation as string[])[0]).toMatch(
      /^PgBouncer [\d.]+ at 127.*, with the database postgres; 1 session here is its server connections\.$/,
    );
    expect(await pausedIn(pooler)).toBe(0);
    expect(await acting.run('control-pgbouncer', {set, approve: plan.plan as string})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
    expect(await pausedIn(pooler)).toBe(1);
    const answer = app.query('SELECT 1');
    expect(await acting.run('control-pgbouncer', {set, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'it is paused already'}]});
    expect(await acting.undo('r2', {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{sql: 'RESUME "postgres"', outcome: 'verified'}]);
    await answer;
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('resumes what could not be paused in time, and replaces connections without harm', async () => {
    const pooler = await start();
    const app = await client(pooler.url({user: 'app'}));
    await app.query('BEGIN');
    const acting = await createActing(server, {pooler: pooler.console});
    expect(
      await acting.run('control-pgbouncer', {set: ['action=pause', 'database=postgres'], yes: true}),
    ).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        outcome: 'failed',
        sqlstate: '55P03',
        message: '"PAUSE "postgres"" was not done within 5 s; what it left behind was removed',
      },
    ]);
    expect(await pausedIn(pooler)).toBe(0);
    const pidOf = async () => (await app.query<{pid: number}>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const before = await pidOf();
    expect(
      await acting.run('control-pgbouncer', {set: ['action=reconnect', 'database=postgres'], yes: true}),
    ).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified', undo: 'unneeded'}]);
    expect(await pidOf()).toBe(before);
    await app.query('COMMIT');
    await until(async () => (await pidOf()) !== before);
  });

  it('sets the pool size of all, undo sets it back, and it needs a role of admin_users', async () => {
    const pooler = await start();
    const set = ['action=pool_size', 'pool_size=5'];
    const sizes = async () => [
      (await pooler.show('CONFIG')).find(({key}) => key === 'default_pool_size')?.value,
      (await pooler.show('DATABASES')).find(({name}) => name === 'postgres')?.pool_size ?? null,
    ];
    await (await client(pooler.url({user: 'app'}))).query('SELECT 1');
    const looking = await createActing(server, {
      pooler: pooler.url({user: 'viewer', password: 'v', database: 'pgbouncer'}),
    });
    expect(await looking.run('control-pgbouncer', {set, yes: true})).toBe(5);
    expect(looking.document().steps).toMatchObject([
      {outcome: 'failed', sqlstate: '42501', message: expect.stringContaining('admin_users')},
    ]);
    const acting = await createActing(server, {pooler: pooler.console});
    expect(await acting.run('control-pgbouncer', {set, yes: true})).toBe(0);
    expect((acting.document().explanation as string[]).join(' ')).toMatch(
      /up to 3 sessions more on the server.*until PgBouncer's next RELOAD/,
    );
    expect(await sizes()).toEqual(['5', 5]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await sizes()).toEqual(['2', 2]);
  });

  it('plans nothing in a PgBouncer whose server connections are no sessions of this server', async () => {
    const pooler = await start();
    const elsewhere = await startTestServer({major: 18});
    ending.push(() => elsewhere.stop());
    const acting = await createActing(elsewhere, {pooler: pooler.console});
    const pause = ['action=pause', 'database=postgres'];
    const set = ['action=pool_size', 'pool_size=5'];
    await (await client(pooler.url({user: 'app'}))).query('SELECT 1');
    for (const each of [pause, set])
      expect(await acting.run('control-pgbouncer', {set: each, yes: true})).toBe(2);
    expect(await acting.journal.verify()).toMatchObject({ok: true, entries: 0});
    expect(await pausedIn(pooler)).toBe(0);
    expect(await pooler.show('CONFIG')).toContainEqual(
      expect.objectContaining({key: 'default_pool_size', value: '2'}),
    );
  });

  it('opens one console for commands at the same time, and leaves none where it is none', async () => {
    const pooler = await start();
    const clientsIn = async (name: string) =>
      (await pooler.show('CLIENTS')).filter(({database}) => database === name).length;
    const admins = await clientsIn('pgbouncer');
    const config_file = (await pooler.show('CONFIG')).find(({key}) => key === 'conffile')?.value;
    const show = {
      text: 'SHOW DATABASES',
      values: [],
      console: {pooler: `127.0.0.1:${pooler.port} ${config_file}`},
    };
    const executor = createPoolerExecutor(() => requestTo(pooler.console));
    await Promise.all([executor.read(show), executor.read(show)]);
    expect(await clientsIn('pgbouncer')).toBe(admins + 1);
    await executor.close();
    const wrong = createPoolerExecutor(() => requestTo(pooler.url({database: 'postgres'})));
    await expect(wrong.read(show)).rejects.toThrow('config');
    await until(async () => (await clientsIn('postgres')) === 0);
  });

  it('acts on no other PgBouncer than that of the plan', async () => {
    const [planned, other] = [await start(), await start()];
    for (const each of [planned, other]) await (await client(each.url({user: 'app'}))).query('SELECT 1');
    const first = await createActing(server, {pooler: planned.console});
    const set = ['action=pause', 'database=postgres'];
    expect(await first.run('control-pgbouncer', {set, dryRun: true})).toBe(0);
    const {plan} = first.document();
    const second = await createActing(server, {pooler: other.console});
    expect(await second.run('control-pgbouncer', {set, approve: plan as string})).toBe(6);
    expect(await first.run('control-pgbouncer', {set, yes: true})).toBe(0);
    // The undo is made from the journal alone: its steps name the PgBouncer.
    const elsewhere = {
      ...first.ports,
      engine: {...first.ports.engine, executor: second.ports.engine.executor},
    };
    const {undoRun} = await import('../../source/commands/undo/command.ts');
    const {noFlags} = await import('../cli/execution/acting.ts');
    const code = await undoRun({...elsewhere, identity: {...first.ports.identity, run: 'r9'}}, 'r2', {
      ...noFlags,
      yes: true,
    });
    expect(code).toBe(6);
    expect([await pausedIn(planned), await pausedIn(other)]).toEqual([1, 0]);
  });
});
