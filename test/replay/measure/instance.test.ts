import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {countSessions, fromFunction, measureOne} from '../measuring.ts';

/** Prisma's adapter gets the pool itself; these tests use it as the adapter does. */
describe('the pool as an adapter uses it', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
  });
  afterAll(() => server?.stop());

  const measurePool = (
    use: (pool: pg.Pool) => Promise<unknown>,
    given: Parameters<typeof measureOne>[2] = {},
  ) =>
    measureOne(
      server,
      fromFunction(({prisma}) => use(prisma as pg.Pool), import.meta.filename),
      {
        openPrisma: pool => ({client: pool, close: async () => {}}),
        requests: 4,
        ...given,
      },
    );

  it('counts queries of the pool, with the line that sent them', async () => {
    const result = await measurePool(async pool => {
      const {rows} = await pool.query({text: 'SELECT $1::int AS one', values: [1], rowMode: 'array'});
      expect(rows).toEqual([[1]]);
      await Promise.all([pool.query('SELECT 2'), pool.query('SELECT 3')]);
    });
    expect(result).toMatchObject({queries_per_request: 3, rows_per_request: 3, peak_in_use: 2, failures: []});
    expect(result.statements.every(({line}) => line !== null && line > 20)).toBe(true);
  });

  it('counts queries of a checked-out client, and the wait for it', async () => {
    const result = await measurePool(
      async pool => {
        const client = await pool.connect();
        try {
          await client.query('BEGIN');
          await client.query('SELECT pg_sleep(0.01)');
          await client.query('COMMIT');
        } finally {
          client.release();
        }
      },
      {concurrency: 4, connection_limit: 1, requests: 12},
    );
    expect(result).toMatchObject({queries_per_request: 3, peak_in_use: 1, failures: []});
    expect(result.wait_ms.p50).toBeGreaterThan(result.execute_ms.p50);
  });

  it('names the line of a connection that is never released', async () => {
    const result = await measurePool(pool => pool.connect(), {connection_limit: 2, requests: 2});
    expect(result.failures).toEqual([
      expect.objectContaining({kind: 'leak', count: 2, line: expect.any(Number)}),
    ]);
    expect(result).toMatchObject({requests: 2, errors: {other: 0}});
    await expect.poll(() => countSessions(server)).toBe(0);
  });

  it('distinguishes a leak from the requests that wait because of it', async () => {
    const result = await measurePool(pool => pool.connect(), {
      connection_limit: 2,
      requests: 5,
      hang_timeout_ms: 300,
    });
    expect(result.failures.map(({kind, count}) => [kind, count]).sort()).toEqual([
      ['hang', 1],
      ['leak', 2],
    ]);
  });

  it('passes errors on unchanged, and counts them once', async () => {
    const result = await measurePool(async pool => {
      const error = await pool.query('SELECT 1/0').catch(failure => failure);
      expect(error).toMatchObject({code: '22012'});
      throw error;
    });
    expect(result).toMatchObject({requests: 4, errors: {other: 4, by_sqlstate: {'22012': 4}}});
    expect(result.failures).toMatchObject([{count: 4, line: expect.any(Number)}]);
  });

  it('supports callbacks and closes', async () => {
    const result = await measurePool(
      pool =>
        new Promise((resolve, reject) => {
          pool.query('SELECT 1', (error: Error | undefined) => (error ? reject(error) : resolve(null)));
        }),
    );
    expect(result).toMatchObject({requests: 4, failures: []});
    await expect.poll(() => countSessions(server)).toBe(0);
  });
});
