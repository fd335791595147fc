import {Socket} from 'node:net';
import pg from 'pg';
import {describe, expect, test, vi} from 'vitest';
import {createPool, withTags, withTimeout} from '../../source/kit/kit.ts';
import {describePgBouncer, startPgBouncer} from '../helpers/pgbouncer.ts';
import {running, sharePools} from './open-pool.ts';

const {pools, server, open: openPool} = sharePools();

async function names(): Promise<string[]> {
  const rows = await server().query<{application_name: string}>(
    "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'web%'",
  );
  return rows.map(({application_name}) => application_name);
}

describe('the reported queue', () => {
  test('is what the pool counts itself', async () => {
    const pool = openPool(2);
    await pool.query('SELECT 1');
    const held = [await pool.connect(), await pool.connect()];
    const waiting = Array.from({length: 5}, () => pool.query('SELECT 1'));
    expect(pool.stats()).toMatchObject({size: 2, open: 2, busy: 2, idle: 0, waiting: 5});
    expect(pool.waitingCount).toBe(5);
    expect(await names()).toContainEqual(expect.stringMatching(/^web\[1\/2 w0 #[0-9a-z]{3}\.1\]$/));
    for (const client of held) client.release();
    await Promise.all(waiting);
    expect(pool.stats()).toMatchObject({
      busy: 0,
      idle: 2,
      waits: {count: 5},
      totals: {checkouts: 8, waits: 5},
    });
  });

  test('is in the name of a starved pool, and leaves it with the traffic', async () => {
    const pool = openPool(2);
    let isOver = false;
    const work = async () => {
      while (!isOver) await pool.query('SELECT pg_sleep(0.01)');
    };
    const workers = Array.from({length: 7}, work);
    const starved = /^web\[2\/2 w[45] p95 \d+ms #[0-9a-z]{3}\.2\]$/;
    await expect.poll(names).toContainEqual(expect.stringMatching(starved));
    isOver = true;
    await Promise.all(workers);
    await expect.poll(names).toContainEqual(expect.stringMatching(/^web\[0\/2 w0 p95 \d+ms #...\.[3-9]\]$/));
  });

  test('counts a checkout that got no connection', async () => {
    const pool = openPool(1);
    const client = await pool.connect();
    pool.options.connectionTimeoutMillis = 20;
    await expect(pool.query('SELECT 1')).rejects.toThrow('timeout exceeded when trying to connect');
    await expect(pool.connect()).rejects.toThrow('timeout exceeded when trying to connect');
    client.release();
    expect(pool.stats().totals).toMatchObject({waits: 2, failed_waits: 2});
    expect(pool.stats().waits.max_ms).toBeGreaterThanOrEqual(19);
  });

  test('outlives the transaction of the caller', async () => {
    const pool = openPool(1);
    await pool.query('SELECT 1');
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('ROLLBACK');
    expect(await names()).toEqual([expect.stringMatching(/^web\[1\/1 w0 /)]);
    client.release();
  });

  test('keeps no session alive that cannot report, left in a transaction', async () => {
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
    try {
      const pool = openPool(1, {}, {idleTimeoutMillis: 30_000});
      const client = await pool.connect();
      await client.query('BEGIN');
      client.release();
      await vi.advanceTimersByTimeAsync(60_000);
      await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    } finally {
      vi.useRealTimers();
    }
  });

  test('is off where the application says so', async () => {
    const pool = openPool(1, {report: false});
    for (let time = 0; time < 3; time++) await pool.query('SELECT 1');
    expect(await names()).toEqual(['web']);
  });

  test('is off behind RDS Proxy, and a timeout cancels through the stream of the pool', async () => {
    const {port, hostname} = new URL(server().superuserUrl);
    const stream = () => {
      const socket = new Socket();
      const connect = socket.connect.bind(socket);
      return Object.assign(socket, {connect: () => connect(Number(port), hostname)});
    };
    const url = new URL(server().superuserUrl);
    url.host = 'web.proxy-abc123.eu-west-1.rds.amazonaws.com:5432';
    const options = {platform: 'lambda', instances: 1, application: 'web', closeOnSigterm: false} as const;
    const pool = createPool({connectionString: url.href, stream, ...options});
    pools.push(pool);
    for (let time = 0; time < 3; time++) await pool.query('SELECT 1');
    expect(await names()).toEqual(['web']);
    await expect(withTimeout(50, () => pool.query('SELECT pg_sleep(60)'))).rejects.toThrow('its timeout');
  });

  test('that the server refuses fails no caller', async () => {
    await server().query("CREATE ROLE web LOGIN PASSWORD 'web'");
    await server().query('REVOKE EXECUTE ON FUNCTION set_config FROM PUBLIC');
    const pool = openPool(1, {}, {connectionString: server().url({user: 'web', password: 'web'})});
    await pool.query('SELECT 1');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    expect(pool.stats().totals.reports).toBe(1);
    expect(await names()).toEqual(['web']);
    await server().query('GRANT EXECUTE ON FUNCTION set_config TO PUBLIC');
  });
});

const ownText = 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()';

describe('tags', () => {
  test('are on statements of the pool and of its clients', async () => {
    const pool = openPool(1);
    await withTags({route: '/users'}, async () => {
      const tagged = {query: `${ownText} /*route='%2Fusers'*/`};
      expect((await pool.query(ownText)).rows).toEqual([tagged]);
      expect((await pool.query({text: ownText})).rows).toEqual([tagged]);
      // The text of a named statement may not change.
      expect((await pool.query({text: ownText, name: 'own'})).rows).toEqual([{query: ownText}]);
      const client = await pool.connect();
      expect((await client.query(ownText, [])).rows).toEqual([tagged]);
      client.release();
    });
    expect((await pool.query(ownText)).rows).toEqual([{query: ownText}]);
  });

  test('and a timeout leave a statement as it is whose text is a getter', async () => {
    class Sql {
      values = [7];
      get text() {
        return `SELECT query, $1::int AS value FROM pg_stat_activity WHERE pid = pg_backend_pid()`;
      }
    }
    const pool = openPool(1, {timeout: 'report'});
    const {text} = new Sql();
    const rows = async () => (await pool.query(new Sql())).rows;
    expect(await rows()).toEqual([{query: text, value: 7}]);
    expect(await withTags({job: 'a'}, rows)).toEqual([{query: `${text} /*job='a'*/`, value: 7}]);
  });

  test('of a checkout that waited are its own, not those of what released the connection', async () => {
    const pool = openPool(1);
    const queries = ['/a', '/b', '/c'].map(route =>
      withTags({route}, async () => (await pool.query(ownText)).rows[0].query),
    );
    const tagged = ['a', 'b', 'c'].map(name => `${ownText} /*route='%2F${name}'*/`);
    expect(await Promise.all(queries)).toEqual(tagged);
  });
});

test('a pool survives the end of its sessions, idle ones and one that a caller holds', async () => {
  const errors: string[] = [];
  const pool = openPool(2, {onConnectionError: ({message}) => errors.push(message)});
  const held = await pool.connect();
  await pool.query('SELECT 1');
  await server().query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'web%'",
  );
  await expect.poll(() => pool.stats().totals.connection_errors).toBe(2);
  await expect(held.query('SELECT 1')).rejects.toThrow();
  held.release();
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
  const reason = 'terminating connection due to administrator command';
  expect(errors).toEqual([reason, reason]);
});

describe('close', () => {
  test('twice is once', async () => {
    const pool = openPool(1);
    pools.length = 0;
    await pool.query('SELECT 1');
    await Promise.all([pool.close(), pool.close(1)]);
    await pool.close();
    expect(pool.ended).toBe(true);
  });

  test('waits for what the application itself ends meanwhile', async () => {
    const pool = openPool(1);
    pools.length = 0;
    await pool.query('SELECT 1');
    const closing = pool.close();
    await pool.end();
    await closing;
  });

  test('cancels at its deadline also where the application has ended the pool', async () => {
    const pool = openPool(1);
    pools.length = 0;
    const client = await pool.connect();
    const endless = client.query('SELECT pg_sleep(60)');
    const ended = pool.end();
    await Promise.all([pool.close(50), expect(endless).rejects.toThrow()]);
    client.release();
    await ended;
    await expect.poll(() => server().query(running)).toEqual([]);
  });
});

describePgBouncer('through PgBouncer', () => {
  test.each(['session', 'transaction', 'statement'] as const)(
    'in %s mode the name reaches the server, and a timeout its statement',
    async pool_mode => {
      const pooler = await startPgBouncer({server: server(), pool_mode});
      const options = {platform: 'pgbouncer', instances: 4, max: 2, closeOnSigterm: false} as const;
      const pool = createPool({connectionString: pooler.url(), application: 'web', ...options});
      await pool.query('SELECT 1');
      await pool.query('SELECT 1');
      expect(await names()).toEqual([expect.stringMatching(/^web\[1\/2 w0 #/)]);
      await expect(withTimeout(50, () => pool.query('SELECT pg_sleep(60)'))).rejects.toThrow('its timeout');
      await expect.poll(() => server().query(running)).toEqual([]);
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
      await pool.end();
      await pooler.stop();
    },
  );

  test('in transaction mode a server session has the name of the client that it serves', async () => {
    const pooler = await startPgBouncer({
      server: server(),
      pool_mode: 'transaction',
      settings: {default_pool_size: 1},
    });
    const other = new pg.Client({connectionString: pooler.url(), application_name: 'other'});
    await other.connect();
    const pool = openPool(1, {}, {connectionString: pooler.url()});
    await pool.query('SELECT 1');
    await pool.query('SELECT 1');
    const own = 'SELECT application_name AS name FROM pg_stat_activity WHERE pid = pg_backend_pid()';
    expect((await other.query(own)).rows).toEqual([{name: 'other'}]);
    expect((await pool.query(own)).rows).toEqual([{name: expect.stringMatching(/^web\[1\/1 w0 #/)}]);
    await other.end();
    await pool.end();
    pools.length = 0;
    await pooler.stop();
  });
});
