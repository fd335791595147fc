import pg from 'pg';
import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import {compileSqlEndpoint} from '../../../source/replay/endpoint/sql-endpoint.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../../postgres/requests.ts';
import {measureOne} from '../measuring.ts';
import {type Capture, nodesOf, openCapture, outputOf, psql, statementsOf} from './through.ts';

describeEachMajor('a captured endpoint', major => {
  let server: TestServer;
  let capture: Capture;
  beforeAll(async () => {
    server = await shareTestServer({major});
    capture = await openCapture(server.superuserUrl);
    await server.query(`CREATE TABLE school (id int PRIMARY KEY, name text)`);
    await server.query(`CREATE TABLE student (id int PRIMARY KEY, school_id int, born date)`);
    await server.query(`INSERT INTO school VALUES (3, 'North'), (7, 'South'), (9, 'East')`);
    await server.query(`INSERT INTO student SELECT n, 3, '2010-01-01' FROM generate_series(1, 5) n`);
  });
  beforeEach(() => capture.log.clear());
  afterAll(async () => {
    await capture?.close();
    await server?.stop();
  });

  const connect = async () => {
    const client = new pg.Client({connectionString: capture.through(server.superuserUrl)});
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  const captured = () => statementsOf(capture.read());

  const schools = 'SELECT id, name FROM school ORDER BY id';
  const students = 'SELECT count(*) FROM student WHERE school_id = $1 AND id > $2';

  it('contains an N+1 found by its rows, and replays it', async () => {
    const client = await connect();
    const {rows} = await client.query(schools);
    for (const {id} of rows) await client.query(students, [id, 0]);
    const nodes = captured();
    expect(nodes).toEqual([[schools], {kind: 'each', body: [[students, '$id', '0']]}]);

    const endpoint = compileSqlEndpoint(capture.read(), 'captured.sql');
    capture.log.clear();
    const way = {...server, url: (options = {}) => capture.through(server.url(options))};
    const {queries_per_request} = await measureOne(way, endpoint, {requests: 1});
    expect(queries_per_request).toBe(4);
    expect(captured()).toEqual(nodes);
  });

  it('contains a parallel N+1 of more statements than the pool ran at the same time', async () => {
    const pool = new pg.Pool({connectionString: capture.through(server.superuserUrl), max: 2});
    onTestFinished(() => pool.end());
    const {rows} = await pool.query(schools);
    const waiting = 'SELECT pg_advisory_xact_lock_shared($1)';
    const holder = await server.connect();
    onTestFinished(() => holder.end());
    await holder.query('SELECT pg_advisory_lock(id) FROM school');
    const waitingFor = (ids: number[]) =>
      expect
        .poll(() =>
          server.query("SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted ORDER BY 1"),
        )
        .toEqual(ids.map(objid => ({objid})));
    const all = Promise.all(rows.map(({id}) => pool.query(waiting, [id])));
    // The third begins before the second has ended.
    await waitingFor([3, 7]);
    await holder.query('SELECT pg_advisory_unlock(3)');
    await waitingFor([7, 9]);
    await holder.query('SELECT pg_advisory_unlock_all()');
    await all;
    expect(captured()).toEqual([
      [schools],
      {
        kind: 'parallel',
        body: [{kind: 'each', body: [[waiting, '$id']]}],
      },
    ]);
    expect(capture.text()).toContain('at most 2 statements ran at the same time');
  });

  it('writes @each only if the rows prove it', async () => {
    const client = await connect();
    const {rows} = await client.query(schools);
    for (const {id} of rows.slice(1)) await client.query(students, [id, 0]);
    expect(captured()).toEqual([[schools], [students, '7', '0'], [students, '9', '0']]);
  });

  it('keeps transactions, and rolls back those that were rolled back', async () => {
    const client = await connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query(schools);
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('SAVEPOINT a');
    await client.query('DELETE FROM student WHERE id = $1', [1]);
    await client.query('ROLLBACK TO SAVEPOINT a');
    await client.query('ROLLBACK');
    expect(captured()).toEqual([
      {kind: 'transaction', body: [['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'], [schools]]},
      {
        kind: 'transaction',
        body: [
          ['SAVEPOINT a'],
          ['DELETE FROM student WHERE id = $1', '1'],
          ['ROLLBACK TO SAVEPOINT a'],
          ['ROLLBACK'],
        ],
      },
    ]);
  });

  it('contains a repetition once, with its pause', async () => {
    const client = await connect();
    for (let turn = 0; turn < 10; turn++) await client.query('SELECT 1');
    await client.query('BEGIN');
    await client.query('SELECT 2');
    const until = performance.now() + 20;
    while (performance.now() < until);
    await client.query('COMMIT');
    const nodes = nodesOf(capture.read());
    expect(nodes[0]).toMatchObject({kind: 'repeat', count: 10});
    const {kind, body} = nodes.at(-1) as {kind: string; body: unknown[]};
    expect(kind).toBe('transaction');
    expect(body.at(-1)).toEqual({kind: 'think', ms: expect.toSatisfy((ms: number) => ms >= 19)});
  });

  it('skips statements that cannot be replayed or contain secrets, and notes it', async () => {
    const client = await connect();
    await client.query(`CREATE ROLE hidden LOGIN PASSWORD 'sesame-open'`);
    expect(await rejection(client.query('SELECT nothing FROM school'))).toMatchObject({code: '42703'});
    await client.query(`SELECT 'after'`);
    await client.query('DROP ROLE hidden');
    await client.query('SELECT length($1)', ['x'.repeat(2 * 1024 * 1024)]);
    await client.query('');
    expect(captured()).toEqual([[`SELECT 'after'`], ['DROP ROLE hidden']]);
    const text = capture.text();
    expect(text).toContain('1 statement skipped: may contain a password');
    expect(text).toContain('1 statement skipped: failed with 42703');
    expect(text).toContain('1 statement skipped: 3 MiB in one message');
    expect(text.match(/skipped:/g)).toHaveLength(3);
    expect(text).not.toMatch(/sesame|SCRAM/);
    expect(text).not.toContain(server.superuserPassword);
  });

  it.runIf(psql)('skips COPY FROM STDIN, and continues after it', async () => {
    await outputOf(psql, ['-X', capture.through(server.superuserUrl)], {
      input: '\\copy school FROM STDIN\n99\tcopied\n\\.\nDELETE FROM school WHERE id = 99;\n',
    });
    expect(captured()).toEqual([['DELETE FROM school WHERE id = 99']]);
    expect(capture.text()).toContain('1 statement skipped: COPY FROM STDIN');
    expect(capture.text()).not.toContain('copied');
  });

  it('escapes values that would be directives or comments in the file', async () => {
    const client = await connect();
    const values = [
      "it's; -- @end",
      'a\nb\u2028c',
      '$name',
      '\\x00',
      Buffer.from([0, 255]),
      null,
      true,
      [1, null],
    ];
    const text = `SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea, $6::text, $7::bool, $8::int[] /* ; */ WHERE 'a;' <> $$;$1$$`;
    await client.query(text, values);
    expect(captured()).toEqual([
      [text, "it's; -- @end", 'a\nb\u2028c', '$name', '\\x00', '\\x00ff', null, 'true', '{"1",NULL}'],
    ]);
  });

  it('reads pipelined statements of one connection as the sequence that the server runs', async () => {
    const client = new pg.Client({
      connectionString: capture.through(server.superuserUrl),
      pipeline: true,
    } as pg.ClientConfig);
    await client.connect();
    onTestFinished(() => client.end());
    await Promise.all([client.query('SELECT pg_sleep(0.02), $1', ['a']), client.query('SELECT $1', ['b'])]);
    await client.query('SELECT 1; SELECT 2');
    expect(captured()).toEqual([
      ['SELECT pg_sleep(0.02), $1', 'a'],
      ['SELECT $1', 'b'],
      ['SELECT 1'],
      ['SELECT 2'],
    ]);
  });
});
