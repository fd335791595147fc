import {afterAll, beforeAll, expect, it} from 'vitest';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {lockLines, readSessionDetail} from '../../../source/postgres/sampler/session-detail.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {until, watch} from '../watching.ts';

describeEachMajor('session detail', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {track_activity_query_size: 8192}});
    await server.query('CREATE TABLE t (id int PRIMARY KEY)');
    await server.query('INSERT INTO t VALUES (1)');
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  it('has the whole text, and the locks, awaited ones first', async () => {
    const holder = await server.connect();
    await holder.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
    const waiter = await server.connect({application_name: 'waiter'});
    // Longer than in a snapshot; its literal is not shown.
    const text = `SELECT id AS "${'x'.repeat(3000)}", 'hush' FROM t`;
    const waiting = waiter.query(text);
    const [session] = await until(async () => {
      const rows = await server.query<{pid: number}>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'waiter' AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0 && rows;
    });
    const pid = session?.pid ?? 0;
    const detail = await readSessionDetail(connection, {pid, backend_start: null});
    expect(detail.query).toBe(text.replace("'hush'", '?'));
    expect(detail.locks[0]).toMatchObject({granted: false, relation: 'public.t', mode: 'AccessShareLock'});
    expect(lockLines(detail)[0]).toMatch(/^waits( \d+s)? AccessShareLock on public\.t$/);
    await holder.query('ROLLBACK');
    await waiting;
  });

  it('has the id of its transaction and of the one it waits for', async () => {
    const writer = await server.connect();
    await writer.query('BEGIN; UPDATE t SET id = id');
    const [written] = (await writer.query<{xid: string}>('SELECT pg_current_xact_id()::text AS xid')).rows;
    const waiter = await server.connect({application_name: 'row waiter'});
    const waiting = waiter.query('UPDATE t SET id = id');
    const [session] = await until(async () => {
      const rows = await server.query<{pid: number}>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'row waiter' AND wait_event_type = 'Lock'`,
      );
      return rows.length > 0 && rows;
    });
    const pid = session?.pid ?? 0;
    const lines = lockLines(await readSessionDetail(connection, {pid, backend_start: null}));
    expect(lines[0]).toMatch(new RegExp(`^waits( \\d+s)? ShareLock on transaction ${written?.xid}$`));
    expect(lines).toContainEqual(expect.stringMatching(/^holds ExclusiveLock on transaction \d+$/));
    await writer.query('ROLLBACK');
    await waiting;
  });

  it('reports that the session has ended, or that another session has its pid', async () => {
    const read = (pid: number, backend_start: string | null) =>
      readSessionDetail(connection, {pid, backend_start});
    expect(await read(4_000_000, null)).toEqual({is_gone: true, query: null, locks: []});
    expect(await read(connection.client.processID ?? 0, '2020-01-01T00:00:00.000000Z')).toMatchObject({
      is_gone: true,
    });
    expect(lockLines(await read(4_000_000, null))).toEqual(['this session has ended']);
  });
});
