import {once} from 'node:events';
import net from 'node:net';
import pg from 'pg';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {codes} from '../../../source/postgres/wire/messages.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {rejection} from '../../postgres/requests.ts';
import {type Capture, openCapture, outputOf, pgbench, pgDump, psql} from './through.ts';

describeEachMajor('the capture proxy', major => {
  let server: OwnServer;
  let capture: Capture;
  beforeAll(async () => {
    server = await startTestServer({major});
    capture = await openCapture(server.superuserUrl);
    await server.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    await server.query(`INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 2000) n`);
  });
  afterAll(async () => {
    await capture?.close();
    await server?.stop();
  });

  const connect = async (config: pg.ClientConfig = {}) => {
    const client = new pg.Client({connectionString: capture.through(server.superuserUrl), ...config});
    client.on('error', () => {});
    await client.connect();
    return client;
  };

  it('forwards a SCRAM login, and a rejected one', async () => {
    const client = await connect();
    expect((await client.query('SELECT current_user AS role')).rows).toEqual([{role: 'postgres'}]);
    await client.end();
    expect(
      await rejection(
        connect({
          password: 'wrong',
          connectionString: undefined,
          host: '127.0.0.1',
          port: capture.port,
          user: 'postgres',
          database: 'postgres',
        }),
      ),
    ).toMatchObject({code: '28P01'});
  });

  it('refuses encryption like a server without it', async () => {
    const socket = net.connect(capture.port, '127.0.0.1');
    const request = (code: number) => {
      const packet = Buffer.alloc(8);
      packet.writeInt32BE(8, 0);
      packet.writeInt32BE(code, 4);
      socket.write(packet);
      return once(socket, 'data');
    };
    expect(String(await request(codes.gssRequest))).toBe('N');
    expect(String(await request(codes.sslRequest))).toBe('N');
    socket.end();
    await once(socket, 'close');
    expect(capture.reported).toContainEqual(expect.stringContaining('sslmode=disable'));
  });

  it('answers a direct TLS handshake with an alert', async () => {
    const error = await rejection(
      connect({ssl: {rejectUnauthorized: false}, sslnegotiation: 'direct'} as pg.ClientConfig),
    );
    expect(String(error)).toMatch(/alert handshake failure/);
  });

  it("disconnects clients that do not speak PostgreSQL's protocol", async () => {
    const socket = net.connect(capture.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [hadError] = await once(socket, 'close');
    expect(hadError).toBe(false);
  });

  it('forwards a cancel request to the right statement', async () => {
    const client = await connect();
    const sleeping = rejection(client.query('SELECT pg_sleep(60)'));
    const running = `SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'`;
    while ((await server.query(running)).length === 0);
    const {processID, secretKey} = client as unknown as {processID: number; secretKey: number};
    const packet = Buffer.alloc(16);
    for (const [index, value] of [16, codes.cancel, processID, secretKey].entries())
      packet.writeInt32BE(value, index * 4);
    const socket = net.connect(capture.port, '127.0.0.1', () => socket.end(packet));
    expect(await sleeping).toMatchObject({code: '57014'});
    await client.end();
  });

  it('forwards notifications and notices', async () => {
    const client = await connect();
    const heard = once(client, 'notification');
    const noticed = once(client, 'notice');
    await client.query('LISTEN news');
    await server.query(`NOTIFY news, 'read'`);
    expect((await heard)[0]).toMatchObject({channel: 'news', payload: 'read'});
    await client.query(`DO $$ BEGIN RAISE NOTICE 'seen'; END $$`);
    expect((await noticed)[0]).toMatchObject({message: 'seen'});
    await client.end();
  });

  it('forwards a row of 32 MB both ways, and does not buffer a result that is not read', async () => {
    const client = await connect();
    const large = 'x'.repeat(32 * 1024 * 1024);
    const {rows} = await client.query('SELECT $1::text AS large', [large]);
    expect(rows[0].large === large).toBe(true);
    await client.end();

    const reader = await connect();
    const stream = (reader as unknown as {connection: {stream: net.Socket}}).connection.stream;
    const before = process.memoryUsage.rss();
    reader.query(`SELECT repeat('y', 1000000) FROM generate_series(1, 500)`).catch(() => {});
    await once(stream, 'data');
    stream.pause();
    const blocked = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%repeat(''y''%' AND wait_event = 'ClientWrite'`;
    while ((await server.query(blocked)).length === 0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200_000_000);
    stream.destroy();
    const gone = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%repeat(''y''%' AND pid <> pg_backend_pid()`;
    while ((await server.query(gone)).length > 0);
  });

  it("ends the server's session when the client's ends", async () => {
    const client = await connect({application_name: 'leaver'});
    (client as unknown as {connection: {stream: net.Socket}}).connection.stream.destroy();
    while (
      (await server.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'leaver'`)).length > 0
    );
    const ended = await connect({application_name: 'ended'});
    const over = new Promise(resolve => ended.once('end', resolve));
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ended'`,
    );
    await over;
  });

  it('connects by unix socket, and times out on a server that does not answer', async () => {
    const password = encodeURIComponent(server.superuserPassword);
    const bySocket = await openCapture(
      `postgres://postgres:${password}@/postgres?host=${server.socket}&port=${server.port}`,
    );
    const client = new pg.Client({connectionString: bySocket.through(server.superuserUrl)});
    await client.connect();
    const {rows} = await client.query(
      'SELECT client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid()',
    );
    expect(rows).toEqual([{client_addr: null}]);
    await client.end();
    await bySocket.close();

    await server.pause();
    try {
      const frozen = openCapture(`${server.superuserUrl}?connect_timeout=1`);
      expect(await rejection(frozen)).toMatchObject({code: 'ETIMEDOUT'});
    } finally {
      await server.resume();
    }
  });

  it('reports to a client that the server cannot be reached', async () => {
    const other = await startTestServer({major});
    const orphan = await openCapture(other.superuserUrl);
    await other.stop();
    const client = new pg.Client({connectionString: orphan.through(other.superuserUrl)});
    expect(await rejection(client.connect())).toMatchObject({
      code: '08006',
      message: expect.stringContaining('cannot connect to the server'),
    });
    await orphan.close();
  });

  it.runIf(psql && pgDump && pgbench)(
    'returns to psql, pg_dump and pgbench the results of the server',
    async () => {
      const direct = server.superuserUrl;
      const through = capture.through(direct);
      const script = `\\copy item (id, name) FROM STDIN
5001\tcopied
\\.
\\copy (SELECT * FROM item ORDER BY id DESC LIMIT 3) TO STDOUT
SELECT count(*) FROM item;
SELECT nothing FROM item;
DELETE FROM item WHERE id = 5001;
BEGIN; DECLARE c CURSOR FOR SELECT * FROM item ORDER BY id; FETCH 3 FROM c; COMMIT;
`;
      const shell = (url: string) => outputOf(psql, ['-X', '-a', url], {input: script});
      expect(await shell(through)).toBe(await shell(direct));
      // pg_dump refuses a server newer than itself.
      if (major > 15) return;
      // Later minor versions of 15 write a random key in each dump.
      const dump = async (url: string) =>
        (await outputOf(pgDump, [url])).replace(/^\\(un)?restrict .*$/gm, '');
      const dumped = await dump(through);
      expect(dumped).toBe(await dump(direct));
      expect(dumped).toContain('item 2000');
      const bench = (...args: string[]) => outputOf(pgbench, [...args, through]);
      await bench('-i', '-q', '-s', '1');
      for (const mode of ['simple', 'extended', 'prepared']) {
        expect(await bench('-n', '-c', '4', '-t', '50', '-M', mode)).toContain('actually processed: 200/200');
      }
    },
  );
});
