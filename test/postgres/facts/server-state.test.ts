import {chown, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {readLockTable} from '../../../source/postgres/facts/lock-table.ts';
import {tableFactsQuery} from '../../../source/postgres/facts/maintenance.ts';
import {readMissingPartitions} from '../../../source/postgres/facts/partitions.ts';
import {readReplication} from '../../../source/postgres/facts/replication.ts';
import {readRoleSettings} from '../../../source/postgres/facts/roles.ts';
import {readWriteState} from '../../../source/postgres/facts/write-state.ts';
import {pickVariant} from '../../../source/postgres/queries/query.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {until, watch} from '../watching.ts';

describeEachMajor('facts of the server', major => {
  let server: OwnServer;
  let connection: Connection;
  const open = async (user?: string) =>
    watch(server.url(user === undefined ? {} : {user, password: 'secret'}));

  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {
        wal_level: 'logical',
        max_wal_senders: 4,
        archive_mode: 'on',
        archive_command: 'false',
        max_slot_wal_keep_size: '64MB',
      },
    });
    await server.query(`CREATE ROLE anyone LOGIN PASSWORD 'secret'`);
    connection = await open();
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  it('says how many transaction ids are left, and in which database', async () => {
    await server.query('CREATE TABLE burned ()');
    const state = await readWriteState(connection);
    const [margin, multixacts] = major >= 14 ? [3_000_000, 3_000_000] : [1_000_000, 100];
    const [row] = await server.query<{age: number; mxid_age: number}>(
      'SELECT max(age(datfrozenxid)) AS age, max(mxid_age(datminmxid)) AS mxid_age FROM pg_database',
    );
    expect(state).toMatchObject({
      is_in_recovery: false,
      xids_left: 2 ** 31 - 1 - margin - Number(row?.age),
      multixacts_left: 2 ** 31 - 1 - multixacts - Number(row?.mxid_age),
      synchronous_standby_names: '',
      synchronous_standbys: 0,
      notify_queue_ratio: 0,
    });
    const names = (await server.query<{datname: string}>('SELECT datname FROM pg_database')).map(
      ({datname}) => datname,
    );
    expect(names).toContain(state.oldest_database);
    expect(names).toContain(state.oldest_multixact_database);
  });

  it("reads the server's default_transaction_read_only, not its own session's", async () => {
    const initial = await readWriteState(connection);
    expect(initial).toMatchObject({default_read_only: false, read_only_source: null});
    await server.query('ALTER SYSTEM SET default_transaction_read_only = on');
    expect(await readWriteState(connection)).toMatchObject({
      default_read_only: true,
      read_only_source: expect.stringMatching(/postgresql\.auto\.conf$/),
    });
    const unprivileged = await open('anyone');
    expect(await readWriteState(unprivileged)).toMatchObject({
      default_read_only: null,
      read_only_source: null,
    });
    await unprivileged.close();
    await server.query('ALTER SYSTEM RESET default_transaction_read_only');
  });

  it('says how full the shared lock table is, and who has most of it', async () => {
    const client = await server.connect();
    await client.query('BEGIN; SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 300) n');
    const lock_table = await readLockTable(connection);
    const [own] = (
      await client.query<{pid: number; since: string}>(
        `SELECT pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS since
         FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      )
    ).rows;
    expect(lock_table.most).toMatchObject({pid: own?.pid, backend_start: own?.since, in_transaction: true});
    expect(lock_table.most?.locks).toBeGreaterThanOrEqual(300);
    expect(lock_table.used).toBeGreaterThanOrEqual(300);
    // max_locks_per_transaction for each of 100 connections, and of some other processes.
    const each = major >= 19 ? 128 : 64;
    expect(lock_table.capacity).toBeGreaterThan(each * 100);
    expect(lock_table.capacity).toBeLessThan(each * 200);
    await client.query('ROLLBACK');
    await client.query('SELECT pg_advisory_lock(n) FROM generate_series(1, 300) n');
    const kept = await readLockTable(connection);
    expect(kept.most).toMatchObject({pid: own?.pid, locks: 300, in_transaction: false});
    expect(kept.at > lock_table.at).toBe(true);
    await client.query('SELECT pg_advisory_unlock_all()');
  });

  it('does not take a table for one without statistics where row security hides them', async () => {
    await server.query('CREATE TABLE tenants AS SELECT generate_series(1, 20000) AS id');
    await server.query('ALTER TABLE tenants ENABLE ROW LEVEL SECURITY; GRANT SELECT ON tenants TO anyone');
    await server.query(
      'ANALYZE tenants; CREATE TABLE never AS TABLE tenants; GRANT SELECT ON never TO anyone',
    );
    await server.query('VACUUM never');
    const plain = await open('anyone');
    const {text} = pickVariant(tableFactsQuery, major * 10_000);
    const {rows} = await plain.client.query<{without_statistics: {name: string}[]}>({text});
    expect(rows[0]?.without_statistics.map(({name}) => name)).toEqual(['never']);
    await plain.close();
    await server.query('DROP TABLE tenants, never');
  });

  it('reports an archive command that fails', async () => {
    await server.query('CREATE TABLE archived AS SELECT generate_series(1, 10)');
    await server.query('SELECT pg_switch_wal()');
    const {archive} = await until(async () => {
      const state = await readWriteState(connection);
      return (state.archive?.failed_count ?? 0) > 0 && state;
    });
    expect(archive?.last_failed_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(archive?.last_archived_at).toBeNull();
  });

  it('reads slots with what they keep', async () => {
    await server.query(`SELECT pg_create_physical_replication_slot('standby', true)`);
    await server.query(`SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')`);
    await server.query('CREATE TABLE kept AS SELECT generate_series(1, 10000)');
    // The server writes WAL a little later.
    const {slots, standbys} = await until(async () => {
      const read = await readReplication(connection);
      return read.slots.every(({retained_bytes}) => (retained_bytes ?? 0) > 600_000) && read;
    });
    expect(standbys).toEqual([]);
    const [cdc, standby] = ['cdc', 'standby'].map(name => slots.find(each => each.name === name));
    expect(cdc).toMatchObject({
      kind: 'logical',
      database: 'postgres',
      plugin: 'pgoutput',
      is_active: false,
      active_pid: null,
      xmin_age: null,
      wal_status: 'reserved',
      is_temporary: false,
    });
    expect(cdc?.catalog_xmin_age).toBeGreaterThan(0);
    expect(cdc?.safe_wal_bytes).toBeGreaterThan(30_000_000);
    expect(cdc?.safe_wal_bytes).toBeLessThan(100_000_000);
    expect(standby).toMatchObject({kind: 'physical', database: null, plugin: null, catalog_xmin_age: null});
  });

  it('reads which partitioned tables have no partition for now', async () => {
    await server.query(`
CREATE TABLE ended (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE ended_1 PARTITION OF ended FOR VALUES FROM (MINVALUE) TO ('2026-01-01 00:00+00');
CREATE TABLE ended_2 PARTITION OF ended FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE days (day date) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE goes_on (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE goes_on_1 PARTITION OF goes_on FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE TABLE caught (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE caught_1 PARTITION OF caught FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE caught_rest PARTITION OF caught DEFAULT;
CREATE TABLE numbers (n int) PARTITION BY RANGE (n);
CREATE TABLE numbers_1 PARTITION OF numbers FOR VALUES FROM (1) TO (10);
CREATE TABLE empty (at timestamptz) PARTITION BY RANGE (at);`);
    expect(await readMissingPartitions(connection)).toEqual([
      {schema: 'public', table: 'ended', column: 'at', ended_at: '2026-02-01T00:00:00.000000Z'},
      expect.objectContaining({table: 'days', column: 'day', ended_at: expect.stringMatching(/^20\d\d-/)}),
    ]);
  });

  it('reads when the password of a role expires', async () => {
    await server.query(`
CREATE ROLE temp LOGIN VALID UNTIL '2026-03-01 00:00+00';
CREATE ROLE lasting LOGIN VALID UNTIL 'infinity'`);
    const {roles} = await readRoleSettings(connection);
    const found = new Map(roles.map(({name, valid_until}) => [name, valid_until]));
    expect(found.get('temp')).toBe('2026-03-01T00:00:00.000000Z');
    expect(found.get('lasting')).toBeNull();
    expect(found.get('anyone')).toBeNull();
  });

  it('reads how long ago a setting of a role was set', async () => {
    await server.query(`ALTER ROLE anyone SET work_mem = '5MB'`);
    const ageOf = async () => {
      const {overrides} = await readRoleSettings(connection);
      return overrides.find(({role}) => role === 'anyone')?.set_age ?? Number.NaN;
    };
    const before = await ageOf();
    for (let index = 0; index < 3; index++) await server.query('SELECT pg_current_xact_id()');
    expect((await ageOf()) - before).toBe(3);
  });

  // Last: it stays a standby.
  it('is read on a standby', async () => {
    const data = join(server.folder, 'data');
    const {uid, gid} = await stat(data);
    await writeFile(join(data, 'standby.signal'), '');
    await chown(join(data, 'standby.signal'), uid, gid);
    await connection.close();
    await server.restart(major >= 16 ? {} : {hot_standby: 'on'});
    connection = await open();
    const state = await readWriteState(connection);
    expect(state).toMatchObject({is_in_recovery: true, default_read_only: false, notify_queue_ratio: 0});
    expect(state.xids_left).toBeGreaterThan(2_000_000_000);
    const {slots} = await readReplication(connection);
    expect(slots.find(({name}) => name === 'standby')?.retained_bytes).toBeGreaterThan(600_000);
  });
});
