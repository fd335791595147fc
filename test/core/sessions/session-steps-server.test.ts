import type pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {
  isKnownSession,
  type KnownSession,
  signalSql,
  terminateStep,
} from '../../../source/core/sessions/session-steps.ts';
import type {Executor} from '../../../source/model/ports.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {createActing, createRoles, pidsOf} from '../../cli/execution/acting.ts';
import {serverAt} from '../../helpers/identity.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';

describeEachMajor('the statement that ends a session', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
    await server.query('CREATE TABLE notes (id int PRIMARY KEY, text text)');
    await server.query('INSERT INTO notes VALUES (1), (2)');
    await server.query('GRANT ALL ON notes TO app');
  });
  afterAll(() => server?.stop());

  async function open(application_name: string): Promise<pg.Client> {
    const client = await server.connect({application_name, user: 'app', password: 'secret'});
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  }

  async function read(application_name: string): Promise<KnownSession> {
    const {ports} = await createActing(server, {user: 'oncall'});
    const {backends} = await ports.read();
    const session = backends.find(each => each.application_name === application_name);
    if (session === undefined || !isKnownSession(session)) throw new Error(`no session ${application_name}`);
    return session;
  }

  async function executor(user = 'oncall'): Promise<Executor> {
    const acting = createExecutor(() =>
      connect(requestTo(server.url({user, password: 'secret'})), {purpose: 'act'}),
    );
    acting.bind(await serverAt(requestTo(server.superuserUrl)));
    onTestFinished(() => acting.close());
    return acting;
  }

  async function signalled(
    session: KnownSession,
    signal: Partial<Parameters<typeof signalSql>[1]> = {},
    user = 'oncall',
  ): Promise<number | null> {
    const apply = signalSql(session, {call: 'pg_terminate_backend', same: 'unchanged', ...signal});
    return (await (await executor(user)).apply({apply, timeout_ms: 5000, transaction: false})).row_count;
  }

  it('ends an unchanged session', async () => {
    const client = await open('still');
    await client.query('BEGIN');
    await client.query('UPDATE notes SET text = NULL WHERE id = 1');
    expect(await signalled(await read('still'))).toBe(1);
    await expect.poll(() => pidsOf(server, 'still')).toEqual([]);
  });

  it.each<[string, Partial<KnownSession>]>([
    // As after the server's clock was set back: what it did since carries an earlier time than what was read.
    ['changed its state', {state_change: '2999-01-01T00:00:00.000000Z'}],
    ['began another transaction', {xact_start: '2999-01-01T00:00:00.000000Z'}],
    ['began another statement', {query_start: '2999-01-01T00:00:00.000000Z'}],
    ['reuses the pid', {backend_start: '2000-01-01T00:00:00.000000Z'}],
    ['is no longer in a transaction', {xact_start: null}],
    ['is of another role', {usesysid: '10'}],
    ['is in another database', {datid: '1'}],
  ])('skips a session that %s', async (_, read_before) => {
    const client = await open('other');
    await client.query('BEGIN');
    await client.query('SELECT 1');
    const session = await read('other');
    expect(await signalled({...session, ...read_before})).toBe(0);
    expect(await client.query('SELECT 1')).toMatchObject({rowCount: 1});
  });

  it.each<[string, Partial<KnownSession>]>([
    ['xact_start', {xact_start: '2999-01-01T00:00:00.000000Z'}],
    ['backend_xid', {backend_xid: '3'}],
  ])('skips a session whose transaction differs by %s', async (_, read_before) => {
    const client = await open('transaction');
    await client.query('BEGIN');
    await client.query('UPDATE notes SET text = NULL WHERE id = 1');
    const session = await read('transaction');
    expect(session.backend_xid).toMatch(/^\d+$/);
    await client.query('SELECT 1');
    expect(await signalled({...session, ...read_before}, {same: 'transaction'})).toBe(0);
    expect(await signalled(session, {same: 'transaction'})).toBe(1);
  });

  it('distinguishes the statement of a committing procedure from its transactions', async () => {
    const client = await open('procedure');
    const running = client
      .query('DO $$ BEGIN LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$')
      .catch((error: {code: string}) => error.code);
    await expect
      .poll(() =>
        server.query(
          "SELECT FROM pg_stat_activity WHERE application_name = 'procedure' AND query LIKE 'DO %'",
        ),
      )
      .toHaveLength(1);
    const session = await read('procedure');
    await expect
      .poll(() =>
        server.query('SELECT FROM pg_stat_activity WHERE pid = $1 AND xact_start > $2::timestamptz', [
          session.pid,
          session.xact_start,
        ]),
      )
      .toHaveLength(1);
    expect(await signalled(session)).toBe(0);
    expect(await signalled(session, {call: 'pg_cancel_backend', same: 'statement'})).toBe(1);
    expect(await running).toBe('57014');
  });

  it('skips a session that is hidden from the role', async () => {
    await open('hidden');
    const session = await read('hidden');
    expect(await signalled(session, {same: 'session'}, 'blind')).toBe(0);
    expect(await pidsOf(server, 'hidden')).toHaveLength(1);
  });

  it("skips a session that now has poolctl's application name", async () => {
    const client = await open('renamed');
    const session = await read('renamed');
    await client.query("SET application_name = 'poolctl'");
    expect(await signalled(session, {same: 'session'})).toBe(0);
    expect(await client.query('SELECT 1')).toMatchObject({rowCount: 1});
  });

  it('is verified if the session has ended, not if it is hidden', async () => {
    const client = await open('verified');
    const {verify} = terminateStep(await read('verified'), 'session');
    const [seeing, blind] = [await executor(), await executor('blind')];
    expect(await seeing.verify(verify, 0)).toBe(false);
    expect(await blind.verify(verify, 0)).toBe(false);
    await client.end();
    expect(await seeing.verify(verify, 10_000)).toBe(true);
  });

  it('checks the condition before it reads the session, and skips the session if it is false', async () => {
    const client = await open('holding');
    const session = await read('holding');
    expect(await signalled(session, {holding: pid => `${pid} = 0`})).toBe(0);
    expect(await client.query('SELECT 1')).toMatchObject({rowCount: 1});
    const since = await read('holding');
    expect(await signalled(since, {holding: pid => `${pid} = ${since.pid}`})).toBe(1);
  });
});
