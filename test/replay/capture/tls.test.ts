import pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {demandTls, tlsFile} from '../../helpers/tls.ts';
import {rejection} from '../../postgres/requests.ts';
import {openCapture, outputOf, psql} from './through.ts';

describeEachMajor('the capture proxy in front of a server that requires TLS', major => {
  let server: OwnServer;
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
    [`sslmode=verify-full&sslrootcert=${tlsFile('ca.crt')}`, 'localhost'],
  ])('%s: uses TLS for clients in plain text', async (parameters, host) => {
    const {port} = await capture(parameters, host);
    const client = new pg.Client({connectionString: plainUrl(port)});
    await client.connect();
    expect((await client.query(isEncrypted)).rows).toEqual([{ssl: true}]);
    await client.end();
  });

  it.runIf(major >= 17)('starts with the TLS handshake if sslnegotiation=direct', async () => {
    const {port} = await capture('sslmode=require&sslnegotiation=direct');
    const client = new pg.Client({connectionString: plainUrl(port)});
    await client.connect();
    expect((await client.query(isEncrypted)).rows).toEqual([{ssl: true}]);
    await client.end();
  });

  it.runIf(psql)('offers no SCRAM-SHA-256-PLUS, which psql would reject', async () => {
    const {port} = await capture('sslmode=require');
    const args = ['-X', '-A', '-t', `${plainUrl(port)}?sslmode=prefer`];
    expect(await outputOf(psql, args, {input: isEncrypted})).toBe('t\n');
    const wrong = new pg.Client({connectionString: plainUrl(port).replace('secret', 'wrong')});
    expect(await rejection(wrong.connect())).toMatchObject({code: '28P01'});
  });

  it("rejects a client that claims channel binding support, as SCRAM's downgrade protection requires", async () => {
    const {port} = await capture('sslmode=require');
    const client = new pg.Client({connectionString: plainUrl(port), enableChannelBinding: true});
    expect(await rejection(client.connect())).toMatchObject({
      message: 'SCRAM channel binding negotiation error',
    });
  });

  it('refuses a plain connection', async () => {
    expect(await rejection(capture('sslmode=disable'))).toMatchObject({code: '28000'});
    expect(
      await rejection(capture(`sslmode=verify-full&sslrootcert=${tlsFile('stranger.crt')}`, 'localhost')),
    ).toMatchObject({code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/)});
  });
});
