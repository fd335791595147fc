import pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {sessionSettings} from '../../../source/replay/measure/guard.ts';
import {createMeasuredPool, type MeasuredPool} from '../../../source/replay/measure/instance.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {fromFunction, measureOne} from '../measuring.ts';

/**
 * Attempts to write, through a real client on a real server as superuser. `raw` bypasses the check of a query's text, so
 * that only the rewritten messages prevent the write.
 */
describeEachMajor('read-only by construction', major => {
  let server: TestServer;
  let measured: MeasuredPool;
  let client: pg.PoolClient;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_prepared_transactions: 5}});
    await server.query(`CREATE TABLE t (id int);
      CREATE SEQUENCE s;
      CREATE FUNCTION lift() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE 'SET default_transaction_' || 'read_only = off'; RETURN 1; END $$;
      CREATE FUNCTION lift_here() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE 'SET transaction_' || 'read_only = off'; RETURN 1; END $$;
      CREATE PROCEDURE write_anyway() LANGUAGE plpgsql AS
        $$ BEGIN PERFORM lift(); COMMIT; INSERT INTO t VALUES (1); COMMIT; END $$`);
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    measured = poolOf({});
    client = await measured.pool.connect();
  });
  afterEach(async () => {
    client.release(true);
    await measured.close();
  });

  const poolOf = (given: Partial<Parameters<typeof createMeasuredPool>[0]>) =>
    createMeasuredPool({
      connection: {connectionString: server.url(), options: sessionSettings({allowWrites: false})},
      connection_limit: 1,
      pool_timeout_ms: 0,
      allowWrites: false,
      file: 'x.ts',
      Pool: pg.Pool,
      ...given,
    });
  const raw = (config: string | pg.QueryConfig) =>
    Reflect.apply(pg.Client.prototype.query as () => unknown, client, [
      config,
    ] as never) as Promise<pg.QueryResult>;
  /** Runs each attempt on its own, whether or not the one before failed. */
  const attempt = async (texts: readonly (string | pg.QueryConfig)[]) => {
    const failures: string[] = [];
    for (const text of texts) await raw(text).catch(error => failures.push((error as Error).message));
    return failures;
  };
  const written = async () => {
    const [row] = await server.query<{rows: number; objects: number}>(
      'SELECT (SELECT count(*)::int4 FROM t) AS rows, (SELECT count(*)::int4 FROM pg_largeobject_metadata) AS objects',
    );
    return row;
  };
  const nothing = {rows: 0, objects: 0};
  const insert = 'INSERT INTO t VALUES (1)';

  describe.each<[string, (string | pg.QueryConfig)[]]>([
    ['a function that switches the session', ['SELECT lift()', insert]],
    ['a function that switches the transaction', ['SELECT lift_here()', insert]],
    ['in its own transaction', ['BEGIN', 'SELECT lift_here()', insert, 'COMMIT']],
    ['a setting of the session', ['SET default_transaction_read_only = off', insert]],
    ['its characteristics', ['SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE', insert]],
    ['a transaction of its own', ['BEGIN READ WRITE', insert, 'COMMIT']],
    [
      'one that is switched before its first query',
      ['BEGIN', 'SET TRANSACTION READ WRITE', insert, 'COMMIT'],
    ],
    ['a comment within', ['BEGIN', 'SET /**/ transaction_read_only = off', insert, 'COMMIT']],
    ['a savepoint', ['BEGIN', 'SAVEPOINT a', 'SELECT 1', 'ROLLBACK TO a', insert, 'COMMIT']],
    [
      'a savepoint after an error',
      ['BEGIN', 'SAVEPOINT a', 'SELECT 1/0', 'ROLLBACK TO a', 'SET TRANSACTION READ WRITE', insert, 'COMMIT'],
    ],
    [
      'COMMIT AND CHAIN',
      [
        'BEGIN READ WRITE',
        'COMMIT AND CHAIN',
        'SET TRANSACTION READ WRITE',
        insert,
        'END AND CHAIN',
        insert,
        'END',
      ],
    ],
    ['a procedure that commits', ['CALL write_anyway()']],
    ['a DO that commits', [`DO $$ BEGIN PERFORM lift(); COMMIT; ${insert}; END $$`]],
    ['one text that commits', [`SELECT lift(); COMMIT; ${insert}; BEGIN`]],
    [
      'one text with a transaction',
      [`SELECT set_config('default_transaction_' || 'read_only', 'off', false); BEGIN; ${insert}; COMMIT`],
    ],
    ['one text that begins with a setting', [`SET default_transaction_read_only = off; ${insert}`]],
    [
      'pieces of a setting',
      ["SELECT set_config('default_transaction_' || 'read_only', 'off', false)", insert],
    ],
    [
      'pieces of a setting, bound',
      [
        {
          text: 'SELECT set_config($1 || $2, $3, false)',
          values: ['default_transaction_', 'read_only', 'off'],
        },
        {text: 'INSERT INTO t VALUES ($1)', values: [1]},
      ],
    ],
    [
      'strings with standard_conforming_strings = off',
      ['SET standard_conforming_strings = off', `SELECT '\\'' ; COMMIT; ${insert}; --'`],
    ],
    ['a number before a string', [`SELECT 1e'x\\'' ; COMMIT; ${insert}; --'`]],
    [
      'a comment that a carriage return ends',
      [`-- x\rCOMMIT; ${insert}`, `SELECT 1 --\r; COMMIT; ${insert}`],
    ],
    [
      'a statement prepared as COMMIT',
      [{name: 'c', text: 'COMMIT', values: []}, `EXECUTE c; ${insert}`, insert],
    ],
    ['a statement prepared in SQL', [`PREPARE w AS ${insert}`, 'EXECUTE w', 'SELECT 1; EXECUTE w']],
    [
      'a named one, bound',
      [
        {name: 'i', text: 'INSERT INTO t VALUES ($1)', values: [1]},
        {name: 'i', text: 'INSERT INTO t VALUES ($1)', values: [2]},
      ],
    ],
    ['two-phase commit', [`BEGIN`, insert, "PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'"]],
    [
      'large objects',
      ['SELECT lo_create(0)', "SELECT lo_from_bytea(0, 'x')", 'BEGIN', 'SELECT lo_create(0)', 'COMMIT'],
    ],
    [
      'large objects beside a setting',
      [
        "SELECT set_config('a.b', 'c', false), lo_create(0)",
        'BEGIN',
        "SET a.b = 'd'",
        'SELECT lo_create(0)',
        'COMMIT',
      ],
    ],
    ['COPY FROM STDIN', ['COPY t FROM STDIN']],
    ['a statement that cannot run in a transaction', ["ALTER SYSTEM SET application_name = 'x'", 'VACUUM t']],
    ['after DISCARD ALL', ['DISCARD ALL', 'RESET ALL', insert]],
  ])('%s', (name, texts) => {
    it('writes nothing', async () => {
      const failures = await attempt(texts);
      // Up to 15 a read-only transaction may write large objects; only the rollback undoes them.
      if (name !== 'large objects' || major >= 16) expect(failures).not.toEqual([]);
      expect(await written()).toEqual(nothing);
      const [row] = await server.query('SELECT count(*)::int4 FROM pg_prepared_xacts');
      expect(row).toEqual({count: 0});
    });
  });

  it.each([
    ["SELECT dblink_exec('dbname=postgres', 'INSERT INTO t VALUES (1)')"],
    ["DO $$ BEGIN PERFORM public.dblink_exec('dbname=postgres', 'INSERT INTO t VALUES (1)'); END $$"],
    ["SELECT 1; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'other'"],
    ["COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'"],
    ["SELECT 1; COPY t TO '/tmp/poolctl-never'"],
    ["SELECT pg_create_physical_replication_slot('kept', true)"],
    ['SELECT pg_reload_conf()'],
    ['SELECT pg_catalog."pg_stat_reset" ()'],
  ])('does not send what no rollback undoes: %s', async text => {
    const other = await server.connect({application_name: 'other'});
    const ended = new Promise(resolve => client.once('end', resolve));
    await expect(client.query(text)).rejects.toThrow(/is refused without --allow-writes$/);
    await attempt([text]);
    await ended;
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
    expect(await written()).toEqual(nothing);
    expect(await server.query('SELECT FROM pg_replication_slots')).toEqual([]);
    await other.end();
  });

  it("does not commit another session's prepared transaction", async () => {
    await server.query(`BEGIN; ${insert}; PREPARE TRANSACTION 'other'`);
    expect(await attempt(["COMMIT PREPARED 'other'", "/* */ COMMIT PREPARED 'other'"])).toHaveLength(2);
    expect(await server.query('SELECT gid FROM pg_prepared_xacts')).toEqual([{gid: 'other'}]);
    await server.query("ROLLBACK PREPARED 'other'");
  });

  it('checks each message of one socket write, and refuses one hidden among others', async () => {
    const {connection} = client as unknown as {connection: {stream: {write(bytes: Buffer): void}}};
    const ended = new Promise(resolve => client.once('end', resolve));
    const message = (type: string, body: string) => {
      const bytes = Buffer.from(`${type}....${body}`);
      bytes.writeInt32BE(bytes.length - 1, 1);
      return bytes;
    };
    const simple = ['SELECT lift()\0', 'COMMIT\0', `${insert}\0`, 'COMMIT\0'].map(text => message('Q', text));
    const extended = ['COMMIT', insert].flatMap(text => [
      message('P', `\0${text}\0\0\0`),
      message('B', '\0\0\0\0\0\0\0\0'),
      message('E', '\0\0\0\0\0'),
    ]);
    connection.stream.write(Buffer.concat([...simple, ...extended, message('S', '')]));
    await ended;
    expect(await written()).toEqual(nothing);
  });

  it('sends no notification and advances no sequence', async () => {
    const listener = await server.connect();
    const heard: string[] = [];
    listener.on('notification', ({payload}) => heard.push(payload ?? ''));
    await listener.query('LISTEN c');
    await raw("SELECT pg_notify('c', 'from the replay')");
    await raw("NOTIFY c, 'from the replay'");
    await expect(raw("SELECT nextval('s')")).rejects.toMatchObject({code: '25006'});
    await server.query("SELECT pg_notify('c', 'own')");
    await expect.poll(() => heard).toContain('own');
    expect(heard).toEqual(['own']);
  });

  it('disconnects a session that became read-write anyway, if the server reports it', async () => {
    const ended = new Promise(resolve => client.once('end', resolve));
    const [failure] = await attempt(["SELECT set_config('a.b', 'c', false), lift()"]);
    if (major < 14) return;
    expect(failure).toContain('poolctl ended its session');
    await ended;
  });

  it('does not change the settings of a session', async () => {
    await raw("SET search_path = 'one'");
    await raw("SELECT set_config('app.two', 'two', false)");
    await raw('BEGIN');
    await raw("SELECT set_config('app.three', 'three', false), set_config('app.four', 'four', true)");
    await raw('COMMIT');
    await raw("SELECT 1; SELECT set_config('app.five', 'five', false)");
    const {rows} = await raw(`SELECT current_setting('search_path') AS one, current_setting('app.two') AS two,
      current_setting('app.three') AS three, current_setting('app.four', true) AS four, current_setting('app.five') AS five`);
    expect(rows).toEqual([{one: 'one', two: 'two', three: 'three', four: '', five: 'five'}]);
  });

  it("does not change the semantics of the application's transactions", async () => {
    expect((await raw('BEGIN')).command).toBe('BEGIN');
    await raw('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
    expect((await raw('SHOW transaction_isolation')).rows).toEqual([{transaction_isolation: 'serializable'}]);
    await raw('DECLARE c CURSOR FOR SELECT 7 AS id');
    expect((await raw('FETCH c')).rows).toEqual([{id: 7}]);
    expect((await raw({text: 'SELECT $1::int AS id', values: [8]})).rows).toEqual([{id: 8}]);
    await expect(raw('SELECT 1/0')).rejects.toMatchObject({code: '22012'});
    await expect(raw('SELECT 1')).rejects.toMatchObject({code: '25P02'});
    expect((await raw('COMMIT')).command).toBe('ROLLBACK');
    await raw('START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await raw('SELECT 1');
    expect((await raw('commit work')).command).toBe('COMMIT');
    expect((await raw('SHOW transaction_isolation')).rows).toEqual([
      {transaction_isolation: 'read committed'},
    ]);
  });

  it('gives the same answers as a plain session', async () => {
    const big = 'x'.repeat(3_000_000);
    const texts: (string | pg.QueryConfig)[] = [
      'SELECT 1 AS one, $$a;b$$ AS text',
      'SELECT 1 AS one; SELECT 2 AS two, 3 AS three;',
      "SELECT CASE WHEN true THEN ';' END AS ending",
      "SELECT repeat('y', 20) FROM generate_series(1, 20000) -- a comment",
      {text: 'SELECT $1::text AS big', values: [big]},
      {text: 'SELECT $1::int AS named', values: [1], name: 'n'},
      {text: 'SELECT $1::int AS named', values: [2], name: 'n'},
      {text: 'SELECT * FROM generate_series(1, 25) id', rows: 10} as pg.QueryConfig,
      {text: 'SELECT 1 AS binary', binary: true} as pg.QueryConfig,
      '',
      '-- nothing',
      'SET a.b = 1',
      'SHOW a.b',
      'EXPLAIN (COSTS OFF) SELECT 1',
      'DO $$ BEGIN RAISE NOTICE $n$ hello $n$; END $$',
    ];
    const plain = await server.connect();
    for (const text of texts) {
      const [expected, got] = await Promise.all([plain.query(text), raw(text)]);
      const read = (result: pg.QueryResult | pg.QueryResult[]) =>
        [result]
          .flat()
          .map(({command, rowCount, rows, fields}) => [command, rowCount, rows, fields?.map(f => f.name)]);
      expect(read(got)).toEqual(read(expected));
    }
    for (const text of ['SELECT nonsense FROM t', 'SELECT 1; SELECT "ü", 1/0 FROM nowhere', 'SELEC']) {
      const [expected, got] = await Promise.all(
        [plain.query(text), raw(text)].map(each => each.catch((error: pg.DatabaseError) => error)),
      );
      expect((got as pg.DatabaseError).message).toBe((expected as pg.DatabaseError).message);
      expect((got as pg.DatabaseError).position).toBe((expected as pg.DatabaseError).position);
    }
    const [session] = await server.query('SELECT state FROM pg_stat_activity WHERE pid = $1', [
      (client as unknown as {processID: number}).processID,
    ]);
    expect(session).toEqual({state: 'idle'});
  });

  it('counts the same queries, rows and bytes as a plain session and as the server', async () => {
    await server.query(
      'CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()',
    );
    const use = async ({prisma, sql}: {prisma: unknown; sql: (text: string) => Promise<unknown>}) => {
      const pool = prisma as pg.Pool;
      await sql('SELECT id AS counted FROM generate_series(1, 10) id');
      await pool.query('SELECT id AS counted_too FROM generate_series(1, $1) id', [5]);
      const own = await pool.connect();
      await own.query('BEGIN');
      await own.query('SELECT 1 AS counted_as_well');
      await own.query('COMMIT');
      own.release();
    };
    const measureWith = async (allowWrites: boolean) => {
      const endpoint = fromFunction(use as never);
      const openPrisma = (pool: pg.Pool) => ({client: pool, close: async () => {}});
      const connection = {connectionString: server.url(), options: sessionSettings({allowWrites})};
      const {requests, queries_per_request, rows_per_request, bytes_per_request, failures} = await measureOne(
        server,
        endpoint,
        {requests: 10, allowWrites, connection, openPrisma},
      );
      expect(failures).toEqual([]);
      return {requests, queries_per_request, rows_per_request, bytes_per_request};
    };
    const readOnly = await measureWith(false);
    const counted = await server.query<{calls: number}>(
      "SELECT calls::int4 FROM pg_stat_statements WHERE query LIKE '%AS counted%' AND query NOT LIKE '%pg_stat%'",
    );
    expect(counted.map(({calls}) => calls)).toEqual([10, 10, 10]);
    expect(readOnly).toMatchObject({requests: 10, queries_per_request: 5, rows_per_request: 16});
    expect(await measureWith(true)).toEqual(readOnly);
  });
});
