import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {executeSql} from '../../../source/core/engine/execute-sql.ts';
import {createInterruption} from '../../../source/core/engine/interruption.ts';
import type {SqlStep, Verification} from '../../../source/model/step.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {serverAt} from '../../helpers/identity.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';

const verify: Verification = {
  query: {text: 'SELECT 1 AS is', values: []},
  expect: {column: 'is', op: '=', value: 1},
};

function stepOf(text: string, values: number[] = []): SqlStep {
  return {
    ...{kind: 'sql', title: text, subject: 'server', apply: {text, values}, undo: 'unneeded', verify},
    ...{lock: 'none', transaction: false, timeout_ms: 5000},
  };
}

describeEachMajor('the suggested grant', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query(`CREATE ROLE "ap""p" LOGIN PASSWORD 'secret'`);
    await server.query(`CREATE SCHEMA "shop ON x" AUTHORIZATION "ap""p"`);
    await server.query('CREATE TABLE "shop ON x".t (id int)');
    await server.query('ALTER TABLE "shop ON x".t OWNER TO "ap""p"');
    await server.query('CREATE TABLE public.mine (id int)');
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('DROP ROLE IF EXISTS "on call"');
    await server.query(`CREATE ROLE "on call" LOGIN PASSWORD 'secret'`);
  });

  const acting = async <T>(
    work: (attempt: (step: SqlStep) => ReturnType<typeof executeSql>) => Promise<T>,
  ) => {
    const request = requestTo(server.url({user: 'on call', password: 'secret'}));
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    executor.bind(await serverAt(request));
    try {
      return await work(step =>
        executeSql(step, executor, createInterruption(undefined, {sleep: async () => {}})),
      );
    } finally {
      await executor.close();
    }
  };
  const hintOf = (step: SqlStep) =>
    acting(async attempt => {
      const acted = await attempt(step);
      return acted.kind === 'refused' ? [acted.result.sqlstate, acted.result.hint] : acted.kind;
    });

  it.each([
    ['a limit of a role', 'ALTER ROLE "ap""p" CONNECTION LIMIT 7'],
    ['a setting of a role', `ALTER ROLE "ap""p" SET "lock_timeout" = '2s'`],
    ['a setting of a role in a database', `ALTER ROLE "ap""p" IN DATABASE "postgres" RESET "lock_timeout"`],
    ['an index', 'CREATE INDEX CONCURRENTLY "of t" ON "shop ON x"."t" USING btree (id)'],
    ['dropping an index', 'DROP INDEX CONCURRENTLY "shop ON x"."of t"'],
  ])('allows %s', async (_, text) => {
    const [sqlstate, hint] = await hintOf(stepOf(text));
    expect(sqlstate).toBe('42501');
    const [, statements = ''] = String(hint).match(/llow it: (.+)$/) ?? [];
    expect(statements).toContain('"on call"');
    await server.query(statements);
    // The schema may be refused next, because its privilege is checked after the table's.
    const again = await hintOf(stepOf(text));
    if (Array.isArray(again)) await server.query(String(again[1]).replace(/^.*llow it: /, ''));
    const done = await acting(attempt => attempt(stepOf(text)));
    expect(done).toMatchObject({kind: 'done'});
    await server.query('REVOKE ALL ON SCHEMA "shop ON x" FROM "on call"');
  });

  it('suggests the GRANT to end sessions, and a superuser for a superuser’s session', async () => {
    const terminate = (pid: number | null) =>
      stepOf('SELECT pg_catalog.pg_terminate_backend($1) AS signalled', [pid ?? 0]);
    const common = await server.connect({user: 'ap"p', password: 'secret'});
    common.on('error', () => {});
    const step = terminate((common as typeof common & {processID: number}).processID);
    expect(await hintOf(step)).toEqual(['42501', 'To allow it: GRANT pg_signal_backend TO "on call";']);
    await server.query('GRANT pg_signal_backend TO "on call"');
    expect(await hintOf(step)).toBe('done');
    const root = await server.connect();
    const refused = await hintOf(terminate((root as typeof root & {processID: number}).processID));
    expect(refused).toEqual(['42501', "It is a superuser's session: a superuser has to end it."]);
    await root.end();
  });

  it.each([
    ['ALTER ROLE "postgres" CONNECTION LIMIT 7', /^Role postgres is a superuser: a superuser has to run it/],
    ['CREATE INDEX ON public.mine (id)', /^Its owner postgres, a superuser, has to run it\.$/],
    ['CREATE EXTENSION pg_stat_statements', /^A superuser, or the administrator/],
  ])('never suggests membership in a superuser: %s', async (text, expected) => {
    expect(await hintOf(stepOf(text))).toEqual(['42501', expect.stringMatching(expected)]);
  });
});
