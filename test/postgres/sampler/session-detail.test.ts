import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {describeSession} from '../../../source/commands/console/describe-session.ts';
import {timeoutSettings} from '../../../source/core/roles/timeouts.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {lockLines, readSessionDetail} from '../../../source/postgres/sampler/session-detail.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {everything, openReader, until, watch} from '../watching.ts';

describeEachMajor('session detail', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {track_activity_query_size: 8192, track_commit_timestamp: 'on'},
    });
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

  describe('the timeouts of a session', () => {
    const settings = timeoutSettings.filter(({since}) => since <= major * 10_000).map(({name}) => name);
    beforeAll(async () => {
      await server.query(
        "CREATE ROLE web LOGIN PASSWORD 'secret'; CREATE ROLE monitor LOGIN PASSWORD 'secret'",
      );
      await server.query('GRANT pg_monitor TO monitor');
      await server.query("ALTER ROLE web SET statement_timeout = '30s'");
      await server.query("ALTER ROLE web IN DATABASE postgres SET lock_timeout = '2s'");
      await server.query("ALTER DATABASE postgres SET statement_timeout = '1min'");
      await server.query("ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min'");
      await server.query("ALTER SYSTEM SET lock_timeout = '1h'");
      await server.query('SELECT pg_reload_conf()');
    });

    const openWeb = (options: object = {}) =>
      server.connect({user: 'web', password: 'secret', application_name: 'web', ...options});

    async function linesOf(
      {processID}: pg.Client & {processID?: number},
      by = connection,
    ): Promise<string[]> {
      const reader = await openReader(by);
      const {backends} = await reader.read(everything);
      const session = backends.find(({pid}) => pid === processID);
      if (session === undefined) throw new Error('the session is gone');
      return (await describeSession(by, session)).timeouts;
    }

    it('are those that the session itself shows, with who says so', async () => {
      const client = await openWeb();
      const lines = await linesOf(client);
      expect(lines).toContain(
        'statement_timeout: 30s, by role web (database postgres: 1min; the server: unknown (not in its files; it may be on the command line))',
      );
      expect(lines).toContain('lock_timeout: 2s, by role web in database postgres (the server: 1h)');
      expect(lines).toContain('idle_in_transaction_session_timeout: 5min, by the server');
      for (const name of settings) {
        const [row] = (await client.query<Record<string, string>>(`SHOW ${name}`)).rows;
        const value = row?.[name];
        if (value === '0') expect(lines.join('\n')).toContain(`no ${name}`);
        else expect(lines).toContainEqual(expect.stringMatching(`^${name}: ${value}, by`));
      }
      // Its settings are older than the session.
      expect(lines.filter(line => /began/.test(line))).toEqual([]);
    });

    it('are not those that were set after it began', async () => {
      const client = await openWeb();
      await server.query("ALTER ROLE web SET statement_timeout = '1s'");
      const lines = await linesOf(client);
      expect(lines).toContain(
        'statement_timeout: 1s, by role web (database postgres: 1min; the server: unknown (not in its files; it may be on the command line))',
      );
      expect(lines).toContainEqual(
        expect.stringMatching(
          /^The settings of role web were last changed at .*Z, after this session began: it keeps/,
        ),
      );
      const sleeping = client.query('SELECT pg_sleep(60)').catch(() => {});
      await until(async () =>
        (await linesOf(client)).some(line =>
          line.startsWith(
            'statement_timeout of role web is not in force in this session: it has gone on for ',
          ),
        ),
      );
      await server.query('SELECT pg_cancel_backend($1)', [(client as {processID?: number}).processID]);
      await sleeping;
      await server.query("ALTER ROLE web SET statement_timeout = '30s'");
    });

    it('lack what the role may not read, and name the grant', async () => {
      const client = await openWeb();
      const monitor = await watch(server.url({user: 'monitor', password: 'secret'}));
      const lines = await linesOf(client, monitor);
      expect(lines).toContain(
        "statement_timeout: 30s, by role web (database postgres: 1min; the server's value is hidden)",
      );
      const grant = 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO "monitor";';
      expect(lines.at(-1)).toContain(grant);
      await server.query(grant);
      expect(await linesOf(client, monitor)).toEqual(await linesOf(client));
      await monitor.close();
    });
  });
});
