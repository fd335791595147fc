import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {createMeasuredPool, type MeasuredPool} from '../../../source/replay/measure/instance.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {fromFunction, fromSql, measureOne} from '../measuring.ts';

describe('the measured pool', () => {
  let server: TestServer;
  let pools: MeasuredPool[] = [];
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(pools.map(pool => pool.close()));
    pools = [];
  });

  const poolOf = ({max = 1, pool_timeout_ms = 0, connectionString = server.url()} = {}) => {
    const measured = createMeasuredPool({
      connection: {connectionString},
      connection_limit: max,
      pool_timeout_ms,
      allowWrites: true,
      file: 'x.ts',
    });
    pools.push(measured);
    return measured.pool;
  };
  const pidOf = async (client: pg.PoolClient) =>
    (await client.query<{pid: number}>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;

  it('reuses the connection released last, and opens at most connection_limit', async () => {
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

  it('serves waiting requests in order', async () => {
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

  it('rejects after pool_timeout, and hands out the connection again once it is released', async () => {
    const pool = poolOf({pool_timeout_ms: 500});
    const client = await pool.connect();
    await expect(pool.connect()).rejects.toThrow('timeout exceeded when trying to connect');
    client.release();
    expect(await pool.connect()).toBe(client);
    client.release();
  });

  it('replaces a connection released with an error for the waiting request', async () => {
    const pool = poolOf();
    const client = await pool.connect();
    const before = await pidOf(client);
    const next = pool.connect();
    client.release(new Error('a query failed on it'));
    const fresh = await next;
    expect(await pidOf(fresh)).not.toBe(before);
    fresh.release();
  });

  it('replaces a connection that the server ended while it was idle', async () => {
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

  it("rejects with the server's error, and connects again for the waiting request", async () => {
    const pool = poolOf({connectionString: server.url({database: 'not_there'})});
    const outcomes = await Promise.allSettled([pool.connect(), pool.connect()]);
    expect(outcomes).toMatchObject([{reason: {code: '3D000'}}, {reason: {code: '3D000'}}]);
  });

  it('has no open connection after end()', async () => {
    const pool = poolOf();
    (await pool.connect()).release();
    await pool.end();
    await expect(pool.connect()).rejects.toThrow('after calling end');
  });

  it('counts large rows, and the error among them', async () => {
    const rows = `SELECT repeat('x', 100000) FROM generate_series(1, 5);`;
    const result = await measureOne(server, fromSql(rows), {requests: 3});
    expect(result).toMatchObject({failures: [], rows_per_request: 5});
    expect(result.bytes_per_request).toBeGreaterThan(500_000);
    const broken = `SELECT 1 / (3 - n), repeat('x', 100000) FROM generate_series(1, 5) AS n;`;
    const failed = await measureOne(server, fromSql(broken), {requests: 1});
    expect(failed.failures).toMatchObject([{sqlstate: '22012', line: 1}]);
  });

  it('returns large rows of parallel queries intact', async () => {
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
