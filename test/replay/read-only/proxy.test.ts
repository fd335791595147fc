import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {LoopbackServer} from '../../../source/replay/loopback.ts';
import {sessionSettings} from '../../../source/replay/measure/guard.ts';
import {startReadOnlyProxy} from '../../../source/replay/read-only/proxy.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';

/** Connects to the proxy like a native engine, with a client that poolctl does not modify. */
describe('the read-only proxy', () => {
  let server: TestServer;
  let proxy: LoopbackServer;
  const open: pg.Client[] = [];
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query(`CREATE TABLE t (id int);
      CREATE FUNCTION lift() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE 'SET default_transaction_' || 'read_only = off'; RETURN 1; END $$`);
    proxy = await startReadOnlyProxy({
      connectionString: server.url({application_name: 'proxied'}),
      options: sessionSettings({allowWrites: false}),
    });
  });
  afterAll(async () => {
    await Promise.all(open.map(client => client.end().catch(() => {})));
    proxy?.close();
    await server?.stop();
  });
  const connect = async (to = proxy) => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: to.port,
      user: 'anybody',
      database: 'anything',
      ssl: false,
    });
    client.on('error', () => {});
    await client.connect();
    open.push(client);
    return client;
  };

  it('opens sessions with its own configuration, not the one the client requests', async () => {
    const client = await connect();
    const {rows} = await client.query("SELECT current_user, current_setting('application_name') AS name");
    expect(rows).toEqual([{current_user: 'postgres', name: 'proxied'}]);
  });

  it('writes nothing', async () => {
    const client = await connect();
    const texts = [
      'INSERT INTO t VALUES (1)',
      'SELECT lift()',
      "SELECT set_config('default_transaction_' || 'read_only', 'off', false); BEGIN; INSERT INTO t VALUES (1)",
      'BEGIN READ WRITE',
      'INSERT INTO t VALUES (1)',
      'COMMIT',
    ];
    for (const text of texts) await client.query(text).catch(() => {});
    const bound = {name: 'i', text: 'INSERT INTO t VALUES ($1)', values: [1]};
    for (let turn = 0; turn < 2; turn++)
      await expect((await connect()).query(bound)).rejects.toMatchObject({code: '25006'});
    expect(await server.query('SELECT * FROM t')).toEqual([]);
  });

  it('forwards rows of any size, and queries sent before the last answer', async () => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'x',
      database: 'x',
      pipeline: true,
    } as pg.ClientConfig);
    await client.connect();
    open.push(client);
    const answers = await Promise.all(
      Array.from({length: 20}, (_, id) =>
        client.query({text: "SELECT $1::int AS id, repeat('x', 300000) AS text", values: [id]}),
      ),
    );
    expect(answers.map(({rows}) => [rows[0].id, rows[0].text.length])).toEqual(
      Array.from({length: 20}, (_, id) => [id, 300_000]),
    );
  });

  it('reports why the server rejects the login', async () => {
    const other = await startReadOnlyProxy({connectionString: server.url({database: 'nowhere'})});
    try {
      await expect(connect(other)).rejects.toMatchObject({code: '3D000'});
    } finally {
      other.close();
    }
  });
});
