import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {lockTree} from '../../../source/core/activity/lock-tree.ts';
import {statementKey} from '../../../source/core/activity/rates.ts';
import {applicationNameSql} from '../../../source/core/pool/reported-pool.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {type Connection, connect} from '../../../source/postgres/connect/connect.ts';
import {createReader, emptyRequest, type Reader} from '../../../source/postgres/sampler/reader.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {startProxy} from '../../helpers/proxy.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';
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

  it('reads what a pool reports beside the name of its application', async () => {
    const app = await server.connect({user: 'app', password: 'secret', application_name: 'shop'});
    const reader = await open('oncall');
    const readSession = async () => {
      const {backends, budget} = await reader.read(everything);
      expect(budget.groups.map(({application_name}) => application_name)).toContain('shop');
      return backends.find(({application_name}) => application_name === 'shop');
    };
    expect(await readSession()).not.toHaveProperty('pool_report');
    await app.query(`SELECT set_config('application_name', 'shop[9/9 w34 p95 1.2s #k3f.a]', false)`);
    const pool_report = {instance: 'k3f', turn: 10, size: 9, busy: 9, waiting: 34, wait_p95_ms: 1200};
    expect(await readSession()).toMatchObject({pool_report});
    const [{name} = {}] = await server.query<{name: string}>(
      `SELECT ${applicationNameSql('application_name')} AS name FROM pg_stat_activity WHERE application_name LIKE 'shop%'`,
    );
    expect(name).toBe('shop');
    // Sent again or not.
    expect(await readSession()).toMatchObject({pool_report});
    await app.query(`SET application_name = 'shop[2/9 w0 #k3f.b]'`);
    expect(await readSession()).toMatchObject({pool_report: {turn: 11, busy: 2, waiting: 0, wait_p95_ms: 0}});
    await app.end();
  });

  it('reads what cannot be converted as it is, and converts again once that has gone', async () => {
    for (const encoding of ['SQL_ASCII', 'EUC_JP'])
      await server.query(
        `CREATE DATABASE in_${encoding} ENCODING ${encoding} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
      );
    const connection = await watch(server.url({database: 'in_euc_jp'}));
    connections.push(connection);
    let now_ms = 0;
    const reader = createReader(connection, () => now_ms);
    const queryOf = async (name: string) => {
      const {backends} = await reader.read({...emptyRequest, catalogs: true, activity: true});
      return backends.find(({application_name}) => application_name === name)?.query;
    };
    const other = await server.connect({database: 'in_sql_ascii', application_name: 'other'});
    // No character of EUC_JP ends in 0x80.
    await other.query('SELECT 1 AS "À"');
    expect(await queryOf('other')).toContain('"À"');
    await other.end();
    const own = await server.connect({database: 'in_euc_jp', application_name: 'own'});
    await own.query('SELECT 1 AS "あ"');
    expect(await queryOf('own')).not.toContain('あ');
    now_ms = 30_000;
    await own.query('SELECT 2 AS "あ"');
    expect(await queryOf('own')).toContain('"あ"');
    await own.end();
  });

  it("reads times equal to the server's to the microsecond", async () => {
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

  it('reads a statement text again only if its session has changed', async () => {
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
    // By now only its pid is sent.
    const snapshot = await reader.read({...emptyRequest, activity: true});
    const [row] = await server.query<{pid: number; age_ms: number}>(
      `SELECT pid, (date_part('epoch', now() - state_change) * 1000)::float8 AS age_ms FROM pg_stat_activity WHERE application_name = 'texts'`,
    );
    const backend = snapshot.backends.find(({pid}) => pid === row?.pid);
    expect(backend).toMatchObject({
      state: 'idle',
      wait_event: 'ClientRead',
      usename: 'app',
      xact_age_ms: null,
    });
    expect(backend?.state_age_ms).toBeGreaterThan(2600);
    expect(backend?.state_age_ms).toBeLessThanOrEqual(row?.age_ms ?? 0);
    expect(snapshot.cost.response_bytes).toBeLessThan(6000);
    await app.query(`SELECT 1 AS second`);
    expect(textOf(await reader.read({...emptyRequest, activity: true}))).toBe(`SELECT 1 AS second`);
    await app.end();
    await until(async () => textOf(await reader.read({...emptyRequest, activity: true})) === undefined);
  });

  it('reads the hits of cache and index over the same time', async () => {
    await server.query('CREATE DATABASE hits');
    const asker = await server.connect({database: 'hits'});
    await asker.query('CREATE TABLE keys AS SELECT generate_series(1, 5000) AS id');
    await asker.query('CREATE INDEX ON keys (id)');
    await asker.query('ANALYZE keys');
    const countHits = async () => {
      const {rows} = await asker.query<{hit: number; all: number; sessions: number}>(
        `SELECT coalesce(sum(idx_blks_hit), 0)::int AS hit, coalesce(sum(idx_blks_hit + idx_blks_read), 0)::int AS all,
          (SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'hits') AS sessions
        FROM pg_statio_user_indexes`,
      );
      return rows[0] ?? {hit: 0, all: 0, sessions: 0};
    };
    const connection = await watch(server.url({database: 'hits'}));
    const reader = await openReader(connection);
    const read = async () =>
      (await reader.read(everything)).databases.find(({datname}) => datname === 'hits')?.recent_hits;
    expect(await read()).toBeUndefined();
    const before = await countHits();
    const app = await server.connect({database: 'hits', application_name: 'hits'});
    await app.query('SET enable_seqscan = off');
    await app.query(
      'SELECT count(k.id) FROM generate_series(1, 5000) i CROSS JOIN LATERAL (SELECT id FROM keys WHERE id = i OFFSET 0) k',
    );
    await app.end();
    // A session's counters are all there once it has gone; before 15 the collector has to write them, too.
    const after = await until(async () => {
      const now = await countHits();
      return now.sessions === 0 && now.all > before.all && now;
    });
    const hits = await until(read);
    expect(hits.index_hit_ratio).toBeCloseTo((after.hit - before.hit) / (after.all - before.all), 3);
    expect(hits.cache_hit_ratio).toBeGreaterThan(0.9);
    expect(hits.interval_ms).toBeGreaterThan(0);
    await asker.end();
    await connection.close();
  });

  // Before 15 the statistics collector writes them later.
  it.runIf(major >= 15)("takes poolctl's own commits out of the rates", async () => {
    await server.query('CREATE DATABASE quiet');
    const connection = await watch(server.url({database: 'quiet'}));
    const reader = await openReader(connection);
    const readCommits = async () => {
      const snapshot = await reader.read({...everything, statements: null});
      const {rates, xact_commit} = snapshot.databases.find(({datname}) => datname === 'quiet') ?? {};
      return {
        xact_commit,
        commits: ((rates?.commits_per_second ?? Number.NaN) * (rates?.interval_ms ?? 0)) / 1000,
      };
    };
    const {xact_commit: first = 0} = await readCommits();
    await connection.client.query('SELECT 1 AS of_poolctl_besides');
    const second = await readCommits();
    expect(second.xact_commit).toBeGreaterThan(first);
    expect(second.commits).toBeCloseTo(0, 6);
    expect((await readCommits()).commits).toBeCloseTo(0, 6);
    // Those of a connection that executes a plan are counted when it ends, at the latest.
    const acting = await connect(requestTo(server.url({database: 'quiet'})), {purpose: 'act'});
    await acting.client.query('BEGIN');
    for (let turn = 0; turn < 40; turn++) await acting.client.query('SELECT 1');
    await acting.client.query('COMMIT');
    for (let turn = 0; turn < 40; turn++) await acting.client.query('SELECT 1');
    await acting.close();
    const committed = (await readCommits()).xact_commit ?? 0;
    await until(async () => {
      const {xact_commit = 0, commits} = await readCommits();
      expect(commits).toBeLessThan(3);
      return xact_commit > (second.xact_commit ?? 0) + 40 && xact_commit >= committed;
    });
    const app = await server.connect({database: 'quiet'});
    for (let turn = 0; turn < 5; turn++) await app.query('SELECT 1');
    // What a session has committed is counted at the latest when it ends.
    await app.end();
    let counted = 0;
    await until(async () => {
      counted += (await readCommits()).commits;
      return counted > 4.5;
    });
    expect(counted).toBeGreaterThanOrEqual(5 - 1e-6);
    await connection.close();
  });

  it('takes one round trip for everything, the first message included', async () => {
    await server.query('CREATE EXTENSION pg_stat_statements');
    const proxy = await startProxy(server);
    const connection = await watch(proxy.addressOf(server).url());
    const opened = proxy.roundTrips();
    const reader = await openReader(connection);
    expect(proxy.roundTrips() - opened).toBe(1);
    const first = await reader.read(everything);
    const texts = reader.missingTexts(first.statements.map(statementKey));
    for (let turn = 0; turn < 2; turn++) {
      const before = proxy.roundTrips();
      const {unavailable} = await reader.read({...everything, statements: {numbers: true, texts}});
      expect(unavailable).toEqual([]);
      expect(proxy.roundTrips() - before).toBe(1);
    }
    await server.query('DROP EXTENSION pg_stat_statements');
    await connection.close();
  });

  it('says how long the sessions took, whatever is read after them', async () => {
    const connection = await watch(server.url());
    let step_ms = 6000;
    let now_ms = 0;
    const reader = createReader(connection, () => {
      now_ms += step_ms;
      return now_ms;
    });
    const first = await reader.read({...emptyRequest, catalogs: true, activity: true});
    expect(first.cost.round_trip_ms).toBe(6000);
    step_ms = 27;
    const later = await reader.read({...emptyRequest, index_builds: true});
    expect(later.cost.round_trip_ms).toBe(6000);
    expect(later.cost.response_bytes).toBeGreaterThan(first.cost.response_bytes);
    const next = await reader.read({...emptyRequest, activity: true});
    expect(next.cost.round_trip_ms).toBe(27);
    await connection.close();
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

  it('goes on after another reader of the same connection, which has asked other things', async () => {
    const connection = await watch(server.url());
    connections.push(connection);
    const reader = await openReader(connection);
    await reader.read(everything);
    expect((await readOnce(connection, {rates_over_ms: null})).unavailable).toEqual(
      (await reader.read(everything)).unavailable,
    );
  });

  it('lists an application that only calls itself poolctl', async () => {
    const disguised = await server.connect({user: 'app', password: 'secret', application_name: 'poolctl'});
    const snapshot = await readEverything('oncall');
    expect(snapshot.backends.map(({application_name}) => application_name)).toContain('poolctl');
    await disguised.end();
  });

  it('returns no password', async () => {
    const admin = await server.connect();
    await admin.query(`ALTER ROLE app PASSWORD 'secret'`);
    expect(JSON.stringify(await readEverything('oncall'))).not.toContain('secret');
    await admin.end();
  });

  it('reports how to enable statements if the extension is not installed', async () => {
    const snapshot = await readEverything('oncall');
    expect(snapshot.statements).toEqual([]);
    expect(snapshot.unavailable).toContainEqual(
      expect.objectContaining({section: 'statements', remedy: 'CREATE EXTENSION pg_stat_statements;'}),
    );
  });

  describe('with forty sessions waiting for one lock', () => {
    it('places them under their root blocker, with the lock they wait for', async () => {
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
