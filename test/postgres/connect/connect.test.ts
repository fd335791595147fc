import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {parseServerVersion} from '../../../source/postgres/queries/query.ts';
import {fatalError} from '../../../source/postgres/wire/messages.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../requests.ts';
import {authentication, listen, startupParameters, welcome} from './listeners.ts';

describeEachMajor('connect', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'secret'`);
    await server.query(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
  });
  afterAll(() => server.stop());

  const appUrl = (parameters = '') => `${server.url({user: 'app', password: 'secret'})}?${parameters}`;

  it('applies its settings with the startup packet', async () => {
    const connection = await connect(requestTo(appUrl('application_name=web')), {purpose: 'watch'});
    const names = [
      'application_name',
      'default_transaction_read_only',
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'search_path',
      'TimeZone',
      'jit',
    ];
    const values = await Promise.all(
      names.map(async name => {
        const {rows} = await connection.client.query<[string]>({text: `SHOW ${name}`, rowMode: 'array'});
        return rows[0]?.[0];
      }),
    );
    expect(values).toEqual(['poolctl', 'on', '3s', '500ms', '5s', 'pg_catalog', 'UTC', 'off']);
    expect(connection).toMatchObject({
      route: 'direct',
      server_version_num: server.version,
      is_encrypted: false,
      is_pooled: false,
    });
    await connection.close();
  });

  it('cannot write while watching, and can when acting', async () => {
    const request = requestTo(server.superuserUrl);
    const write = {text: 'CREATE TABLE public.written()'};
    const watching = await connect(request, {purpose: 'watch'});
    expect(await rejection(watching.client.query(write))).toMatchObject({code: '25006'});
    await watching.close();
    const acting = await connect(request, {purpose: 'act'});
    await acting.client.query(write);
    await acting.close();
  });

  it("sends the user's startup options, which poolctl's own override", async () => {
    const options = encodeURIComponent('-c geqo=off -c default_transaction_read_only=off');
    const {client, close} = await connect(requestTo(appUrl(`options=${options}`)), {purpose: 'watch'});
    const {rows} = await client.query(
      `SELECT current_setting('geqo') AS geqo, current_setting('default_transaction_read_only') AS read_only`,
    );
    expect(rows).toEqual([{geqo: 'off', read_only: 'on'}]);
    await close();
  });

  it('does not read the environment of the process', async () => {
    process.env.PGOPTIONS = '-c geqo=off';
    process.env.PGAPPNAME = 'disguise';
    try {
      const {client, close} = await connect(requestTo(appUrl()), {purpose: 'watch'});
      const {rows} = await client.query(
        `SELECT current_setting('geqo') AS geqo, current_setting('application_name') AS name`,
      );
      expect(rows).toEqual([{geqo: 'on', name: 'poolctl'}]);
      await close();
    } finally {
      delete process.env.PGOPTIONS;
      delete process.env.PGAPPNAME;
    }
  });

  it('returns numbers as numbers, times as the text of the server', async () => {
    const {client, close} = await connect(requestTo(appUrl()), {purpose: 'watch'});
    const {rows} = await client.query(
      `SELECT 9007199254740991::int8 AS int8, 1.5::float8 AS float8, 2.25::numeric AS numeric, '{1,NULL,3}'::int4[] AS int4s,
         '2026-01-02 03:04:05.678901+02'::timestamptz AS at, '{"a": 1}'::jsonb AS json, '{a,"b,c"}'::text[] AS texts`,
    );
    expect(rows).toEqual([
      {
        int8: 9_007_199_254_740_991,
        float8: 1.5,
        numeric: 2.25,
        int4s: [1, null, 3],
        at: '2026-01-02 01:04:05.678901+00',
        json: {a: 1},
        texts: ['a', 'b,c'],
      },
    ]);
    await close();
  });

  it('reads names in a database of another encoding', async () => {
    const {client, close} = await connect(requestTo(server.url({database: 'latin'})), {purpose: 'watch'});
    expect((await client.query(`SELECT chr(233) AS e`)).rows).toEqual([{e: 'é'}]);
    await close();
  });

  it('keeps a failing query from affecting those sent with it', async () => {
    const {client, close} = await connect(requestTo(appUrl()), {purpose: 'watch'});
    const outcomes = await Promise.allSettled([
      client.query('SELECT 1'),
      client.query('SELECT 1/0'),
      client.query({text: 'SELECT $1::int4 AS n', values: [3]}),
    ]);
    expect(outcomes.map(({status}) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await close();
  });

  it('connects over a Unix socket', async () => {
    const url = `postgres://app:secret@:${server.port}/postgres?host=${encodeURIComponent(server.socket)}`;
    const {client, close} = await connect(requestTo(url), {purpose: 'watch'});
    const {rows} = await client.query(
      'SELECT client_port FROM pg_stat_activity WHERE pid = pg_backend_pid()',
    );
    expect(rows).toEqual([{client_port: -1}]);
    await close();
  });

  it('reports that the connection is lost', async () => {
    const connection = await connect(requestTo(appUrl()), {purpose: 'watch'});
    await server.query('SELECT pg_terminate_backend($1)', [connection.client.processID]);
    expect(await connection.lost).toMatchObject({code: '57P01'});
    await connection.close();
    await connection.close();
  });

  it('closes the connection even if the server does not answer', async () => {
    const connection = await connect(requestTo(appUrl()), {purpose: 'watch'});
    await server.pause();
    try {
      const pending = rejection(connection.client.query('SELECT 1'));
      await connection.close();
      expect(await pending).toBeInstanceOf(Error);
    } finally {
      await server.resume();
    }
  });

  it('can be interrupted at once', async () => {
    const listener = await listen(() => {});
    const abort = new AbortController();
    const connecting = rejection(
      connect(requestTo(`postgres://u@127.0.0.1:${listener.port}/d`), {
        purpose: 'watch',
        signal: abort.signal,
      }),
    );
    abort.abort();
    expect(await connecting).toMatchObject({exitCode: 130});
    await listener.close();
  });
});

