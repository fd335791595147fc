import type pg from 'pg';
import {afterEach, beforeAll, expect, it} from 'vitest';
import {examinePooler} from '../../../source/core/assessment/harms/pooler.ts';
import {poolerLinks, poolerQueues} from '../../../source/core/pool/pooler.ts';
import type {Pooler} from '../../../source/model/pooler.ts';
import {type Connection, connect} from '../../../source/postgres/connect/connect.ts';
import {readPooler} from '../../../source/postgres/facts/pooler.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {examine} from '../../../source/postgres/server/doctor.ts';
import {describePgBouncer, type PoolerOptions, startPgBouncer} from '../../helpers/pgbouncer.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';
import {until} from '../watching.ts';

const password = 'secret';

describePgBouncer('the PgBouncer in front of a server', () => {
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

  async function start(
    settings: PoolerOptions['settings'] = {},
    pool_mode: PoolerOptions['pool_mode'] = 'transaction',
  ) {
    const users = {app: password, viewer: 'v', wrong: 'not the password'};
    const pooler = await startPgBouncer({
      server,
      pool_mode,
      users,
      settings: {default_pool_size: 2, stats_users: 'viewer', ...settings},
    });
    ending.push(() => pooler.stop());
    return pooler;
  }
  /** A direct connection that knows the admin console, as a role that may only look. */
  async function watchBeside(console_url: string): Promise<Connection> {
    const request = {...requestTo(server.url()), pooler: requestTo(console_url)};
    const connection = await connect(request, {purpose: 'watch'});
    ending.push(() => connection.close());
    return connection;
  }
  async function client(url: string, application_name: string): Promise<pg.Client> {
    const opened = await server.connect({config: {connectionString: url, application_name}});
    ending.push(() => opened.end().catch(() => {}));
    return opened;
  }
  async function read(connection: Connection): Promise<Pooler> {
    const {pooler, problem} = await readPooler(connection);
    if (pooler === null) throw new Error(problem.reason);
    return pooler;
  }
  const viewer = {user: 'viewer', password: 'v', database: 'pgbouncer'};

  it('says which clients wait and why, and which session is which client', async () => {
    const pooler = await start();
    const connection = await watchBeside(pooler.url(viewer));
    const url = pooler.url({user: 'app'});
    const holders = [await client(url, 'web'), await client(url, 'web')];
    for (const holder of holders) await holder.query('BEGIN');
    const late = await client(url, 'jobs');
    const answer = late.query('SELECT 1');
    answer.catch(() => {});
    const found = await until(async () => {
      const [seen, snapshot] = [await read(connection), await readOnce(connection, {rates_over_ms: null})];
      const [queue] = poolerQueues(seen, snapshot.backends);
      return queue?.is_harmful && {seen, snapshot, queue};
    });
    const {seen, snapshot, queue} = found;
    expect(seen).toMatchObject({
      address: `127.0.0.1:${pooler.port}`,
      version: expect.stringMatching(/^\d+\.\d+/),
      config_file: expect.stringContaining('pgbouncer.ini'),
      settings: {pool_mode: 'transaction', default_pool_size: 2, query_wait_timeout_ms: 120_000},
      databases: [
        {name: 'postgres', database: 'postgres', pool_size: 2, is_paused: false, port: server.port},
      ],
      pools: [
        {
          database: 'postgres',
          user: 'app',
          pool_mode: 'transaction',
          cl_active: 2,
          cl_waiting: 1,
          sv_active: 2,
        },
      ],
    });
    expect(seen.clients?.[0]).toMatchObject({application_name: 'jobs', state: 'waiting', server_pid: null});
    expect(queue).toMatchObject({verdict: 'full', is_harmful: true});
    expect(queue.reason).toMatch(
      /^1 client waits, up to [\d.]+m?s: all 2 server connections are busy, 2 idle in transaction$/,
    );
    const links = poolerLinks(seen, snapshot.backends);
    const ports = holders.map(
      holder =>
        (holder as unknown as {connection: {stream: {localPort: number}}}).connection.stream.localPort,
    );
    expect(
      [...links.values()].map(linked => (linked === 'unread' ? linked : linked?.client_port)).sort(),
    ).toEqual(ports.sort());
    expect(queue.sessions.map(({pid}) => pid).sort()).toEqual([...links.keys()].sort());
    const [finding] = examinePooler({snapshot, samples: [], facts: {pooler: seen}});
    expect(finding).toMatchObject({
      recipe: 'kill-idle-sessions',
      params: {application: 'web', role: 'app', older_than: '1s'},
      subject: 'pooler:postgres/app',
      cause: 'pooler-full',
      harm: {kind: 'pool', sessions: 1},
    });
    await holders[0]?.query('COMMIT');
    await answer;
    const after = await read(connection);
    expect(poolerQueues(after, snapshot.backends)[0]).toMatchObject({verdict: 'fine', is_harmful: false});
  });

  it('distinguishes a paused database from one whose logins are refused', async () => {
    const pooler = await start();
    const connection = await watchBeside(pooler.url(viewer));
    const admin = await client(pooler.url({database: 'pgbouncer'}), 'admin');
    const app = await client(pooler.url({user: 'app'}), 'web');
    await app.query('SELECT 1');
    await admin.query('PAUSE postgres');
    const answer = app.query('SELECT 1');
    const paused = await until(async () => {
      const [queue] = poolerQueues(await read(connection), []);
      return queue?.is_harmful && queue;
    });
    expect(paused).toMatchObject({
      verdict: 'paused',
      reason: expect.stringMatching(/^1 client waits, .*paused/),
    });
    await admin.query('RESUME postgres');
    await answer;
    await server.query('ALTER ROLE app NOLOGIN');
    ending.push(() => server.query('ALTER ROLE app LOGIN'));
    await admin.query('RECONNECT postgres');
    let ended_by: string | undefined;
    app.query('SELECT 1').catch(({code}: {code?: string}) => (ended_by = code));
    const harmful = async () => {
      const [queue] = poolerQueues(await read(connection), []);
      return queue?.is_harmful && queue.verdict !== 'full' && queue;
    };
    const refused = await until(async () => ended_by ?? (await harmful()));
    // PgBouncer 1.26 ends a client with the server's refusal; with 1.18 it waits until the server accepts a login.
    if (typeof refused === 'string') expect(refused).toBe('28000');
    else
      expect(refused).toMatchObject({
        verdict: expect.stringMatching(/no server|logging in/),
        reason: expect.stringContaining('refuses'),
      });
  });

  it('says what keeps it from being read, and that none is known', async () => {
    const pooler = await start();
    const refused = await watchBeside(pooler.url({user: 'app', database: 'pgbouncer'}));
    expect(await readPooler(refused)).toMatchObject({
      pooler: null,
      problem: {address: `127.0.0.1:${pooler.port}`, remedy: expect.stringContaining('stats_users')},
    });
    const away = await watchBeside('postgres://x@127.0.0.1:1/pgbouncer');
    expect((await readPooler(away)).problem?.reason).toContain('127.0.0.1:1 cannot be read');
    const unknown = await connect(requestTo(server.url()), {purpose: 'watch'});
    ending.push(() => unknown.close());
    const app = await connect(requestTo(pooler.url({user: 'app'})), {purpose: 'watch'});
    ending.push(() => app.close());
    const derived = await readPooler(app);
    expect(derived.problem?.address).toBe(`127.0.0.1:${pooler.port}`);
    expect(await readPooler(app), 'asked once').toBe(derived);
    expect((await readPooler(unknown)).problem).toMatchObject({
      address: null,
      remedy: expect.stringContaining('pooler_url'),
    });
    expect((await examine(unknown)).checks.some(({id}) => id === 'PgBouncer')).toBe(false);
  });

  it('is read where the target itself is one, and doctor says what it does with prepared statements', async () => {
    const pooler = await start();
    const through = await connect(requestTo(pooler.url()), {purpose: 'watch'});
    ending.push(() => through.close());
    expect((await readPooler(through)).pooler?.address).toBe(`127.0.0.1:${pooler.port}`);
    const {checks} = await examine(through);
    expect(checks.find(({id}) => id === 'PgBouncer')).toMatchObject({status: 'ok'});
    const preparedOf = (all: typeof checks) => all.find(({id}) => id === 'prepared');
    // From 1.21 on it keeps them, from 1.22 on by default.
    if ((await read(through)).settings.max_prepared_statements) {
      const detail = expect.stringMatching(/^max_prepared_statements is \d+: prepared statements outlive/);
      expect(preparedOf(checks)).toMatchObject({status: 'ok', detail});
      const prisma = await connect(requestTo(`${pooler.url()}?pgbouncer=true`), {purpose: 'watch'});
      ending.push(() => prisma.close());
      const {checks: ofPrisma} = await examine(prisma);
      expect(preparedOf(ofPrisma)).toMatchObject({
        status: 'advice',
        remedy: expect.stringMatching(/^drop pgbouncer=true /),
      });
    } else
      expect(preparedOf(checks)).toMatchObject({
        status: 'advice',
        remedy: expect.stringMatching(/pgbouncer=true/),
      });
  });
});
