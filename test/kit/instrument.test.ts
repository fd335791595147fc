import {Socket} from 'node:net';
import process from 'node:process';
import pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, test, vi} from 'vitest';
import {createPool, instrumentPool, withTags, withTimeout} from '../../source/kit/kit.ts';
import {describePgBouncer, startPgBouncer} from '../helpers/pgbouncer.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
});
afterAll(() => server.stop());

const pools: pg.Pool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map(pool => pool.end()));
});

function openPool(
  max: number,
  options: Parameters<typeof instrumentPool>[1] = {},
  config: pg.PoolConfig = {},
) {
  const pool = new pg.Pool({connectionString: server.superuserUrl, max, application_name: 'web', ...config});
  pools.push(pool);
  return instrumentPool(pool, options);
}

async function names(): Promise<string[]> {
  const rows = await server.query<{application_name: string}>(
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
    const {port, hostname} = new URL(server.superuserUrl);
    const stream = () => {
      const socket = new Socket();
      const connect = socket.connect.bind(socket);
      return Object.assign(socket, {connect: () => connect(Number(port), hostname)});
    };
    const url = new URL(server.superuserUrl);
    url.host = 'web.proxy-abc123.eu-west-1.rds.amazonaws.com:5432';
    const options = {platform: 'lambda', instances: 1, application: 'web', closeOnSigterm: false} as const;
    const pool = createPool({connectionString: url.href, stream, ...options});
    pools.push(pool);
    for (let time = 0; time < 3; time++) await pool.query('SELECT 1');
    expect(await names()).toEqual(['web']);
    await expect(withTimeout(50, () => pool.query('SELECT pg_sleep(60)'))).rejects.toThrow('its timeout');
  });

  test('that the server refuses fails no caller', async () => {
    await server.query("CREATE ROLE web LOGIN PASSWORD 'web'");
    await server.query('REVOKE EXECUTE ON FUNCTION set_config FROM PUBLIC');
    const pool = openPool(1, {}, {connectionString: server.url({user: 'web', password: 'web'})});
    await pool.query('SELECT 1');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    expect(pool.stats().totals.reports).toBe(1);
    expect(await names()).toEqual(['web']);
    await server.query('GRANT EXECUTE ON FUNCTION set_config TO PUBLIC');
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

const running =
  "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'";

describe('a timeout', () => {
  test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
    ['pool.query', pool => pool.query('SELECT pg_sleep(60)')],
    [
      'a callback',
      pool =>
        new Promise((resolve, reject) =>
          pool.query('SELECT pg_sleep(60)', (error, result) => (error ? reject(error) : resolve(result))),
        ),
    ],
    [
      'a client',
      async pool => {
        const client = await pool.connect();
        await client.query('SELECT pg_sleep(60)').finally(() => client.release());
      },
    ],
  ])('ends the statement of %s on the server, and its session stays usable', async (_, query) => {
    const pool = openPool(1);
    const pid = async () => (await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    const before = await pid();
    await expect(withTimeout(50, () => query(pool))).rejects.toMatchObject({
      code: '57014',
      message: 'canceling statement due to its timeout of 50 ms',
    });
    // The server reports the error before it shows the session as idle.
    await expect.poll(() => server.query(running)).toEqual([]);
    expect(await pid()).toBe(before);
    expect(pool.stats().totals.timeouts).toBe(1);
  });

  test('never hits the next statement', async () => {
    const pool = openPool(1);
    const outcomes = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const statement = withTimeout(4, () => pool.query('SELECT pg_sleep(0.004)'));
      outcomes.add(
        await statement.then(
          () => 'result',
          ({code}) => code,
        ),
      );
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    }
    expect([...outcomes].every(each => ['result', '57014'].includes(each))).toBe(true);
    expect(pool.stats().totals.connection_errors).toBe(0);
  });

  test('never hits the next statement of its connection, which waits on the client', async () => {
    const pool = openPool(1);
    const client = await pool.connect();
    for (let round = 0; round < 30; round++) {
      const statement = withTimeout(4, () => client.query('SELECT pg_sleep(0.004)'));
      const next = client.query("SELECT pg_sleep(0.02), 'done' AS done");
      const [, {value}] = (await Promise.allSettled([statement, next])) as [
        unknown,
        PromiseFulfilledResult<pg.QueryResult>,
      ];
      expect(value?.rows).toMatchObject([{done: 'done'}]);
    }
    client.release();
  });

  test('in a transaction closes the connection that its caller gives back with the error', async () => {
    const pool = openPool(1);
    await new Promise<void>((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (client === undefined) return reject(error);
        client.query('BEGIN', () => {
          withTimeout(50, () =>
            client.query('SELECT pg_sleep(60)', failure => {
              release(failure);
              resolve();
            }),
          );
        });
      });
    });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    expect(pool.stats().totals.timeouts).toBe(1);
  });

  test('is none in a pipeline, where it would end the statement before', async () => {
    const pool = openPool(1, {timeout: 50}, {pipeline: true} as pg.PoolConfig);
    const client = await pool.connect();
    const slow = "SELECT pg_sleep(0.2), 'done' AS done";
    const results = await Promise.all([client.query(slow), client.query(slow)]);
    expect(results.map(({rows}) => rows[0].done)).toEqual(['done', 'done']);
    client.release();
  });

  test('leaves a statement its query_timeout', async () => {
    const pool = openPool(1, {timeout: 'report'});
    const client = await pool.connect();
    const config = {text: 'SELECT pg_sleep(60)', query_timeout: 50} as pg.QueryConfig;
    await expect(client.query(config)).rejects.toThrow('Query read timeout');
    client.release(true);
  });

  test("above the pool's statement_timeout gives one warning", async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const pool = openPool(1, {}, {statement_timeout: 30_000});
    for (let time = 0; time < 2; time++) await withTimeout(60_000, () => pool.query('SELECT 1'));
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      "The timeout of 60000 ms has no effect: the pool's statement_timeout ends the statement after 30000 ms. Give createPool a longer one",
    ]);
    warn.mockRestore();
  });

  test('is none of a statement that pg refuses, nor of one with a callback in its object', async () => {
    const pool = openPool(1, {timeout: 50});
    const client = await pool.connect();
    expect(() => client.query(undefined as unknown as string)).toThrow(TypeError);
    await new Promise(callback => client.query({text: 'SELECT 1', callback} as unknown as string));
    await withTimeout('report', () => client.query('SELECT pg_sleep(0.2)'));
    client.release();
    expect(pool.stats().totals.timeouts).toBe(0);
  });

  test('runs while its statement does, not while others of its connection do', async () => {
    const pool = openPool(1);
    const client = await pool.connect();
    const first = client.query("SELECT pg_sleep(0.3), 'done' AS done");
    const second = withTimeout(100, () => client.query('SELECT pg_sleep(60)'));
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes).toMatchObject([{value: {rows: [{done: 'done'}]}}, {reason: {code: '57014'}}]);
    client.release();
  });

  test('of the pool counts for each statement without its own', async () => {
    const pool = openPool(1, {timeout: 50});
    await expect(pool.query('SELECT pg_sleep(60)')).rejects.toThrow('its timeout of 50 ms');
    const slow = withTimeout('report', () => pool.query("SELECT pg_sleep(0.1), 'done' AS done"));
    expect((await slow).rows).toMatchObject([{done: 'done'}]);
  });
});

