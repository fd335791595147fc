import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {rootsOf} from '../../../source/core/assessment/lock-graph.ts';
import type {LockWait, Snapshot} from '../../../source/model/snapshot.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {emptyRequest, type Reader} from '../../../source/postgres/sampler/reader.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {openReader, until, watch} from '../watching.ts';

describeEachMajor('lock waits', major => {
  let server: OwnServer;
  let connection: Connection;
  let reader: Reader;

  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {
        max_prepared_transactions: 5,
        wal_level: 'logical',
        deadlock_timeout: '1h',
        wal_retrieve_retry_interval: '100ms',
        // A commit waits for it only where a session says so.
        synchronous_standby_names: 'nobody',
        synchronous_commit: 'off',
      },
    });
    await server.query('CREATE TABLE orders (id int PRIMARY KEY, state text)');
    await server.query('CREATE TABLE customers (id int PRIMARY KEY, email text UNIQUE)');
    await server.query(`INSERT INTO orders SELECT n, 'new' FROM generate_series(1, 10) n`);
    connection = await watch(server.url());
    reader = await openReader(connection);
  });
  afterEach(async () => {
    await until(async () => {
      const own = await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'`,
      );
      return own.length === 0;
    });
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  async function open(database?: string): Promise<{client: pg.Client; pid: number}> {
    const client = await server.connect({
      application_name: 'locker',
      ...(database !== undefined && {database}),
    });
    const [row] = (await client.query('SELECT pg_backend_pid() AS pid')).rows;
    return {client, pid: row.pid};
  }

  /** A session that holds what `statements` lock. */
  async function hold(statements: string, database?: string): Promise<number> {
    const {client, pid} = await open(database);
    await client.query(`BEGIN; ${statements}`);
    return pid;
  }

  /** A session that waits for what `statement` locks. */
  async function wait(statement: string, database?: string): Promise<number> {
    const {client, pid} = await open(database);
    client.query(statement).catch(() => {});
    return pid;
  }

  /** The first snapshot in which `pid` waits, with the details of its lock. */
  function waiting(pid: number): Promise<{snapshot: Snapshot; wait: LockWait}> {
    return until(async () => {
      const snapshot = await reader.read({...emptyRequest, activity: true, lock_waits: true});
      const own = snapshot.lock_waits.find(each => each.pid === pid);
      return own?.object !== undefined && {snapshot, wait: own};
    });
  }

  it('names a relation, and all that hold it', async () => {
    const readers = [await hold('SELECT FROM orders'), await hold('SELECT FROM orders')];
    // It may get its lock before it is ended: the apply worker's test has this table without the column.
    const ddl = await wait('BEGIN; ALTER TABLE orders ADD COLUMN note text');
    const {wait: own} = await waiting(ddl);
    expect(own).toMatchObject({object: 'relation public.orders', relation: 'public.orders'});
    expect(own.holders).toEqual(readers.sort((a, b) => a - b).map(pid => ({pid, mode: 'AccessShareLock'})));
    const behind = await waiting(await wait('SELECT FROM orders'));
    expect(behind.wait).toMatchObject({object: 'relation public.orders', holders: [], blocked_by: [ddl]});
    expect(rootsOf(behind.snapshot).get(behind.wait.pid)).toEqual(readers);
  });

  it('names the table of a row, with a tuple lock and without one', async () => {
    const holder = await hold(`UPDATE orders SET state = 'held' WHERE id = 1`);
    const first = await waiting(await wait(`UPDATE orders SET state = 'mine' WHERE id = 1`));
    expect(first.wait).toMatchObject({
      locktype: 'transactionid',
      object: 'row of public.orders',
      holders: [{pid: holder, mode: 'ExclusiveLock'}],
    });
    const second = await waiting(await wait(`UPDATE orders SET state = 'mine' WHERE id = 1`));
    expect(second.wait).toMatchObject({
      locktype: 'tuple',
      object: 'row of public.orders',
      holders: [{pid: first.wait.pid, mode: 'ExclusiveLock'}],
    });
    await hold(
      `SELECT FROM orders WHERE id = 2 FOR SHARE; INSERT INTO customers VALUES (1, 'a@example.org')`,
    );
    const unique = await waiting(await wait(`INSERT INTO customers VALUES (2, 'a@example.org')`));
    expect(unique.wait).toMatchObject({
      locktype: 'transactionid',
      object: 'row of public.customers',
      relation: 'public.customers',
    });
  });

  it('names a transaction if nothing names its row', async () => {
    const {client} = await open();
    await client.query('BEGIN');
    await client.query('LOCK TABLE orders IN ROW EXCLUSIVE MODE; LOCK TABLE customers IN ROW EXCLUSIVE MODE');
    await client.query(`INSERT INTO customers VALUES (3, 'b@example.org')`);
    const [{xid}] = (await client.query('SELECT pg_current_xact_id()::text AS xid')).rows;
    await server.query(
      `CREATE OR REPLACE FUNCTION add() RETURNS void LANGUAGE sql AS $$
        LOCK TABLE orders IN ROW EXCLUSIVE MODE; INSERT INTO customers VALUES (4, 'b@example.org') $$`,
    );
    const {wait: own} = await waiting(await wait('SELECT add()'));
    expect(own.object).toBe(`transaction ${xid}`);
  });

  it.each([
    ['72707369', 'advisory lock 72707369 (Prisma Migrate)'],
    ['-9223372036854775808', 'advisory lock -9223372036854775808'],
    ['-1, 2147483647', 'advisory lock (-1, 2147483647)'],
  ])('decodes pg_advisory_lock(%s)', async (key, object) => {
    const holder = await hold(`SELECT pg_advisory_xact_lock(${key})`);
    const {wait: own} = await waiting(await wait(`SELECT pg_advisory_xact_lock(${key})`));
    expect(own).toMatchObject({object, holders: [{pid: holder, mode: 'ExclusiveLock'}]});
  });

  it('names the virtual transaction that an index build waits for, and whose it is', async () => {
    const holder = await hold('SELECT FROM customers; INSERT INTO customers VALUES (9)');
    const {wait: own} = await waiting(await wait('CREATE INDEX CONCURRENTLY ON customers (email)'));
    expect(own.object).toMatch(new RegExp(`^virtual transaction \\d+/\\d+ of ${holder}$`));
  });

  it('knows a prepared transaction as pid 0', async () => {
    await hold(`DELETE FROM orders WHERE id = 5; PREPARE TRANSACTION 'kept'`);
    const {wait: own} = await waiting(await wait('UPDATE orders SET state = $$x$$ WHERE id = 5'));
    expect(own).toMatchObject({
      object: 'row of public.orders',
      blocked_by: [0],
      holders: [{pid: 0, mode: 'ExclusiveLock'}],
    });
    await server.query(`ROLLBACK PREPARED 'kept'`);
  });

  it('has the oid of a relation of another database, and its name', async () => {
    await server.query('CREATE DATABASE crm');
    const {client} = await open('crm');
    await client.query('CREATE TABLE leads (id int)');
    const [{oid}] = (await client.query(`SELECT 'leads'::regclass::oid AS oid`)).rows;
    await hold('LOCK TABLE leads', 'crm');
    const {wait: own} = await waiting(await wait('SELECT FROM leads', 'crm'));
    expect(own.object).toBe(`relation ${oid} of database crm`);
  });

  it('names the lock that NOTIFY holds until its commit is done', async () => {
    const holder = await wait(`SET synchronous_commit = on; INSERT INTO orders VALUES (99); NOTIFY channel`);
    await until(async () => {
      const snapshot = await reader.read({...emptyRequest, activity: true});
      return snapshot.backends.some(({pid, wait_event}) => pid === holder && wait_event === 'SyncRep');
    });
    const {wait: own} = await waiting(await wait('NOTIFY channel'));
    expect(own).toMatchObject({object: 'NOTIFY', holders: [{pid: holder, mode: 'AccessExclusiveLock'}]});
  });

  it("counts the wait of a parallel worker as its leader's", async () => {
    await server.query(
      `CREATE OR REPLACE FUNCTION peek(int) RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS $$
        BEGIN RETURN (SELECT count(*) FROM customers); END $$`,
    );
    const holder = await hold('LOCK TABLE customers');
    const {client, pid} = await open();
    await client.query(`SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET parallel_leader_participation = off;
      SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2`);
    client.query('SELECT max(peek(id)) FROM orders').catch(() => {});
    const {snapshot, wait: own} = await waiting(pid);
    expect(own).toMatchObject({
      object: 'relation public.customers',
      blocked_by: [holder],
      holders: [{pid: holder, mode: 'AccessExclusiveLock'}],
    });
    const worker = snapshot.background_workers.find(({blocked_by}) => blocked_by.includes(holder));
    expect(worker).toMatchObject({backend_type: 'parallel worker', leader_pid: pid, datname: 'postgres'});
    expect(rootsOf(snapshot).get(pid)).toEqual([holder]);
  });

  /** Why an apply worker does not go on: it ends with each error, and starts again. */
  async function replicationState() {
    const subscriptions = await server.query('SELECT * FROM pg_stat_subscription');
    const log = await readFile(join(server.folder, 'postgres.log'), 'utf8');
    return {subscriptions, log: log.slice(-2000)};
  }

  it('follows a chain through an apply worker', async () => {
    await server.query('CREATE DATABASE replica');
    const {client} = await open('replica');
    await client.query('CREATE TABLE orders (id int PRIMARY KEY, state text)');
    await client.query('CREATE TABLE customers (id int PRIMARY KEY, email text UNIQUE)');
    await server.query('CREATE PUBLICATION everything FOR TABLE orders, customers');
    await server.query(`SELECT pg_create_logical_replication_slot('own', 'pgoutput')`);
    await client.query(
      `CREATE SUBSCRIPTION own CONNECTION '${server.url()}' PUBLICATION everything
        WITH (create_slot = false, copy_data = false)`,
    );
    const root = await hold('LOCK TABLE customers IN SHARE MODE', 'replica');
    await server.query(
      `BEGIN; INSERT INTO orders VALUES (100, 'sent'); INSERT INTO customers VALUES (100); COMMIT`,
    );
    let looks = 0;
    const worker = await until(async () => {
      const {background_workers} = await reader.read({...emptyRequest, activity: true, catalogs: true});
      const replicating = background_workers.filter(({datname}) => datname === 'replica');
      // Woken too early, the launcher looks again only after three minutes; a worker takes some looks to start.
      if (replicating.length === 0 && ++looks % 100 === 0)
        await client.query('ALTER SUBSCRIPTION own ENABLE');
      return replicating.find(({blocked_by}) => blocked_by.includes(root));
    }, replicationState);
    expect(worker).toMatchObject({datname: 'replica', usename: 'postgres', leader_pid: null});
    expect(worker.backend_type).toMatch(/^logical replication/);
    const waiter = await wait(`INSERT INTO orders VALUES (100, 'own')`, 'replica');
    const {snapshot, wait: own} = await waiting(waiter);
    expect(own).toMatchObject({blocked_by: [worker.pid], holders: [{pid: worker.pid}]});
    expect(snapshot.lock_waits.map(({pid}) => pid).sort()).toEqual([waiter, worker.pid].sort());
    // It has no statement, whose age a wait has before PostgreSQL 14.
    expect(snapshot.lock_waits.find(({pid}) => pid === worker.pid)?.wait_age_ms).toBeGreaterThan(0);
    expect(rootsOf(snapshot).get(waiter)).toEqual([root]);
  });
});
