import {chown, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {ioRates} from '../../../source/core/server/io.ts';
import {type ServerRow, serverRows} from '../../../source/core/server/topics/index.ts';
import type {ServerState} from '../../../source/model/server-state.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {createAutovacuumReader} from '../../../source/postgres/facts/autovacuum.ts';
import {readServerIo} from '../../../source/postgres/facts/server-io.ts';
import {readWal} from '../../../source/postgres/facts/wal.ts';
import {emptyRequest, type Reader} from '../../../source/postgres/sampler/reader.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {openReader, until, watch} from '../watching.ts';

/** pg_stat_lock, pg_stat_autovacuum_scores and pg_stat_recovery. */
describeEachMajor('what PostgreSQL 19 counts', major => {
  let server: OwnServer;
  let connection: Connection;
  let reader: Reader;
  const has = major >= 19;
  const asAnyone = () => watch(server.url({user: 'anyone', password: 'secret'}));
  const asMonitor = () => watch(server.url({user: 'monitor', password: 'secret'}));

  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {
        ...{wal_level: 'replica', deadlock_timeout: '10ms', max_locks_per_transaction: 64},
        ...{autovacuum: 'on', autovacuum_naptime: '1s', track_counts: 'on'},
      },
    });
    await server.query(`CREATE ROLE anyone LOGIN PASSWORD 'secret'`);
    await server.query(`CREATE ROLE monitor LOGIN PASSWORD 'secret' IN ROLE pg_monitor`);
    connection = await asMonitor();
    reader = await openReader(connection);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  async function readAll(): Promise<{state: ServerState; lines: ServerRow[]}> {
    const snapshot = await reader.read({...emptyRequest, activity: true, server_state: 'all'});
    expect(snapshot.unavailable.filter(({section}) => section.startsWith('server.'))).toEqual([]);
    const state = snapshot.server ?? {};
    return {state, lines: serverRows({snapshot, state}, 'not read')};
  }
  const linesOf = async (topic: string) => (await readAll()).lines.filter(line => line.topic === topic);

  if (!has) {
    it('is absent before', async () => {
      const {state, lines} = await readAll();
      expect(state.io).not.toHaveProperty('locks');
      expect(lines.filter(({topic}) => topic === 'locks')).toEqual([]);
      for (const table of state.autovacuum?.due ?? []) expect(table).not.toHaveProperty('score');
    });
    return;
  }

  /** One wait for a lock that ended with it. */
  async function waitOnce(): Promise<void> {
    const [holder, waiter] = [await server.connect(), await server.connect()];
    await holder.query('BEGIN; LOCK TABLE awaited');
    const waited = waiter.query('SELECT FROM awaited');
    const long = `SELECT FROM pg_locks WHERE NOT granted AND clock_timestamp() - waitstart > '100ms'`;
    await until(async () => (await server.query(long)).length === 1);
    await holder.query('COMMIT');
    await waited;
    await Promise.all([holder.end(), waiter.end()]);
  }

  type LockRow = {locktype: string; waits: number; wait_time: number; exceeded: number};
  const lockRows = () =>
    server.query<LockRow>(
      'SELECT locktype, waits::int, wait_time, fastpath_exceeded::int AS exceeded FROM pg_stat_lock ORDER BY locktype',
    );
  const activeTime = async () =>
    Number((await server.query('SELECT sum(active_time) AS ms FROM pg_stat_database'))[0]?.ms);

  it('has the waits for each type of lock, as the view has them', async () => {
    await server.query('CREATE TABLE awaited ()');
    const waiting = async () => (await lockRows()).find(({locktype}) => locktype === 'relation')?.waits ?? 0;
    const earlier = await waiting();
    const before = await readServerIo(connection);
    await waitOnce();
    await until(async () => (await waiting()) === earlier + 1);
    const low = await activeTime();
    const now = await readServerIo(connection);
    const high = await activeTime();
    expect(now.locks?.types).toEqual(
      (await lockRows()).map(({locktype, waits, wait_time, exceeded}) => ({
        ...{locktype, waits, wait_time_ms: wait_time, fastpath_exceeded: exceeded},
      })),
    );
    expect(now.locks).toMatchObject({deadlock_timeout_ms: 10, max_locks_per_transaction: 64});
    expect(now.locks?.active_time_ms).toBeGreaterThanOrEqual(low);
    expect(now.locks?.active_time_ms).toBeLessThanOrEqual(high);

    const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
    const rates = ioRates(before, now)?.locks;
    const relation = rates?.types.find(({locktype}) => locktype === 'relation');
    expect(relation?.waits_per_second).toBeCloseTo(1 / seconds);
    expect(relation?.wait_ms).toBeGreaterThanOrEqual(100);
    expect(rates?.wait_share).toBeGreaterThan(0);
  });

  it('says which waits lasted, and is quiet without', async () => {
    const found = await until(async () => {
      await waitOnce();
      return (await linesOf('locks')).find(({text}) => /lock waits\/s longer than/.test(text));
    });
    expect(found.text).toMatch(
      /^[\d.<]+ lock waits\/s longer than deadlock_timeout \(0\.0s\), \d+ms each, 100% of it for relation/,
    );
  });

  it('has the locks that found no fast path', async () => {
    await server.query('CREATE TABLE parts (id int) PARTITION BY RANGE (id)');
    for (let index = 0; index < 100; index++)
      await server.query(
        `CREATE TABLE parts_${index} PARTITION OF parts FOR VALUES FROM (${index}) TO (${index + 1})`,
      );
    const exceeded = async () =>
      (await lockRows()).find(({locktype}) => locktype === 'relation')?.exceeded ?? 0;
    const earlier = await exceeded();
    await server.query('SELECT count(*) FROM parts');
    await until(async () => (await exceeded()) > earlier);
    const now = await readServerIo(connection);
    expect(now.locks?.types.find(({locktype}) => locktype === 'relation')?.fastpath_exceeded).toBe(
      await exceeded(),
    );
  });

  it('has no rate over a reset', async () => {
    const before = await readServerIo(connection);
    await server.query(`SELECT pg_stat_reset_shared('lock')`);
    const rates = ioRates(before, await readServerIo(connection));
    expect(rates).not.toBeNull();
    expect(rates).not.toHaveProperty('locks');
  });

  it('has the tables that autovacuum would take, by its own score', async () => {
    // Rows inserted make it due, and no dead row does; a lock keeps the worker from it.
    await server.query('CREATE TABLE filled (id int)');
    const holder = await server.connect();
    await holder.query('BEGIN; LOCK TABLE filled IN SHARE UPDATE EXCLUSIVE MODE');
    await server.query('INSERT INTO filled SELECT generate_series(1, 20000)');
    const scores = () =>
      server.query<{oid: string; score: number; for_wraparound: boolean}>(
        `SELECT relid::text AS oid, score, for_wraparound FROM pg_stat_autovacuum_scores
         WHERE do_vacuum AND relname = 'filled'`,
      );
    const due = await until(async () => {
      const [row] = await scores();
      const state = await createAutovacuumReader().read(connection, undefined);
      const own = state.due.find(({name}) => name === 'filled');
      return row !== undefined && own !== undefined && {row, own};
    });
    expect(due.own).toMatchObject({
      ...{oid: due.row.oid, score: due.row.score, is_for_wraparound: false, dead_rows: 0},
    });
    const line = await until(async () =>
      (await linesOf('autovacuum')).find(({text}) => text.startsWith('public.filled is due')),
    );
    expect(line).toMatchObject({
      verdict: 'warning',
      text: expect.stringMatching(
        /^public\.filled is due \(rows inserted since its last vacuum, score [\d.]+\), not vacuumed in \w+: /,
      ),
    });
    await holder.query('ROLLBACK');
    await until(async () => (await scores()).length === 0);
    const {due: rest} = await createAutovacuumReader().read(connection, undefined);
    expect(rest.map(({name}) => name)).not.toContain('filled');
  });

  it('has the table that wraparound makes due', async () => {
    await server.query('CREATE TABLE aged AS SELECT 1 AS id');
    await server.query('VACUUM aged');
    await server.query('ALTER TABLE aged SET (autovacuum_freeze_max_age = 100000)');
    const holder = await server.connect();
    await holder.query('BEGIN; LOCK TABLE aged IN SHARE UPDATE EXCLUSIVE MODE');
    await server.query(`
CREATE PROCEDURE burn() LANGUAGE plpgsql AS 'BEGIN
  FOR i IN 1..100100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END'`);
    const burner = await server.connect();
    await burner.query('SET synchronous_commit = off');
    await burner.query('CALL burn()');
    await burner.end();
    const {due} = await createAutovacuumReader().read(connection, undefined);
    expect(due.find(({name}) => name === 'aged')).toMatchObject({is_for_wraparound: true});
    const line = await until(async () =>
      (await linesOf('autovacuum')).find(({text}) => text.startsWith('public.aged is due')),
    );
    expect(line.text).toMatch(/^public\.aged is due \(to prevent wraparound, score [\d.]+\), /);
    await holder.query('ROLLBACK');
  });

  it('is read as far as a plain role may', async () => {
    const plain = await asAnyone();
    const {locks} = await readServerIo(plain);
    expect(locks?.types.length).toBeGreaterThan(0);
    const {due} = await createAutovacuumReader().read(plain, undefined);
    for (const table of due) expect(table.score).toBeGreaterThan(0);
    await plain.close();
  });

  // Last: it becomes a standby, then a primary again.
  it('has how far a standby has replayed, and says that it is promoted', async () => {
    const data = join(server.folder, 'data');
    const {uid, gid} = await stat(data);
    await writeFile(join(data, 'standby.signal'), '');
    await chown(join(data, 'standby.signal'), uid, gid);
    await connection.close();
    // It holds the promotion until the test has seen it.
    await server.restart({recovery_end_command: 'while [ ! -e seen ]; do sleep 0.1; done'});
    connection = await asMonitor();
    reader = await openReader(connection);
    const {recovery} = await readWal(connection, undefined);
    const [row] = await server.query(
      `SELECT promote_triggered, pause_state, last_replayed_end_lsn::text, last_replayed_tli, replay_end_lsn::text
       FROM pg_stat_recovery`,
    );
    expect(recovery?.replay).toMatchObject(row ?? {});
    const plain = await asAnyone();
    expect((await readWal(plain, undefined)).recovery).toMatchObject({replay: null});
    await plain.close();

    await server.query('SELECT pg_wal_replay_pause()');
    const paused = (text: RegExp) =>
      until(async () => (await linesOf('replication')).find(line => text.test(line.text)));
    await paused(/^replay (?:is paused|pauses)/);
    await server.query('SELECT pg_wal_replay_resume()');
    expect((await linesOf('replication')).map(({id}) => id)).not.toContain('replication promotion');
    await server.query('SELECT pg_promote(false)');
    const line = await until(async () =>
      (await linesOf('replication')).find(({id}) => id === 'replication promotion'),
    );
    expect(line).toMatchObject({
      verdict: 'warning',
      text: expect.stringMatching(/^a promotion is under way: /),
    });
    await writeFile(join(data, 'seen'), '');
    await until(async () => (await readWal(connection, undefined)).recovery === null);
  });
});
