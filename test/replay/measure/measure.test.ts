import {setTimeout as delay} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {countSessions, fromFunction, fromSql, measureOne} from '../measuring.ts';

describeMainMajor('a measurement', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE TABLE t AS SELECT id, id * 10 AS amount FROM generate_series(1, 30) id');
    await server.query("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 2");
  });
  afterAll(() => server?.stop());

  it('counts queries, rows and the N+1 with its line', async () => {
    const result = await measureOne(
      server,
      fromSql('SELECT id FROM t ORDER BY id;\n-- @each\nSELECT amount FROM t WHERE id = $id;'),
    );
    expect(result).toMatchObject({
      requests: 20,
      queries_per_request: 31,
      rows_per_request: 60,
      errors: {other: 0},
    });
    expect(result.statements).toContainEqual(
      expect.objectContaining({
        query: 'SELECT amount FROM t WHERE id = $1',
        line: 3,
        most_per_request: 30,
        is_n_plus_one: true,
      }),
    );
    expect(result.statements).toContainEqual(
      expect.objectContaining({
        query: 'SELECT id FROM t ORDER BY id',
        line: 1,
        calls: 20,
        rows_per_call: 30,
        is_n_plus_one: false,
      }),
    );
    expect(result.bytes_per_request).toBeGreaterThan(30 * 30);
  });

  it('counts rows of a SQL file as it counts those of a function', async () => {
    const rows = "SELECT repeat('x', 3000), NULL, id FROM t, generate_series(1, 100)";
    const one = {requests: 3, concurrency: 3};
    const ofFile = await measureOne(server, fromSql(`${rows};`), one);
    const ofFunction = await measureOne(
      server,
      fromFunction(({sql}) => sql(rows)),
      one,
    );
    expect(ofFile).toMatchObject({rows_per_request: 3000, errors: {other: 0}});
    expect(ofFile.bytes_per_request).toBeGreaterThan(3000 * 3000);
    expect(ofFunction).toMatchObject({rows_per_request: 3000, bytes_per_request: ofFile.bytes_per_request});
  });

  it('counts rows with notices, settings and errors between them', async () => {
    const endpoint = fromSql(`-- @transaction
-- @param $1 = 5
SELECT id FROM t WHERE id < $1;
DO $$ BEGIN RAISE NOTICE 'a notice'; END $$;
SELECT id, set_config('application_name', 'x' || id, true) FROM t WHERE id < 4;
SELECT id FROM t WHERE id = 0;
SELECT id, 1 / (id - 20) FROM t;
-- @end`);
    const result = await measureOne(server, endpoint, {requests: 4, concurrency: 2});
    expect(result).toMatchObject({
      requests: 4,
      rows_per_request: 4 + 3,
      errors: {other: 4, by_sqlstate: {'22012': 4}},
    });
    expect(result.failures).toMatchObject([{line: 7, count: 4}]);
    const healthy = await measureOne(server, fromSql('SELECT 1;\nINSERT INTO t SELECT 1 WHERE false;'));
    expect(healthy).toMatchObject({requests: 20, queries_per_request: 2, rows_per_request: 1});
  });

  it('splits the time into waiting and executing', async () => {
    const sleep = fromSql('SELECT pg_sleep(0.02);');
    const crowded = await measureOne(server, sleep, {concurrency: 5, connection_limit: 1, requests: 25});
    // With five users and one connection four wait while one executes.
    expect(crowded.wait_ms.p50).toBeGreaterThan(3 * 20 - 5);
    expect(crowded.execute_ms.p50).toBeGreaterThanOrEqual(20);
    expect(crowded.latency_ms.p50).toBeGreaterThanOrEqual(crowded.wait_ms.p50);
    expect(crowded).toMatchObject({peak_connections: 1, peak_in_use: 1});
    const roomy = await measureOne(server, sleep, {concurrency: 5, connection_limit: 5, requests: 25});
    expect(roomy.wait_ms.p50).toBeLessThan(crowded.wait_ms.p50);
    expect(roomy).toMatchObject({peak_connections: 5, peak_in_use: 5});
  });

  it('runs the queries of a parallel block at the same time; a request waits only while none of its queries runs', async () => {
    const endpoint = fromSql('-- @parallel\n-- @repeat 4\nSELECT pg_sleep(0.02);\n-- @end');
    const wide = await measureOne(server, endpoint, {connection_limit: 4, requests: 5});
    expect(wide).toMatchObject({queries_per_request: 4, peak_in_use: 4});
    const narrow = await measureOne(server, endpoint, {connection_limit: 1, requests: 5});
    expect(narrow.execute_ms.p50).toBeGreaterThan(80);
    expect(narrow.wait_ms.p50).toBeLessThan(narrow.execute_ms.p50);
    expect(narrow.statements[0]?.mean_wait_ms).toBeGreaterThan(20);
  });

  it('distinguishes a pool timeout from a server without slots', async () => {
    const sleep = fromSql('SELECT pg_sleep(0.3);');
    const timeouts = await measureOne(server, sleep, {
      concurrency: 4,
      connection_limit: 1,
      requests: 8,
      pool_timeout_ms: 50,
    });
    expect(timeouts.errors.pool_timeout).toBeGreaterThan(0);
    expect(timeouts.errors).toMatchObject({too_many_connections: 0, other: 0});
    const few = {user: 'few', password: 'few'};
    const refused = await measureOne(server, sleep, {
      concurrency: 5,
      connection_limit: 5,
      requests: 10,
      ...few,
    });
    expect(refused.errors.too_many_connections).toBeGreaterThan(0);
    expect(refused.errors).toMatchObject({
      pool_timeout: 0,
      other: 0,
      by_sqlstate: {'53300': refused.errors.too_many_connections},
    });
    expect(refused.peak_connections).toBe(2);
  });

  it('counts errors by SQLSTATE and line, without their times', async () => {
    const result = await measureOne(server, fromSql('SELECT 1;\n\nSELECT * FROM nope;'), {requests: 3});
    expect(result).toMatchObject({
      requests: 3,
      requests_per_second: 0,
      latency_ms: {max: 0},
      errors: {other: 3, by_sqlstate: {'42P01': 3}},
    });
    expect(result.failures).toEqual([
      {kind: 'sqlstate', sqlstate: '42P01', line: 3, message: 'relation "nope" does not exist', count: 3},
    ]);
  });

  it('uses one connection for a transaction, and rolls back if it fails', async () => {
    // Long enough that the second connection is open before the first has served them all.
    const endpoint = fromSql('-- @transaction\nSELECT pg_sleep(0.2);\nSELECT 2;\n-- @end');
    const result = await measureOne(server, endpoint, {concurrency: 4, requests: 12});
    expect(result).toMatchObject({queries_per_request: 4, peak_in_use: 2, errors: {other: 0}});
    const failing = fromSql('-- @transaction\nINSERT INTO t VALUES (99, 1);\nSELECT * FROM nope;\n-- @end');
    const failed = await measureOne(server, failing, {requests: 2});
    expect(failed.failures).toMatchObject([{sqlstate: '42P01', line: 3, count: 2}]);
    expect(await server.query('SELECT * FROM t WHERE id = 99')).toEqual([]);
  });

  it('with an arrival rate, measures each request from the time it was due', async () => {
    // 40 arrivals a second of 100 ms at one connection: the queue grows, which a closed load would hide.
    const sleep = fromSql('SELECT pg_sleep(0.1);');
    const open = await measureOne(server, sleep, {
      rate: 40,
      concurrency: 100,
      connection_limit: 1,
      requests: 30,
    });
    const closed = await measureOne(server, sleep, {concurrency: 1, connection_limit: 1, requests: 10});
    expect(open.requests).toBe(30);
    expect(open.latency_ms.max).toBeGreaterThan(1500);
    expect(open.latency_ms.p95).toBeGreaterThan(closed.latency_ms.p95);
  });

  it('begins with an empty cache after the warm-up', async () => {
    const endpoint = fromFunction(async ({sql, cache}) => {
      if (cache.get('rows') === undefined) cache.set('rows', await sql('SELECT 1'), 60_000);
    });
    const result = await measureOne(server, endpoint, {requests: 10, warm_up_ms: 20});
    expect(result.queries_per_request).toBe(0.1);
  });

  it('gives each instance a pool of its own', async () => {
    const result = await measureOne(server, fromSql('SELECT pg_sleep(0.01);'), {
      instances: 3,
      concurrency: 12,
      requests: 60,
    });
    expect(result).toMatchObject({peak_connections: 6, instances: 3, errors: {other: 0}});
  });

  it('leaves no session behind', async () => {
    await measureOne(server, fromSql('SELECT 1;'));
    await expect.poll(() => countSessions(server)).toBe(0);
  });

  describe('with a faulty endpoint', () => {
    it('reports its errors, and continues', async () => {
      let count = 0;
      const endpoint = fromFunction(
        async ({sql}) => {
          if (++count % 2 === 0) throw new TypeError('no such thing');
          await sql('SELECT 1');
        },
        import.meta.filename,
      );
      const result = await measureOne(server, endpoint, {requests: 6});
      expect(result).toMatchObject({requests: 6, errors: {other: 3}});
      expect(result.failures).toMatchObject([
        {kind: 'own', message: 'no such thing', count: 3, line: expect.any(Number)},
      ]);
    });

    it('abandons requests that never end, and reports what they wait for and on which line', async () => {
      // Requests a second connection while the first is checked out: Prisma 7 waits forever.
      const endpoint = fromFunction(({sql}) => sql.transaction(() => sql({text: 'SELECT 1', line: 7})));
      const result = await measureOne(server, endpoint, {
        connection_limit: 1,
        requests: 2,
        hang_timeout_ms: 300,
      });
      expect(result.isComplete).toBe(false);
      expect(result.failures).toMatchObject([
        {kind: 'hang', line: 7, message: expect.stringMatching(/waits for a connection/)},
      ]);
      await expect.poll(() => countSessions(server)).toBe(0);
    });

    it('stops at the signal with the results so far', async () => {
      const controller = new AbortController();
      const measuring = measureOne(server, fromSql('SELECT pg_sleep(0.01);'), {
        requests: null,
        duration_ms: 600_000,
        signal: controller.signal,
        onProgress: ({requests}) => requests > 3 && controller.abort(),
      });
      const result = await measuring;
      expect(result.isComplete).toBe(false);
      expect(result.requests).toBeGreaterThan(3);
      expect(result.failures).toEqual([]);
      await expect.poll(() => countSessions(server)).toBe(0);
    });

    it('ignores an answer after the end', async () => {
      const endpoint = fromFunction(() => delay(700));
      const result = await measureOne(server, endpoint, {requests: 1, hang_timeout_ms: 200});
      expect(result).toMatchObject({requests: 1, errors: {other: 1}, failures: [{kind: 'hang'}]});
    });
  });
});
