import {chown, readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../../postgres/requests.ts';
import {openCapture, outputOf, psql} from './through.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));

describeEachMajor('the capture, before a server that wants TLS', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'secret'`);
    await demandTls(server);
  });
  afterAll(() => server?.stop());

  const capture = async (parameters: string, host = '127.0.0.1') => {
    const opened = await openCapture(`postgres://app@${host}:${server.port}/postgres?${parameters}`);
    onTestFinished(() => opened.close());
    return opened;
  };
  const plainUrl = (port: number) => `postgres://app:secret@127.0.0.1:${port}/postgres`;
  const isEncrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

  it.each([
    ['sslmode=require', '127.0.0.1'],
    ['sslmode=allow', '127.0.0.1'],
    ['sslmode=prefer', '127.0.0.1'],
    [`sslmode=verify-full&sslrootcert=${fixture('ca.crt')}`, 'localhost'],
  ])('%s: speaks it, for clients that do not', async (parameters, host) => {
    const {port} = await capture(parameters, host);
    const client = new pg.Client({connectionString: plainUrl(port)});
    await client.connect();
    expect((await client.query(isEncrypted)).rows).toEqual([{ssl: true}]);
    await client.end();
  });

  it.runIf(major >= 17)('begins with it at once where that is asked for', async () => {
    const {port} = await capture('sslmode=require&sslnegotiation=direct');
    const client = new pg.Client({connectionString: plainUrl(port)});
    await client.connect();
    expect((await client.query(isEncrypted)).rows).toEqual([{ssl: true}]);
    await client.end();
  });

  it.runIf(psql)('offers no SCRAM that is bound to it, which psql would refuse', async () => {
    const {port} = await capture('sslmode=require');
    const args = ['-X', '-A', '-t', `${plainUrl(port)}?sslmode=prefer`];
    expect(await outputOf(psql, args, {input: isEncrypted})).toBe('t\n');
    const wrong = new pg.Client({connectionString: plainUrl(port).replace('secret', 'wrong')});
    expect(await rejection(wrong.connect())).toMatchObject({code: '28P01'});
  });

  it('cannot carry a client that claims to be able to bind without TLS: SCRAM is there to find that out', async () => {
    const {port} = await capture('sslmode=require');
    const client = new pg.Client({connectionString: plainUrl(port), enableChannelBinding: true});
    expect(await rejection(client.connect())).toMatchObject({
      message: 'SCRAM channel binding negotiation error',
    });
  });

  it('refuses to go without it', async () => {
    expect(await rejection(capture('sslmode=disable'))).toMatchObject({code: '28000'});
    expect(
      await rejection(capture(`sslmode=verify-full&sslrootcert=${fixture('stranger.crt')}`, 'localhost')),
    ).toMatchObject({code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/)});
  });
});

/** Its own certificate, and no entry in pg_hba.conf for `app` in plain text. */
async function demandTls(server: TestServer): Promise<void> {
  const [row] = await server.query<{folder: string; hba: string}>(
    `SELECT current_setting('data_directory') AS folder, current_setting('hba_file') AS hba`,
  );
  const {folder = '', hba = ''} = row ?? {};
  const {uid, gid} = await stat(folder);
  for (const name of ['server.crt', 'server.key']) {
    await writeFile(path.join(folder, name), await readFile(fixture(name)), {mode: 0o600});
    await chown(path.join(folder, name), uid, gid);
  }
  await writeFile(hba, 'hostssl all app all scram-sha-256\nhost all postgres all scram-sha-256\n');
  await server.restart({ssl: 'on'});
}