describe('behind a pooler', () => {
  const server = {server_version: '16.4', default_transaction_read_only: 'off'};

  it.each([
    ['08P01', 'unsupported startup parameter: options'],
    ['08P01', 'unsupported startup parameter in options: default_transaction_read_only'],
    ['0A000', 'Feature not supported: RDS Proxy currently doesn’t support command-line options.'],
  ])('connects without its settings if the pooler refuses them: %s %s', async (sqlstate, text) => {
    const packets: Record<string, string>[] = [];
    const pooler = await listen(socket => {
      socket.once('data', packet => {
        const parameters = startupParameters(packet);
        packets.push(parameters);
        const isRefused = parameters.options?.includes('default_transaction_read_only');
        if (isRefused) socket.end(fatalError(sqlstate, text));
        else socket.write(welcome(server));
      });
    });
    const url = `postgres://u@127.0.0.1:${pooler.port}/d?sslmode=disable&options=endpoint%3Dep-1`;
    const connection = await connect(requestTo(url), {purpose: 'watch'});
    expect(connection.is_pooled).toBe(true);
    expect(packets).toHaveLength(2);
    expect(packets[1]).toMatchObject({application_name: 'poolctl', options: 'endpoint=ep-1'});
    await connection.close();
    await pooler.close();
  });

  it('detects that the pooler ignored the settings', async () => {
    const pooler = await listen(socket => socket.once('data', () => socket.write(welcome(server))));
    const request = requestTo(`postgres://u@127.0.0.1:${pooler.port}/d`);
    const connection = await connect(request, {purpose: 'watch'});
    expect(connection).toMatchObject({is_pooled: true, server_version_num: 160_004});
    await connection.close();
    await pooler.close();
  });
});

describe('channel_binding=require', () => {
  it.each([
    ['a password in clear text', authentication(3)],
    ['a password as MD5', authentication(5, 'salt')],
    ['SCRAM without the channel', authentication(10, 'SCRAM-SHA-256\0\0')],
    ['no password at all', authentication(0)],
  ])('sends nothing to a server that asks for %s', async (_, request) => {
    const answers: Buffer[] = [];
    let hungUp: Promise<void> = Promise.resolve();
    const server = await listen(socket => {
      hungUp = new Promise(resolve => socket.once('close', resolve));
      socket.once('data', () => {
        socket.on('data', answer => answers.push(answer));
        socket.write(request);
      });
    });
    const url = `postgres://u:secret@127.0.0.1:${server.port}/d?channel_binding=require`;
    expect(await rejection(connect(requestTo(url), {purpose: 'watch'}))).toMatchObject({
      message: expect.stringContaining('channel binding required'),
      exitCode: 3,
    });
    await hungUp;
    expect(answers).toEqual([]);
    await server.close();
  });
});

it.each([
  ['18.4 (Debian 18.4-1.pgdg12+1)', 180_004],
  ['15.18', 150_018],
  ['19beta2', 190_000],
  ['18devel', 180_000],
  ['9.6.24', 90_624],
  ['1.23.1/bouncer', 12_301],
  ['', 0],
])('the version %s is %i', (text, expected) => {
  expect(parseServerVersion(text)).toBe(expected);
});
