import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import type {SampleEvent} from '../../../source/model/ports.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {explainStatement} from '../../../source/postgres/planner/explain.ts';
import {createSampler, readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {readSessionDetail} from '../../../source/postgres/sampler/session-detail.ts';
import {examine} from '../../../source/postgres/server/doctor.ts';
import {describePgBouncer, type Pooler, type PoolerOptions, startPgBouncer} from '../../helpers/pgbouncer.ts';
import {availableMajors, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../requests.ts';
import {watch} from '../watching.ts';

const [newest = 18] = availableMajors();
const password = 'secret';

describePgBouncer('through PgBouncer', () => {
  let server: OwnServer;
  const poolers: Pooler[] = [];
  const openClients: pg.Client[] = [];
  beforeAll(async () => {
    server = await startTestServer({major: newest, settings: {max_connections: 12}});
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${password}'`);
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query('CREATE TABLE t (id int PRIMARY KEY)');
    // Its commits are asynchronous, and one test stops it hard.
    await server.query('CHECKPOINT');
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(openClients.splice(0).map(client => client.end()));
    await Promise.all(poolers.splice(0).map(pooler => pooler.stop()));
  });

  const pool = async (
    pool_mode: PoolerOptions['pool_mode'],
    settings: PoolerOptions['settings'] = {},
  ): Promise<Pooler> => {
    const pooler = await startPgBouncer({server, pool_mode, users: {app: password}, settings});
    poolers.push(pooler);
    return pooler;
  };
  /** A client of the pooler that keeps a server session busy. */
  const openTransaction = async (pooler: Pooler, user = 'app') => {
    const client = await server.connect({config: {connectionString: pooler.url({user})}});
    openClients.push(client);
    await client.query('BEGIN');
    return client;
  };

  it('names the pooler that does not answer while its server connections are held', async () => {
    const pooler = await pool('transaction', {default_pool_size: 1});
    const connection = await watch(pooler.url({user: 'app', password}));
    await openTransaction(pooler);
    expect(await rejection(readOnce(connection, {rates_over_ms: null, deadline_ms: 300}))).toMatchObject({
      message: 'the pooler has not answered for 0.3 s: its server connections may all be in use',
      hint: expect.stringMatching(/idle in transaction.*SHOW POOLS/),
    });
    await connection.close();
  });

  describe.each([
    ['session', {}],
    ['session', {ignore_startup_parameters: 'options'}],
    ['transaction', {}],
    ['transaction', {ignore_startup_parameters: 'options'}],
  ] as const)('in %s mode with %o', (pool_mode, settings) => {
    it('reads everything, and reports the pooler', async () => {
      const connection = await watch((await pool(pool_mode, settings)).url());
      expect(connection.is_pooled).toBe(true);
      const snapshot = await readOnce(connection, {rates_over_ms: 100});
      expect(snapshot.statements.some(({query}) => query !== null)).toBe(true);
      expect(snapshot.unavailable).toEqual([
        expect.objectContaining({section: 'pooler', remedy: expect.stringContaining('DIRECT_URL')}),
      ]);
      const {checks} = await examine(connection);
      expect(checks[0]).toMatchObject({id: 'pooler', status: 'missing'});
      await connection.close();
    });

    it("applies poolctl's settings, and leaves none behind", async () => {
      const pooler = await pool(pool_mode, {...settings, default_pool_size: 1});
      const names = ['transaction_read_only', 'statement_timeout', 'lock_timeout', 'search_path', 'jit'];
      const shown = names.map(name => `current_setting('${name}') AS ${name}`).join(', ');
      const connection = await watch(pooler.url());
      const {rows} = await connection.client.query(`SELECT ${shown}`);
      expect(rows).toEqual([
        {
          transaction_read_only: 'on',
          statement_timeout: '3s',
          lock_timeout: '500ms',
          search_path: 'pg_catalog',
          jit: 'off',
        },
      ]);
      expect(await rejection(connection.client.query('CREATE TABLE written ()'))).toMatchObject({
        code: '25006',
      });
      await connection.close();
      const next = await server.connect({config: {connectionString: pooler.url()}});
      openClients.push(next);
      const plain = await server.query(`SELECT ${shown}`);
      expect((await next.query(`SELECT ${shown}`)).rows).toEqual(plain);
    });

    it('changes nothing', async () => {
      const request = requestTo((await pool(pool_mode, settings)).url());
      expect(await rejection(connect(request, {purpose: 'act'}))).toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(
          /^poolctl changes nothing through a connection pooler, and .* is one$/,
        ),
        hint: expect.stringContaining('DIRECT_URL'),
      });
    });

    it('describes sessions and plans statements', async () => {
      const connection = await watch((await pool(pool_mode, settings)).url());
      const {client, rawClient: bare, server_version_num} = connection;
      const [session] = await server.query<{pid: number}>('SELECT pg_backend_pid() AS pid');
      const detail = await readSessionDetail(connection, {pid: session?.pid ?? 0, backend_start: null});
      expect(detail).toMatchObject({is_gone: false, query: expect.stringContaining('pg_backend_pid')});
      const request = {database: 'postgres', connected_database: 'postgres', server_version_num};
      for (const query of ['SELECT FROM t WHERE id = $1', 'SELECT gone', 'SELECT FROM t WHERE id = $1']) {
        const planned = explainStatement(bare, {...request, query}).then(({lines}) => lines.join(' '));
        if (query.includes('gone')) expect(await rejection(planned)).toMatchObject({name: 'AbortError'});
        else expect(await planned).toMatch(/t_pkey/);
      }
      const {rows} = await client.query('SELECT name FROM pg_prepared_statements');
      expect(rows).toEqual([]);
      await connection.close();
    });
  });

  describe("whose roles and databases have poolctl's settings already", () => {
    beforeAll(async () => {
      for (const setting of ['lock_timeout = 2000', 'statement_timeout = 30000'])
        await server.query(`ALTER ROLE app SET ${setting}`);
      await server.query('ALTER ROLE app SET default_transaction_read_only = on');
    });
    afterAll(() => server.query('ALTER ROLE app RESET ALL'));

    it.each(
      (['session', 'transaction', 'statement'] as const).flatMap(mode =>
        [{}, {ignore_startup_parameters: 'options'}].map(settings => [mode, settings] as const),
      ),
    )('are refused for executing in %s mode with %o', async (pool_mode, settings) => {
      const request = requestTo((await pool(pool_mode, settings)).url({user: 'app'}));
      expect(await rejection(connect(request, {purpose: 'act'}))).toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(/^poolctl changes nothing through a connection pooler/),
      });
    });

    it.each(['session', 'transaction'] as const)(
      'are recognised as pooled by the first snapshot in %s mode',
      async pool_mode => {
        const pooler = await pool(pool_mode, {ignore_startup_parameters: 'options'});
        const connection = await watch(pooler.url({user: 'app'}));
        const {unavailable} = await readOnce(connection, {rates_over_ms: null});
        expect(unavailable.map(({section}) => section)).toContain('pooler');
        await connection.close();
      },
    );

    it('do not prevent executing on the server itself', async () => {
      await server.query("ALTER DATABASE postgres SET poolctl.marker = 'of the database'");
      for (const setting of [
        "poolctl.marker = 'of the role'",
        "search_path = 'public'",
        "TimeZone = 'Asia/Tokyo'",
      ])
        await server.query(`ALTER ROLE app SET ${setting}`);
      const request = requestTo(server.url({user: 'app', password}));
      const acting = await connect(request, {purpose: 'act'});
      expect(acting).toMatchObject({is_pooled: false, server: {is_in_recovery: false}});
      await acting.close();
      const watching = await watch(server.url({user: 'app', password}));
      const {unavailable} = await readOnce(watching, {rates_over_ms: null});
      expect(unavailable.map(({section}) => section)).not.toContain('pooler');
      await watching.close();
      await server.query('ALTER DATABASE postgres RESET ALL');
    });
  });

  it('keeps reading while other clients are assigned the same sessions', async () => {
    const pooler = await pool('transaction', {default_pool_size: 2});
    const abort = new AbortController();
    const clients = await Promise.all(
      [1, 2, 3].map(() => server.connect({config: {connectionString: pooler.url()}})),
    );
    openClients.push(...clients);
    const traffic = clients.map(async client => {
      while (!abort.signal.aborted) await client.query('SELECT count(*) FROM t');
    });
    const sampler = createSampler({connect: () => watch(pooler.url()), interval_ms: 500});
    const readings: SampleEvent[] = [];
    sampler.setVisible({statements: true, texts: []});
    for await (const reading of sampler.events(abort.signal)) {
      readings.push(reading);
      sampler.refresh();
      if (readings.length === 12) abort.abort();
    }
    await Promise.all(traffic);
    expect(readings.filter(({kind}) => kind === 'lost')).toEqual([]);
  });

  it('reports that the pooler accepts no more clients', async () => {
    const pooler = await pool('transaction', {max_client_conn: 1});
    await openTransaction(pooler);
    expect(await rejection(watch(pooler.url()))).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(
        /^the connection pooler at .* accepts no more clients \(max_client_conn\)/,
      ),
      hint: expect.stringContaining('DIRECT_URL'),
    });
  });

  it.each([
    ['its pool', {default_pool_size: 1}],
    ["a database's own limit", {max_db_connections: 1}],
    ["a role's own limit", {max_user_connections: 1}],
  ])('reports that %s is exhausted, when connecting or at the first read', async (_, settings) => {
    const pooler = await pool('transaction', {query_wait_timeout: 1, ...settings});
    await openTransaction(pooler);
    const noSession = {
      exitCode: 4,
      message: expect.stringContaining('no free server session within its query_wait_timeout'),
      hint: expect.stringContaining('DIRECT_URL'),
    };
    const abort = new AbortController();
    const sampler = createSampler({connect: () => watch(pooler.url({user: 'app'}))});
    for await (const reading of sampler.events(abort.signal)) {
      expect(reading).toMatchObject({kind: 'lost', message: noSession.message, hint: noSession.hint});
      // It accepted the connection: an immediate retry would repeat without end.
      expect(reading.kind === 'lost' && reading.retry_in_ms).toBeGreaterThan(0);
      abort.abort();
    }
  });

  it('reports that the server behind it is down', async () => {
    const pooler = await pool('transaction', {query_wait_timeout: 1});
    await server.stopHard();
    try {
      expect(await rejection(watch(pooler.url()))).toMatchObject({
        exitCode: 4,
        hint: expect.stringContaining('the server behind it accepts no connections'),
      });
    } finally {
      await server.restart();
    }
  });

  it.each([
    ['its own console', {database: 'pgbouncer'}, /is PgBouncer's admin console, not a database$/],
    [
      'a wrong password',
      {user: 'app', password: 'wrong'},
      /^password authentication failed for role "app" at/,
    ],
    [
      'an unknown role',
      {user: 'nobody', password: 'x'},
      /^password authentication failed for role "nobody" at/,
    ],
    ['an unknown database', {database: 'nope'}, /^database "nope" does not exist at/],
  ])('reports %s', async (_, options, message) => {
    const pooler = await pool('transaction');
    expect(await rejection(watch(pooler.url(options)))).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(message),
    });
  });

  it('reports that the pooler rejects startup options of the URL', async () => {
    const pooler = await pool('transaction');
    expect(await rejection(watch(`${pooler.url()}?options=-cgeqo%3Doff`))).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('rejects options of the address'),
    });
  });

  it('reports a pooler in statement mode', async () => {
    const pooler = await pool('statement');
    const abort = new AbortController();
    for await (const reading of createSampler({connect: () => watch(pooler.url())}).events(abort.signal)) {
      expect(reading).toMatchObject({
        kind: 'lost',
        message: expect.stringContaining('is a connection pooler in statement mode'),
      });
      abort.abort();
    }
  });
});
