import process from 'node:process';
import type pg from 'pg';
import {describe, expect, test, vi} from 'vitest';
import {withTimeout} from '../../source/kit/kit.ts';
import {running, sharePools} from './open-pool.ts';

const {server, open: openPool} = sharePools();

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
    await expect.poll(() => server().query(running)).toEqual([]);
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

  test('in a transaction that its own text began closes the connection', async () => {
    const pool = openPool(1);
    for (let round = 0; round < 5; round++) {
      const statement = withTimeout(20, () => pool.query('BEGIN; SELECT pg_sleep(60)'));
      await expect(statement).rejects.toMatchObject({code: '57014'});
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    }
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
