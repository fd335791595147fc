import {afterAll, beforeAll, expect, it} from 'vitest';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {planHypothetically} from '../../../source/postgres/planner/index-planner.ts';
import {loadSqlParser} from '../../../source/postgres/reach/parse-sql.ts';
import {describeHypopg, startHypopgServer} from '../../helpers/hypopg.ts';
import {describePgBouncer, startPgBouncer} from '../../helpers/pgbouncer.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {watch} from '../watching.ts';

const parser = await loadSqlParser();
const rows =
  'CREATE TABLE t (a int, b int); INSERT INTO t SELECT n, n FROM generate_series(1, 10000) n; ANALYZE t';

describeEachMajor('planHypothetically', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await shareTestServer({major});
    for (const statement of rows.split('; ')) await server.query(statement);
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });
  const plan = (query: string) =>
    planHypothetically(connection.rawClient, parser, {
      query,
      definitions: [],
      hypopg_schema: null,
      search_path: [],
    });

  it.each([
    [
      'reads a table whole',
      'SELECT * FROM t WHERE a = $1',
      {scanned: [{schema: 'public', table: 't'}], sorts: false},
    ],
    ['sorts', 'SELECT * FROM t ORDER BY b', {sorts: true}],
    ['writes', 'UPDATE t SET a = $1 WHERE b = $2', {scanned: [{schema: 'public', table: 't'}]}],
    ['has lost its types', 'SELECT sum(CASE WHEN a = $1 THEN $2 ELSE $3 END) FROM t', {indexes: []}],
  ])('costs a statement that %s', async (_, query, expected) => {
    const answer = await plan(query);
    expect(answer.plan).toMatchObject(expected);
    expect(answer.plan.cost).toBeGreaterThan(100);
  });

  it.each([
    ['two statements', 'SELECT 1 FROM t; DELETE FROM t'],
    ['a utility statement', 'TRUNCATE t'],
    ['a way out of the transaction', 'SELECT 1; COMMIT; DELETE FROM t'],
  ])('refuses %s', async (_, query) => {
    expect(await rejection(plan(query))).toMatchObject({message: expect.stringMatching(/^not planned: /)});
    expect(await server.query('SELECT count(*)::int FROM t')).toEqual([{count: 10_000}]);
    expect((await plan('SELECT FROM t')).plan.cost).toBeGreaterThan(100);
  });
});

describeHypopg('planHypothetically with HypoPG', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startHypopgServer();
    for (const statement of rows.split('; ')) await server.query(statement);
    await server.query('CREATE EXTENSION hypopg');
  });
  afterAll(() => server?.stop());
  const request = {
    query: 'SELECT * FROM t WHERE b = $1',
    definitions: ['CREATE INDEX ON public.t (a)', 'CREATE INDEX ON public.t (b)'],
    hypopg_schema: 'public',
    search_path: [],
  };

  it('shows the planner indexes that do not exist, and drops them', async () => {
    const connection = await watch(server.url());
    const {plan, hypothetical} = await planHypothetically(connection.rawClient, parser, request);
    expect(plan.indexes).toEqual([hypothetical[1]?.name]);
    expect(hypothetical[1]?.size_bytes).toBeGreaterThan(100_000);
    const broken = {...request, query: 'SELECT * FROM nothing'};
    expect(await rejection(planHypothetically(connection.rawClient, parser, broken))).toMatchObject({
      code: '42P01',
    });
    expect((await connection.client.query('SELECT FROM public.hypopg()')).rows).toEqual([]);
    await connection.close();
  });

  describePgBouncer('behind PgBouncer', () => {
    it('leaves nothing in the sessions it is assigned', async () => {
      const pooler = await startPgBouncer({server, pool_mode: 'transaction'});
      const connection = await watch(pooler.url());
      const {plan, hypothetical} = await planHypothetically(connection.rawClient, parser, request);
      expect(plan.indexes).toEqual([hypothetical[1]?.name]);
      expect((await connection.client.query('SELECT FROM public.hypopg()')).rows).toEqual([]);
      await connection.close();
      await pooler.stop();
    });
  });
});