test('a pool survives the end of its sessions, idle ones and one that a caller holds', async () => {
  const errors: string[] = [];
  const pool = openPool(2, {onConnectionError: ({message}) => errors.push(message)});
  const held = await pool.connect();
  await pool.query('SELECT 1');
  await server.query(
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
    await expect.poll(() => server.query(running)).toEqual([]);
  });
});

describePgBouncer('through PgBouncer', () => {
  test.each(['session', 'transaction', 'statement'] as const)(
    'in %s mode the name reaches the server, and a timeout its statement',
    async pool_mode => {
      const pooler = await startPgBouncer({server, pool_mode});
      const options = {platform: 'pgbouncer', instances: 4, max: 2, closeOnSigterm: false} as const;
      const pool = createPool({connectionString: pooler.url(), application: 'web', ...options});
      await pool.query('SELECT 1');
      await pool.query('SELECT 1');
      expect(await names()).toEqual([expect.stringMatching(/^web\[1\/2 w0 #/)]);
      await expect(withTimeout(50, () => pool.query('SELECT pg_sleep(60)'))).rejects.toThrow('its timeout');
      await expect.poll(() => server.query(running)).toEqual([]);
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
      await pool.end();
      await pooler.stop();
    },
  );

  test('in transaction mode a server session has the name of the client that it serves', async () => {
    const pooler = await startPgBouncer({server, pool_mode: 'transaction', settings: {default_pool_size: 1}});
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
