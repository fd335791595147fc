import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Endpoint} from '../../../source/replay/endpoint/endpoint.ts';
import {sessionSettings} from '../../../source/replay/measure/guard.ts';
import {disablesReadOnly, rejectionReason} from '../../../source/replay/read-only/statement.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {countSessions, fromFunction, fromSql, type Given, measureOne} from '../measuring.ts';

describe('texts that make a session read-write', () => {
  it.each([
    'BEGIN READ WRITE',
    'begin isolation level serializable,\n  read /* really */ write',
    '/* ha */ START TRANSACTION -- now\n READ\tWRITE',
    'SET TRANSACTION READ WRITE',
    'SELECT 1; SET transaction_read_only = off; INSERT INTO t VALUES (1)',
    'SET SESSION default_transaction_read_only TO off',
    'SET LOCAL "transaction_read_only" = false',
    'SET default_transaction_read_only = DEFAULT',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "WITH c AS (SELECT pg_catalog.SET_CONFIG('transaction_read_only', 'off', true)) SELECT * FROM c",
    "DO $$ BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); END $$",
    'DO $$ BEGIN SET default_transaction_read_only = off; COMMIT; END $$',
  ])('%s', text => {
    expect(disablesReadOnly(text)).toBe(true);
  });

  it('include a setting whose name is a parameter', () => {
    const text = 'SELECT set_config($1, $2, false)';
    expect(disablesReadOnly(text, ['default_transaction_read_only', 'off'])).toBe(true);
    expect(disablesReadOnly(text, ['app.user_id', '7'])).toBe(false);
  });

  it.each([
    'SELECT 1',
    'BEGIN',
    'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY',
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    "SET default_transaction_read_only = 'on'",
    'SET LOCAL transaction_read_only TO true;',
    "SELECT set_config('app.user_id', '7', true)",
    "SELECT current_setting('transaction_read_only')",
    "SELECT * FROM tasks WHERE mode = 'read write'",
    "SELECT 'x; BEGIN READ WRITE; y'",
    'SELECT 1 -- BEGIN READ WRITE',
    'RESET ALL',
    'DISCARD ALL',
  ])('do not include: %s', text => {
    expect(disablesReadOnly(text)).toBe(false);
  });
});

describe('texts rejected before they are sent', () => {
  it.each([
    ['SELECT 1; COMMIT; SELECT 2', /send each separately/],
    ['BEGIN; SELECT 1', /send each separately/],
    ["PREPARE TRANSACTION 'a'", /^PREPARE TRANSACTION/],
    ["prepare /* */ transaction 'a;b'", /^PREPARE TRANSACTION/],
  ])('%s', (text, why) => {
    expect(rejectionReason(text)).toMatch(why);
  });

  it.each(['COMMIT;', 'SELECT 1; SELECT 2', "SELECT ';COMMIT;'", 'PREPARE p AS SELECT 1', ';; BEGIN ;;'])(
    'do not include: %s',
    text => expect(rejectionReason(text)).toBeNull(),
  );
});

describeEachMajor('a session that began read-only', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE TABLE t (id int)');
    await server.query(`CREATE FUNCTION lift() RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE 'SET default_transaction_' || 'read_only = off'; RETURN 1; END $$`);
  });
  afterAll(() => server?.stop());

  const options = sessionSettings({allowWrites: false});
  const measureReadOnly = (endpoint: Endpoint, given: Given = {}) => {
    const connectionString = server.url({application_name: 'poolctl-replay-test'});
    const connection = {connectionString, options};
    return measureOne(server, endpoint, {requests: 2, allowWrites: false, connection, ...given});
  };
  /** As Prisma's adapter uses it. */
  const throughPool = (use: (pool: pg.Pool) => Promise<unknown>) =>
    measureReadOnly(
      fromFunction(({prisma}) => use(prisma as pg.Pool), import.meta.filename),
      {openPrisma: pool => ({client: pool, close: async () => {}})},
    );
  const written = () => server.query('SELECT id FROM t');

  it('rejects such a text in a SQL file before it is sent, with its line', async () => {
    const result = await measureReadOnly(fromSql('SELECT 1;\nBEGIN READ WRITE;\nINSERT INTO t VALUES (1);'));
    expect(result).toMatchObject({errors: {other: 2, by_sqlstate: {}}, rows_per_request: 1});
    expect(result.failures).toMatchObject([{line: 2, count: 2, message: expect.stringContaining('refused')}]);
    expect(await written()).toEqual([]);
  });

  it('rejects such a text through a pool: by promise, on a checked-out client, by callback', async () => {
    const text = 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE';
    const byPool = await throughPool(pool => pool.query(text));
    const byClient = await throughPool(async pool => {
      const client = await pool.connect();
      try {
        await client.query({
          text: 'SELECT set_config($1, $2, false)',
          values: ['transaction_read_only', '0'],
        });
      } finally {
        client.release();
      }
    });
    const byCallback = await throughPool(
      pool =>
        new Promise((resolve, reject) => {
          pool.query(text, (error: Error | undefined) => (error ? reject(error) : resolve(null)));
        }),
    );
    for (const result of [byPool, byClient, byCallback]) {
      expect(result.failures).toMatchObject([{count: 2, message: expect.stringContaining('refused')}]);
    }
    expect(byPool.failures[0]?.line).toBeGreaterThan(0);
  });

  it('stays read-only after a function has tried to make it read-write', async () => {
    const endpoint = fromSql('SELECT 1;\nSELECT lift();\nINSERT INTO t VALUES (2);');
    const result = await measureReadOnly(endpoint, {requests: 6, concurrency: 2});
    expect(result.failures).toMatchObject([{line: 3, count: 6, sqlstate: '25006'}]);
    expect(await written()).toEqual([]);
    await expect.poll(() => countSessions(server)).toBe(0);
  });

  it('stays read-only after RESET ALL and DISCARD ALL, which restore the initial settings', async () => {
    const text = 'RESET ALL;\nDISCARD ALL;\nINSERT INTO t VALUES (3);';
    const result = await measureReadOnly(fromSql(text), {connection_limit: 1});
    expect(result.failures).toMatchObject([{line: 3, sqlstate: '25006', count: 2}]);
  });

  it('is not restricted with --allow-writes', async () => {
    const endpoint = fromSql('BEGIN READ WRITE;\nINSERT INTO t VALUES (4);\nCOMMIT;');
    const result = await measureReadOnly(endpoint, {allowWrites: true, connection_limit: 1});
    expect(result.failures).toEqual([]);
    expect(await written()).toEqual([{id: 4}, {id: 4}]);
  });
});
