import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {createLeanPool} from '../../../source/replay/pool/lean.ts';
import {startTestServer, type TestServer} from '../../helpers/server.ts';
import {fromFunction, fromSql, measureOne} from '../measuring.ts';

describe('the pool of endpoints without Prisma', () => {
  let server: TestServer;
  let pools: pg.Pool[] = [];
  beforeAll(async () => {
    server = await startTestServer({major: 18});
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(pools.map(pool => pool.end()));
    pools = [];
  });

  const poolOf = (config: pg.PoolConfig = {}) => {
    const pool = createLeanPool({connectionString: server.url(), max: 1, ...config});
    pool.on('connect', client => client.on('error', () => {}));
    pools.push(pool);
    return pool;
  };
  const pidOf = async (client: pg.PoolClient) =>
    (await client.query<{pid: number}>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;

  it('lends the connection given back last, and opens no more than it may', async () => {
    const pool = poolOf({max: 2});
    const [first, second] = await Promise.all([pool.connect(), pool.connect()]);
    first.release();
    second.release();
    expect(await pool.connect()).toBe(second);
    expect(await pool.connect()).toBe(first);
    const third = pool.connect();
    second.release();
    expect(await third).toBe(second);
    second.release();
    first.release();
  });

  it('serves those who wait in turn', async () => {
    const pool = poolOf();
    const order: number[] = [];
    const use = async (turn: number) => {
      const client = await pool.connect();
      order.push(turn);
      await client.query('SELECT 1');
      client.release();
    };
    await Promise.all([1, 2, 3, 4].map(use));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('gives up after its time in the words of pg-pool, and lends again what comes back', async () => {
    const pool = poolOf({connectionTimeoutMillis: 500});
    const client = await pool.connect();
    await expect(pool.connect()).rejects.toThrow('timeout exceeded when trying to connect');
    client.release();
    expect(await pool.connect()).toBe(client);
    client.release();
  });

  it('gives the place of a connection that failed to who waits', async () => {
    const pool = poolOf();
    const client = await pool.connect();
    const before = await pidOf(client);
    const next = pool.connect();
    client.release(new Error('a query failed on it'));
    const fresh = await next;
    expect(await pidOf(fresh)).not.toBe(before);
    fresh.release();
  });

  it('forgets a connection that the server ended while nobody used it', async () => {
    const pool = poolOf();
    const client = await pool.connect();
    const pid = await pidOf(client);
    const isGone = new Promise(resolve => pool.once('remove', resolve));
    client.release();
    await server.query('SELECT pg_terminate_backend($1)', [pid]);
    await isGone;
    const fresh = await pool.connect();
    expect(await pidOf(fresh)).not.toBe(pid);
    fresh.release();
  });

  it('says why it cannot connect, and tries anew for who waits', async () => {
    const pool = poolOf({connectionString: server.url({database: 'not_there'})});
    const outcomes = await Promise.allSettled([pool.connect(), pool.connect()]);
    expect(outcomes).toMatchObject([{reason: {code: '3D000'}}, {reason: {code: '3D000'}}]);
  });

  it('is ended: its sessions go, and nobody is lent one', async () => {
    const pool = poolOf();
    (await pool.connect()).release();
    await pool.end();
    await expect(pool.connect()).rejects.toThrow('after calling end');
  });

  it('reads past rows larger than its buffer, and tells of the error among them', async () => {
    const rows = `SELECT repeat('x', 100000) FROM generate_series(1, 5);`;
    const result = await measureOne(server, fromSql(rows), {requests: 3});
    expect(result).toMatchObject({failures: [], rows_per_request: 5});
    expect(result.bytes_per_request).toBeGreaterThan(500_000);
    const broken = `SELECT 1 / (3 - n), repeat('x', 100000) FROM generate_series(1, 5) AS n;`;
    const failed = await measureOne(server, fromSql(broken), {requests: 1});
    expect(failed.failures).toMatchObject([{sqlstate: '22012', line: 1}]);
  });

  it('keeps rows that are read whole, whatever is read into the same buffer after them', async () => {
    const read = fromFunction(async ({sql}) => {
      const texts = await Promise.all(
        ['a', 'b', 'c'].map(letter => sql(`SELECT repeat('${letter}', 200000) AS text`)),
      );
      for (const [index, rows] of texts.entries()) {
        const letter = 'abc'[index] ?? '';
        expect(rows).toEqual([{text: letter.repeat(200_000)}]);
      }
    });
    const result = await measureOne(server, read, {requests: 3});
    expect(result.failures).toEqual([]);
  });
});
