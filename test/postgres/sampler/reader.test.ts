import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {lockTree} from '../../../source/core/activity/lock-tree.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {emptyRequest, type Reader} from '../../../source/postgres/sampler/reader.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {everything, openReader, until, watch} from '../watching.ts';

const waiters = 40;

describeEachMajor('reader', major => {
  let server: TestServer;
  const connections: Connection[] = [];
  const open = async (user?: string): Promise<Reader> => {
    const connection = await watch(server.url(user === undefined ? {} : {user, password: 'secret'}));
    connections.push(connection);
    return openReader(connection);
  };
  const readEverything = async (user?: string) => (await open(user)).read(everything);

  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_connections: 80}});
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'secret' CONNECTION LIMIT 70`);
    await server.query(`CREATE ROLE oncall LOGIN PASSWORD 'secret' IN ROLE pg_monitor`);
    await server.query(`CREATE ROLE nobody_special LOGIN PASSWORD 'secret'`);
    await server.query('CREATE TABLE orders (id int PRIMARY KEY, state text)');
    await server.query(`INSERT INTO orders VALUES (1, 'new')`);
    await server.query('GRANT ALL ON orders TO app');
  });
  afterAll(async () => {
    await Promise.all(connections.map(connection => connection.close()));
    await server?.stop();
  });

  it('reads target, slots and sessions', async () => {
    const app = await server.connect({user: 'app', password: 'secret', application_name: 'shop'});
    await app.query(`BEGIN; SELECT 1 /*route='%2Fcart'*/`);
    const snapshot = await readEverything('oncall');
    expect(snapshot.target).toMatchObject({
      database: 'postgres',
      user: 'oncall',
      server_version_num: server.version,
      is_in_recovery: false,
      managed_service: null,
      privileges: {is_superuser: false, read_all_stats: true, signal_backend: false, reserved_slots: false},
    });
    expect(snapshot.budget).toMatchObject({
      max_connections: 80,
      superuser_reserved_connections: 3,
      usable: 77,
    });
    expect(snapshot.budget.used).toBeGreaterThanOrEqual(2);
    expect(snapshot.budget.role_and_database_limits).toContainEqual({
      kind: 'role',
      name: 'app',
      connection_limit: 70,
      used: 1,
    });
    const backend = snapshot.backends.find(({application_name}) => application_name === 'shop');
    expect(backend).toMatchObject({
      usename: 'app',
      datname: 'postgres',
      is_superuser: false,
      state: 'idle in transaction',
      backend_type: 'client backend',
      blocked_by: [],
      tags: {route: '/cart'},
    });
    expect(snapshot.background_workers.map(({backend_type}) => backend_type)).toContain('checkpointer');
    expect(snapshot.databases.map(({datname}) => datname)).toContain('postgres');
    expect(snapshot.cost.round_trip_ms).toBeGreaterThan(0);
    expect(snapshot.cost.response_bytes).toBeGreaterThan(0);
    await app.end();
  });

  it('has times that match their row to the microsecond', async () => {
    const app = await server.connect({user: 'app', password: 'secret', application_name: 'exact'});
    await app.query('BEGIN');
    await app.query('SELECT pg_current_xact_id()');
    const snapshot = await readEverything('oncall');
    const backend = snapshot.backends.find(({application_name}) => application_name === 'exact');
    expect(backend?.backend_start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const rows = await server.query(
      `SELECT pid FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz
        AND state_change = $3::timestamptz AND xact_start = $4::timestamptz AND query_start = $5::timestamptz
        AND datid = $6 AND usesysid = $7 AND backend_xid::text = $8`,
      [
        backend?.pid,
        backend?.backend_start,
        backend?.state_change,
        backend?.xact_start,
        backend?.query_start,
        backend?.datid,
        backend?.usesysid,
        backend?.backend_xid,
      ],
    );
    expect(rows).toHaveLength(1);
    await app.end();
  });

  it('keeps the text of an unchanged session, and reads that of a changed one', async () => {
    const app = await server.connect({user: 'app', password: 'secret', application_name: 'texts'});
    await app.query(`SELECT 1 AS first`);
    const reader = await open('oncall');
    const textOf = (snapshot: Snapshot) =>
      snapshot.backends.find(({application_name}) => application_name === 'texts')?.query;
    // Wait until the text is too old to be sent again.
    await until(async () => {
      const snapshot = await reader.read({...emptyRequest, activity: true});
      expect(textOf(snapshot)).toBe(`SELECT 1 AS first`);
      const backend = snapshot.backends.find(({application_name}) => application_name === 'texts');
      return (backend?.state_age_ms ?? 0) > 2600;
    });
    await app.query(`SELECT 1 AS second`);
    expect(textOf(await reader.read({...emptyRequest, activity: true}))).toBe(`SELECT 1 AS second`);
    await app.end();
  });

  it('finds a role created after it connected', async () => {
    const reader = await open('oncall');
    await server.query(`CREATE ROLE latecomer LOGIN PASSWORD 'secret'`);
    const late = await server.connect({user: 'latecomer', password: 'secret', application_name: 'late'});
    await reader.read({...emptyRequest, activity: true});
    expect(reader.hasUnknownNames()).toBe(true);
    const snapshot = await reader.read({...emptyRequest, activity: true, catalogs: true});
    expect(snapshot.backends.find(({application_name}) => application_name === 'late')?.usename).toBe(
      'latecomer',
    );
    await late.end();
  });

  it('counts and lists what an unprivileged role may not see', async () => {
    const app = await server.connect({user: 'app', password: 'secret', application_name: 'shop'});
    const snapshot = await readEverything('nobody_special');
    const hidden = snapshot.backends.filter(({state}) => state === null);
    expect(hidden.find(({application_name}) => application_name === 'shop')).toMatchObject({
      usename: 'app',
      backend_start: null,
      query: null,
      backend_type: null,
    });
    expect(snapshot.budget.by_state.hidden).toBe(hidden.length);
    expect(snapshot.budget.used).toBe(snapshot.backends.length + 1);
    expect(snapshot.unavailable).toContainEqual({
      section: 'backends',
      sqlstate: null,
      reason: expect.stringContaining('hidden'),
      remedy: 'GRANT pg_monitor TO "nobody_special";',
    });
    await app.end();
  });

  it('continues when a pooler loses prepared statements', async () => {
    const connection = await watch(server.url());
    connections.push(connection);
    const reader = await openReader(connection);
    await connection.client.query('DEALLOCATE ALL');
    const {backends, unavailable} = await reader.read({...emptyRequest, activity: true, databases: true});
    expect(backends.length).toBeGreaterThan(0);
    expect(unavailable.filter(({section}) => section !== 'statements')).toEqual([]);
  });

  it('does not hide an application that only calls itself poolctl', async () => {
    const disguised = await server.connect({user: 'app', password: 'secret', application_name: 'poolctl'});
    const snapshot = await readEverything('oncall');
    expect(snapshot.backends.map(({application_name}) => application_name)).toContain('poolctl');
    await disguised.end();
  });

  it('contains no password', async () => {
    const admin = await server.connect();
    await admin.query(`ALTER ROLE app PASSWORD 'secret'`);
    expect(JSON.stringify(await readEverything('oncall'))).not.toContain('secret');
    await admin.end();
  });

  it('says how to get statements where the extension is not installed', async () => {
    const snapshot = await readEverything('oncall');
    expect(snapshot.statements).toEqual([]);
    expect(snapshot.unavailable).toContainEqual(
      expect.objectContaining({section: 'statements', remedy: 'CREATE EXTENSION pg_stat_statements;'}),
    );
  });

  describe('with forty sessions waiting for one', () => {
    it('shows them under their root blocker, and what they wait for', async () => {
      const root = await server.connect({user: 'app', password: 'secret', application_name: 'root'});
      await root.query(`BEGIN; UPDATE orders SET state = 'held' WHERE id = 1`);
      const [holder] = (await root.query('SELECT pg_current_xact_id()::text AS xid')).rows;
      const blocked = await Promise.all(
        Array.from({length: waiters}, () =>
          server.connect({user: 'app', password: 'secret', application_name: 'waiter'}),
        ),
      );
      const updates = blocked.map(client => client.query(`UPDATE orders SET state = 'mine' WHERE id = 1`));
      const reader = await open('oncall');
      const snapshot = await until(async () => {
        const read = await reader.read({...emptyRequest, activity: true, lock_waits: true});
        return read.lock_waits.length === waiters && read.lock_waits.every(({mode}) => mode !== '') && read;
      });
      const rootPid = snapshot.backends.find(({application_name}) => application_name === 'root')?.pid;
      const [top, ...others] = lockTree(snapshot.backends, snapshot.lock_waits);
      expect(others).toEqual([]);
      expect(top).toMatchObject({pid: rootPid, waiters_total: waiters, is_in_cycle: false});
      expect(new Set(snapshot.lock_waits.map(({relation}) => relation))).toEqual(new Set(['public.orders']));
      expect(snapshot.lock_waits.every(({wait_age_ms}) => wait_age_ms !== null)).toBe(true);
      // The first in the queue waits for the transaction, the others for the tuple lock.
      const ofTransactions = snapshot.lock_waits.filter(({locktype}) => locktype === 'transactionid');
      expect(ofTransactions.map(({transactionid}) => transactionid)).toEqual([holder.xid]);
      expect(snapshot.lock_waits.filter(each => 'transactionid' in each)).toEqual(ofTransactions);
      await root.query('ROLLBACK');
      await Promise.all(updates);
      await Promise.all([root, ...blocked].map(client => client.end()));
    });
  });
});

describeEachMajor('reader of statements', major => {
  let server: TestServer;
  let connection: Connection;
  let reader: Reader;
  const numbers = {...emptyRequest, statements: {numbers: true, scan: false, texts: null}};

  beforeAll(async () => {
    server = await startTestServer({major, settings: {'pg_stat_statements.max': 1000}});
    await server.query('CREATE SCHEMA extensions');
    await server.query('CREATE EXTENSION pg_stat_statements SCHEMA extensions');
    connection = await watch(server.url());
    reader = await openReader(connection);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const run = async (times: number) => {
    for (let time = 0; time < times; time++) await server.query('SELECT count(*) FROM pg_class AS counted');
  };
  const counted = async (snapshot: Snapshot) => {
    const [row] = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query LIKE '%AS counted'`,
    );
    return snapshot.statements.find(({queryid}) => queryid === row?.queryid);
  };

  it('has rates since the previous read, and fetches requested texts', async () => {
    await run(2);
    const first = await counted(await reader.read(numbers));
    expect(first).toMatchObject({
      calls: 2,
      query: null,
      toplevel: true,
      datname: 'postgres',
      usename: 'postgres',
    });
    await run(3);
    const wanted = {numbers: true, scan: false, texts: [first?.queryid ?? '']};
    const second = await counted(await reader.read({...emptyRequest, statements: wanted}));
    expect(second).toMatchObject({calls: 5, query: 'SELECT count(*) FROM pg_class AS counted'});
    const {rates} = second ?? {};
    expect(((rates?.calls_per_second ?? 0) * (rates?.interval_ms ?? 0)) / 1000).toBeCloseTo(3, 6);
    expect(rates?.exec_share_ratio).toBeGreaterThan(0);
    expect(rates?.mean_exec_time_ms).toBeGreaterThan(0);
  });

  it('omits its own statements', async () => {
    const wanted = {numbers: true, scan: false, texts: []};
    const snapshot = await reader.read({...emptyRequest, statements: wanted});
    expect(snapshot.statements.filter(({query}) => query?.includes('/* poolctl */'))).toEqual([]);
    const own = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query LIKE 'SELECT /* poolctl */ a.pid%'`,
    );
    expect(own).toHaveLength(1);
    expect(snapshot.statements.map(({queryid}) => queryid)).not.toContain(own[0]?.queryid);
  });

  it('computes no rate from counters that were reset', async () => {
    // Before 14 only a falling counter shows the reset.
    await run(major < 14 ? 10 : 1);
    await reader.read(numbers);
    await server.query('SELECT extensions.pg_stat_statements_reset()');
    await run(9);
    const after = await counted(await reader.read(numbers));
    expect(after).toMatchObject({calls: 9});
    expect(after?.rates).toBeUndefined();
    await run(1);
    expect((await counted(await reader.read(numbers)))?.rates).toBeDefined();
  });

  it('reports evictions, and finds a busy statement far down the list', async () => {
    await reader.read(numbers);
    const many = Array.from(
      {length: 1300},
      (_, index) =>
        `SELECT ${'1, '.repeat(index % 40)}1 WHERE ${'true AND '.repeat(Math.floor(index / 40))}true`,
    );
    const client = await server.connect();
    for (const text of many) await client.query(text);
    await reader.read({...emptyRequest, statements: {numbers: true, scan: true, texts: null}});
    const snapshot = await reader.read(numbers);
    expect(snapshot.statements_info).toMatchObject({is_evicting: true, max_entries: 1000});
    expect(snapshot.statements_info?.entries).toBeGreaterThan(snapshot.statements.length);
    // Little total time, but many calls between two scans.
    await client.query('SELECT 1, 1');
    await reader.read({...emptyRequest, statements: {numbers: false, scan: true, texts: null}});
    for (let call = 0; call < 300; call++) await client.query('SELECT 1, 1');
    await reader.read({...emptyRequest, statements: {numbers: false, scan: true, texts: null}});
    const [row] = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query = 'SELECT $1, $2'`,
    );
    expect((await reader.read(numbers)).statements.map(({queryid}) => queryid)).toContain(row?.queryid);
    await client.end();
  });

  it('continues without statements when the privilege is revoked, and says so', async () => {
    await server.query('DROP EXTENSION pg_stat_statements');
    const snapshot = await reader.read({...numbers, activity: true});
    expect(snapshot.backends.length).toBeGreaterThan(0);
    expect(snapshot.unavailable).toContainEqual(expect.objectContaining({section: 'statements'}));
    await server.query('CREATE EXTENSION pg_stat_statements');
    // The catalogs have the new schema, and the recorded failure is dropped.
    await reader.read({...emptyRequest, catalogs: true});
    const again = await reader.read(numbers);
    expect(again.statements.length).toBeGreaterThan(0);
  });
});

describe('a server without pg_stat_statements loaded', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major: 18, settings: {shared_preload_libraries: ''}});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());

  it('is reported with how to load it', async () => {
    const connection = await watch(server.url());
    const {unavailable} = await (await openReader(connection)).read(everything);
    expect(unavailable).toEqual([
      expect.objectContaining({
        section: 'statements',
        remedy: expect.stringContaining('shared_preload_libraries'),
      }),
    ]);
    await connection.close();
  });
});
