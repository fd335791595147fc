import {afterAll, beforeAll, expect, it} from 'vitest';
import {AbortError} from '../../../source/core/errors.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {explainStatement} from '../../../source/postgres/planner/explain.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {watch} from '../watching.ts';

describeEachMajor('explainStatement', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE TABLE t (id int PRIMARY KEY, name text)');
    await server.query('INSERT INTO t SELECT n, n::text FROM generate_series(1, 1000) n');
    await server.query('CREATE SCHEMA app; CREATE TABLE app.only_here (id int)');
    await server.query(
      `CREATE FUNCTION touch() RETURNS int LANGUAGE sql VOLATILE AS $$ INSERT INTO t VALUES (-1, 'executed') RETURNING id $$`,
    );
    await server.query('ANALYZE t');
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const explain = (query: string, overrides: {database?: string; schema?: string} = {}) =>
    explainStatement(connection.client, {
      query,
      database: 'postgres',
      connected_database: 'postgres',
      server_version_num: server.version,
      ...overrides,
    });
  const executed = async () => (await server.query('SELECT FROM t WHERE id < 0')).length;
  const tables = async () => (await server.query(`SELECT FROM pg_class WHERE relname = 't'`)).length;

  it.each([
    ['with parameters', 'SELECT name FROM t WHERE id = $1 AND name <> $2', /Index Scan using t_pkey/],
    ['without', 'SELECT count(*) FROM t', /Seq Scan on t/],
    ['with a semicolon', 'SELECT 1 FROM t ; ', /Seq Scan|Index Only Scan/],
    ['with a comment at its end', 'SELECT 1 FROM t WHERE id = $1 -- why', /t_pkey/],
    ['with tags', "SELECT 1 FROM t WHERE id = $1 /*route='%2F'*/", /t_pkey/],
    ['that writes', 'UPDATE t SET name = $1 WHERE id = $2', /Update on t/],
    [
      'with arguments of any type',
      'SELECT jsonb_build_object($1, name, $2, concat($3, id)) FROM t WHERE id = $4',
      /t_pkey/,
    ],
    ['with $2 in a string', "SELECT '$2;' FROM t WHERE id = $1", /t_pkey/],
  ])('plans a statement %s', async (_, query, plan) => {
    const {lines, how} = await explain(query);
    expect(lines.join('\n')).toMatch(plan);
    expect(how).toBe(major >= 16 ? 'generic plan' : 'forced generic plan');
  });

  it("uses the schema of Prisma's URL as search_path", async () => {
    expect((await explain('SELECT * FROM only_here', {schema: 'app'})).lines[0]).toContain('only_here');
  });

  it.each([
    ['two statements', 'SELECT 1; DROP TABLE t'],
    ['two with a trailing one', 'SELECT 1; DROP TABLE t;'],
    ['a second behind a comment', 'SELECT 1 -- harmless\n; DROP TABLE t'],
    ['a second behind a nested comment', 'SELECT 1 /* /* */ ; still */; DROP TABLE t'],
    ['a way out of the transaction', 'SELECT 1; COMMIT; DROP TABLE t'],
    ['a way out at once', 'ROLLBACK; DROP TABLE t'],
    ['a quote that ends early', `SELECT E'\\''; DROP TABLE t; --'`],
    ['dollar quotes', 'SELECT $a$ $a$; DROP TABLE t; --$a$'],
    ['a utility statement', 'DROP TABLE t'],
    ['an EXPLAIN of its own', 'EXPLAIN ANALYZE SELECT touch()'],
    ['ANALYZE in front', 'ANALYZE SELECT touch()'],
    ['an option list', '(ANALYZE) SELECT touch()'],
    ['EXECUTE', 'EXECUTE poolctl_explain'],
    ['nothing', ''],
    ['a comment alone', '-- nothing'],
    ['a text that was cut off', "SELECT * FROM t WHERE name = 'abc"],
  ])('refuses %s', async (_, query) => {
    const error = await rejection(explain(query));
    expect(error).toBeInstanceOf(AbortError);
    expect([await tables(), await executed()]).toEqual([1, 0]);
  });

  it('executes nothing', async () => {
    await explain('SELECT touch() FROM t').catch(() => null);
    await explain('WITH w AS (DELETE FROM t RETURNING id) SELECT * FROM w');
    // A utility statement to PREPARE before 15.
    await explain('SELECT * INTO new_table FROM t').catch(() => null);
    expect(await executed()).toBe(0);
    expect(await server.query(`SELECT FROM pg_class WHERE relname = 'new_table'`)).toEqual([]);
    expect(await server.query('SELECT FROM t')).toHaveLength(1000);
  });

  it.each([
    ['another database', () => explain('SELECT 1', {database: 'shop'}), /another database, "shop"/],
    ['an unknown table', () => explain('SELECT * FROM gone'), /relation "gone" does not exist/],
  ])('explains the error of %s', async (_, run, message) => {
    expect(await rejection(run())).toMatchObject({
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('leaves the session unchanged', async () => {
    await explain('SELECT 1 FROM t');
    await rejection(explain('SELECT gone'));
    const {rows} = await connection.client.query(
      `SELECT current_setting('search_path') AS path, (SELECT count(*) FROM pg_prepared_statements)::int AS prepared`,
    );
    expect(rows).toEqual([{path: 'pg_catalog', prepared: 0}]);
  });

  it('does not affect queries sent at the same time', async () => {
    const [, failed, , ...readings] = await Promise.allSettled([
      connection.client.query('SELECT 1'),
      explain('SELECT gone'),
      explain('SELECT 1 FROM t'),
      connection.client.query('SELECT 1'),
      connection.client.query('SELECT now()'),
    ]);
    expect(failed?.status).toBe('rejected');
    expect(readings.map(({status}) => status)).toEqual(['fulfilled', 'fulfilled']);
  });
});
