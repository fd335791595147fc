import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {statementKey} from '../../../source/core/activity/rates.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {explainStatement} from '../../../source/postgres/planner/explain.ts';
import {emptyRequest, type Reader} from '../../../source/postgres/sampler/reader.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {everything, openReader, watch} from '../watching.ts';

describeEachMajor('statements reader', major => {
  let server: TestServer;
  let connection: Connection;
  let reader: Reader;
  const numbers = {...emptyRequest, statements: {numbers: true, texts: null}};

  beforeAll(async () => {
    server = await startTestServer({major, settings: {'pg_stat_statements.max': 1000}});
    await server.query('CREATE SCHEMA extensions');
    await server.query('CREATE EXTENSION pg_stat_statements SCHEMA extensions');
    connection = await watch(server.url());
    reader = await openReader(connection);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const run = async (times: number) => {
    for (let time = 0; time < times; time++) await server.query('SELECT count(*) FROM pg_class AS counted');
  };
  const counted = async (snapshot: Snapshot) => {
    const [row] = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query LIKE '%AS counted'`,
    );
    return snapshot.statements.find(({queryid}) => queryid === row?.queryid);
  };

  it('has rates since the previous read, and fetches requested texts', async () => {
    await run(2);
    const first = await counted(await reader.read(numbers));
    expect(first).toMatchObject({
      calls: 2,
      query: null,
      toplevel: true,
      datname: 'postgres',
      usename: 'postgres',
    });
    await run(3);
    const statements = {numbers: true, texts: first ? [statementKey(first)] : []};
    const second = await counted(await reader.read({...emptyRequest, statements}));
    expect(second).toMatchObject({calls: 5, query: 'SELECT count(*) FROM pg_class AS counted'});
    const {rates} = second ?? {};
    expect(((rates?.calls_per_second ?? 0) * (rates?.interval_ms ?? 0)) / 1000).toBeCloseTo(3, 6);
    expect(rates?.exec_share_ratio).toBeGreaterThan(0);
    expect(rates?.mean_exec_time_ms).toBeGreaterThan(0);
  });

  it('fetches the text of a statement that has one under another role', async () => {
    const textsOf = ({statements}: Snapshot) =>
      statements.filter(({query}) => query === 'SELECT count(*) FROM pg_class AS counted');
    await server.query(`CREATE ROLE other LOGIN PASSWORD 'secret'`);
    const other = await server.connect({user: 'other', password: 'secret'});
    await other.query('SELECT count(*) FROM pg_class AS counted');
    await other.end();
    await reader.read({...emptyRequest, catalogs: true});
    const {statements} = await reader.read(numbers);
    const texts = reader.missingTexts(
      statements.filter(({usename}) => usename === 'other').map(statementKey),
    );
    const read = await reader.read({...emptyRequest, statements: {numbers: false, texts}});
    expect(textsOf(read).map(({usename}) => usename)).toEqual(expect.arrayContaining(['other', 'postgres']));
    expect(reader.missingTexts(texts)).toEqual([]);
  });

  it("omits poolctl's own statements", async () => {
    const statements = {numbers: true, texts: []};
    await explainStatement(connection.client, {
      query: 'SELECT relname FROM pg_class WHERE relpages > $1',
      database: 'postgres',
      connected_database: 'postgres',
      server_version_num: server.version,
    });
    const snapshot = await reader.read({...emptyRequest, statements});
    expect(snapshot.statements.filter(({query}) => query?.includes('/* poolctl */'))).toEqual([]);
    const listed = snapshot.statements.map(({queryid}) => queryid);
    const plans = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query ~ '^(EXPLAIN|WITH RECURSIVE)'`,
    );
    expect(plans).toHaveLength(2);
    for (const {queryid} of plans) expect(listed).not.toContain(queryid);
    const own = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements WHERE query LIKE 'SELECT /* poolctl */ a.pid%'`,
    );
    expect(own).toHaveLength(1);
    expect(listed).not.toContain(own[0]?.queryid);
  });

  it('computes no rate from counters that were reset', async () => {
    // Before 14 only a falling counter shows the reset.
    await run(major < 14 ? 10 : 1);
    await reader.read(numbers);
    await server.query('SELECT extensions.pg_stat_statements_reset()');
    await run(9);
    const after = await counted(await reader.read(numbers));
    expect(after).toMatchObject({calls: 9});
    expect(after?.rates).toBeUndefined();
    await run(1);
    expect((await counted(await reader.read(numbers)))?.rates).toBeDefined();
  });

  it('reports evictions, and finds a busy statement far down the list', async () => {
    await reader.read(numbers);
    const many = Array.from(
      {length: 1300},
      (_, index) =>
        `SELECT ${'1, '.repeat(index % 40)}1 WHERE ${'true AND '.repeat(Math.floor(index / 40))}true`,
    );
    const client = await server.connect();
    for (const text of many) await client.query(text);
    expect((await reader.read(numbers)).statements_info?.is_evicting).toBe(true);
    // A function that keeps its rows in less memory would write them to temporary files.
    await server.query(`ALTER ROLE postgres SET work_mem = '256kB'`);
    await connection.close();
    connection = await watch(server.url());
    reader = await openReader(connection);
    const first = await reader.read(numbers);
    expect(first.statements_info?.entries).toBeGreaterThan(first.statements.length);
    expect(first.statements_info?.max_entries).toBe(1000);
    // Which statements are poolctl's own is in their texts.
    await reader.read({...emptyRequest, statements: {numbers: false, texts: []}});
    // Little total time, but many calls between two readings.
    for (let call = 0; call < 300; call++) await client.query('SELECT 1, 1');
    const [row] = await server.query<{queryid: string; calls: number}>(
      `SELECT queryid::text, calls::int4 FROM extensions.pg_stat_statements WHERE query = 'SELECT $1, $2'`,
    );
    const busy = ({statements}: Snapshot) => statements.find(({queryid}) => queryid === row?.queryid);
    const second = await reader.read(numbers);
    const {rates, calls} = busy(second) ?? {};
    expect(calls).toBe(row?.calls);
    expect(Math.round(((rates?.calls_per_second ?? 0) * (rates?.interval_ms ?? 0)) / 1000)).toBeOneOf([
      299, 300,
    ]);
    expect(rates?.mean_exec_time_ms).toBeGreaterThan(0);
    // Since then poolctl has sent some for the first time.
    await reader.read({...emptyRequest, statements: {numbers: false, texts: []}});
    await client.query('SELECT 1, 1');
    const third = busy(await reader.read(numbers))?.rates;
    expect(Math.round(((third?.calls_per_second ?? 0) * (third?.interval_ms ?? 0)) / 1000)).toBe(1);
    expect(third?.shared_blks_hit_per_second).not.toBeNull();
    // It was the only one, beside poolctl's own.
    expect(third?.exec_share_ratio).toBeCloseTo(1, 6);
    // As SQL has it: the costliest since the reset are among those listed.
    const costliest = await server.query<{queryid: string}>(
      `SELECT queryid::text FROM extensions.pg_stat_statements(true) WHERE query !~ 'poolctl|extensions' ORDER BY total_exec_time DESC LIMIT 10`,
    );
    expect(second.statements.map(({queryid}) => queryid)).toEqual(
      expect.arrayContaining(costliest.map(({queryid}) => queryid)),
    );
    // Those that were listed before come as JSON, others as rows.
    expect(second.statements.filter(({datname, usename}) => !datname || !usename)).toEqual([]);
    const [own] = await server.query<{temp: number}>(
      // Not '%/*': a test's own query is kept with its literals if it is evicted while it runs.
      `SELECT coalesce(sum(temp_blks_written), 0)::int4 AS temp FROM extensions.pg_stat_statements WHERE query LIKE 'SELECT /* poolctl */%'`,
    );
    expect(own?.temp).toBe(0);
    await server.query('ALTER ROLE postgres RESET work_mem');
    await client.end();
  });

  it('continues without statements when the extension is dropped, and reads them once it is back', async () => {
    await server.query('DROP EXTENSION pg_stat_statements');
    const snapshot = await reader.read({...numbers, activity: true});
    expect(snapshot.backends.length).toBeGreaterThan(0);
    expect(snapshot.unavailable).toContainEqual(expect.objectContaining({section: 'statements'}));
    await server.query('CREATE EXTENSION pg_stat_statements');
    // The catalogs have the new schema, and the recorded failure is dropped.
    await reader.read({...emptyRequest, catalogs: true});
    const again = await reader.read(numbers);
    expect(again.statements.length).toBeGreaterThan(0);
  });
});

describe('a server without pg_stat_statements loaded', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major: 18, settings: {shared_preload_libraries: ''}});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());

  it('is reported with the setting that loads it', async () => {
    const connection = await watch(server.url());
    const {unavailable} = await (await openReader(connection)).read(everything);
    expect(unavailable).toEqual([
      expect.objectContaining({
        section: 'statements',
        remedy: expect.stringContaining('shared_preload_libraries'),
      }),
    ]);
    await connection.close();
  });
});
