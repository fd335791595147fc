import {chown, copyFile, mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {transportsOf} from '../../../source/postgres/connect/tls.ts';
import {startProxy} from '../../helpers/proxy.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {tlsFile} from '../../helpers/tls.ts';
import {rejection, requestTo} from '../requests.ts';

// Valid until 2120: an authority, a server certificate for `localhost` alone, a client certificate for the role
// `certified`, and the certificate of an authority that signed none of them.
const ca = tlsFile('ca.crt');
const stranger = tlsFile('stranger.crt');

describeEachMajor('TLS', major => {
  let server: TestServer;
  let isPlainAllowed: (isAllowed: boolean) => Promise<void>;

  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'secret'`);
    await server.query(`CREATE ROLE certified LOGIN`);
    await serveTls(server);
    const file = (await server.query<{hba_file: string}>('SHOW hba_file'))[0]?.hba_file ?? '';
    isPlainAllowed = async isAllowed => {
      await writeFile(
        file,
        [
          'hostssl all certified all cert',
          isAllowed ? 'host all all all scram-sha-256' : 'hostssl all app all scram-sha-256',
          'host all postgres all scram-sha-256',
        ].join('\n'),
      );
      await server.query('SELECT pg_reload_conf()');
    };
    await isPlainAllowed(true);
  });
  afterAll(() => server.stop());

  const open = (host: string, parameters: string, user = 'app:secret') =>
    connect(requestTo(`postgres://${user}@${host}:${server.port}/postgres?${parameters}`), {
      purpose: 'watch',
    });
  const isEncrypted = async (host: string, parameters: string) => {
    const connection = await open(host, parameters);
    const {rows} = await connection.client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await connection.close();
    expect(rows).toEqual([{ssl: connection.is_encrypted}]);
    return connection.is_encrypted;
  };

  it.each([
    ['disable', '127.0.0.1', '', false],
    ['allow', '127.0.0.1', '', false],
    // As psql, also on loopback: behind a port forward the rest of the way may be a network.
    ['prefer', '127.0.0.1', '', true],
    ['require', '127.0.0.1', '', true],
    ['require, with a root certificate', '127.0.0.1', `&sslrootcert=${ca}`, true],
    ['require, with one that does not exist', '127.0.0.1', '&sslrootcert=/nowhere', true],
    ['verify-ca, by another name', '127.0.0.1', `&sslrootcert=${ca}`, true],
    ['verify-full', 'localhost', `&sslrootcert=${ca}`, true],
  ])('sslmode=%s', async (mode, host, parameters, expected) => {
    expect(await isEncrypted(host, `sslmode=${mode.split(',')[0]}${parameters}`)).toBe(expected);
  });

  it('verifies the host name even if it connects to hostaddr', async () => {
    expect(await isEncrypted('localhost', `sslmode=verify-full&sslrootcert=${ca}&hostaddr=127.0.0.1`)).toBe(
      true,
    );
    const error = await rejection(open('other', `sslmode=verify-full&sslrootcert=${ca}&hostaddr=127.0.0.1`));
    expect(error).toMatchObject({message: expect.stringContaining('is for another host')});
  });

  it('binds the password to the channel', async () => {
    expect(await isEncrypted('127.0.0.1', 'sslmode=require&channel_binding=require')).toBe(true);
    expect(await rejection(open('127.0.0.1', 'sslmode=disable&channel_binding=require'))).toMatchObject({
      message: expect.stringContaining('channel binding required'),
      exitCode: 3,
    });
  });

  it.runIf(major >= 17)('starts with the TLS handshake if sslnegotiation=direct', async () => {
    expect(await isEncrypted('localhost', 'sslmode=require&sslnegotiation=direct')).toBe(true);
  });

  it('sends a client certificate', async () => {
    const files = `sslmode=require&sslcert=${tlsFile('client.crt')}&sslkey=${tlsFile('client.key')}`;
    const connection = await open('localhost', files, 'certified');
    expect((await connection.client.query('SELECT current_user')).rows).toEqual([
      {current_user: 'certified'},
    ]);
    await connection.close();
  });

  it.each([
    [
      'a root certificate that did not sign it',
      'localhost',
      `sslmode=verify-full&sslrootcert=${stranger}`,
      /not signed by/,
    ],
    [
      'a root certificate that did not sign it, with sslmode=require',
      'localhost',
      `sslmode=require&sslrootcert=${stranger}`,
      /not signed by/,
    ],
    ['public authorities', 'localhost', 'sslmode=verify-full', /not signed by/],
    ['public authorities by name', 'localhost', 'sslrootcert=system', /not signed by/],
    ['another host name', '127.0.0.1', `sslmode=verify-full&sslrootcert=${ca}`, /is for another host/],
    ['no root certificate', 'localhost', 'sslmode=verify-ca', /root certificate .* cannot be read/],
    [
      'a missing root certificate',
      'localhost',
      'sslmode=verify-full&sslrootcert=/nope',
      /\/nope cannot be read/,
    ],
    ['a missing client certificate', 'localhost', 'sslmode=require&sslcert=/nope', /\/nope cannot be read/],
    [
      'a root file without a certificate',
      'localhost',
      `sslmode=verify-ca&sslrootcert=${tlsFile('client.key')}`,
      /./,
    ],
  ])('refuses %s', async (_, host, parameters, message) => {
    const error = await rejection(open(host, parameters));
    expect(error).toMatchObject({name: 'AbortError', exitCode: 3, message: expect.stringMatching(message)});
  });

  describe('if the server requires it', () => {
    beforeAll(() => isPlainAllowed(false));
    afterAll(() => isPlainAllowed(true));

    it.each(['allow', 'prefer'])('sslmode=%s connects with TLS', async mode => {
      expect(await isEncrypted('127.0.0.1', `sslmode=${mode}`)).toBe(true);
    });

    it('sslmode=disable reports that the server requires TLS', async () => {
      expect(await rejection(open('127.0.0.1', 'sslmode=disable'))).toMatchObject({
        message: expect.stringContaining('has no entry for role "app"'),
        hint: 'The server may require TLS: use sslmode=require.',
      });
    });
  });

  describe('if the server has none', () => {
    beforeAll(() => setTls(server, 'off'));
    afterAll(() => setTls(server, 'on'));

    it('sslmode=prefer goes on without TLS on the same connection', async () => {
      const proxy = await startProxy(server);
      const {port} = proxy.addressOf(server);
      const url = `postgres://app:secret@127.0.0.1:${port}/postgres?sslmode=prefer`;
      const connection = await connect(requestTo(url), {purpose: 'watch'});
      const {rows} = await connection.client.query('SELECT 1 AS one');
      await connection.close();
      expect({rows, accepted: proxy.accepted(), is_encrypted: connection.is_encrypted}).toEqual({
        rows: [{one: 1}],
        accepted: 1,
        is_encrypted: false,
      });
    });

    it('still reports a wrong password', async () => {
      expect(await rejection(open('127.0.0.1', 'sslmode=prefer', 'app:wrong'))).toMatchObject({
        message: expect.stringContaining('password authentication failed for role "app"'),
      });
    });
  });
});

describe('transportsOf', () => {
  const attempts = (url: string) =>
    transportsOf(requestTo(url)).map(attempt => (attempt === false ? 'plain' : 'TLS'));

  it.each([
    ['postgres://h/d', ['TLS', 'plain']],
    ['postgres://h/d?sslmode=prefer', ['TLS', 'plain']],
    ['postgres://h/d?sslmode=allow', ['plain', 'TLS']],
    ['postgres://h/d?sslmode=disable', ['plain']],
    ['postgres://h/d?sslmode=require', ['TLS']],
    ['postgres://localhost/d', ['TLS', 'plain']],
    ['postgres://localhost/d?sslmode=require', ['TLS']],
    ['postgres:///d?host=/tmp&sslmode=require', ['plain']],
  ])('%s', (url, expected) => {
    expect(attempts(url)).toEqual(expected);
  });

  it("verifies nothing for Prisma's sslaccept=accept_invalid_certs, everything for strict", () => {
    const [loose] = transportsOf(requestTo('postgres://h/d?sslmode=require&sslaccept=accept_invalid_certs'));
    const [strict] = transportsOf(requestTo(`postgres://h/d?sslmode=require&sslaccept=strict&sslcert=${ca}`));
    expect(loose).toMatchObject({rejectUnauthorized: false});
    expect(strict).toMatchObject({
      rejectUnauthorized: true,
      ca: expect.stringContaining('BEGIN CERTIFICATE'),
    });
    expect(strict).not.toHaveProperty('checkServerIdentity');
  });

  it("uses libpq's own files where they exist", async () => {
    const home = await mkdtemp(path.join(os.tmpdir(), 'poolctl-tls-'));
    const request = requestTo('postgres://h/d?sslmode=require');
    const root = path.join(home, 'root.crt');
    await copyFile(ca, root);
    const tls = {...request.tls, root_certificate: {path: root, is_named: false}};
    expect(transportsOf({...request, tls})).toEqual([
      {rejectUnauthorized: true, ca: await readFile(ca, 'utf8'), checkServerIdentity: expect.any(Function)},
    ]);
    await rm(home, {recursive: true});
  });
});

/** Gives the server its certificate. PostgreSQL reads a key only from a file of its own user with mode 0600. */
async function serveTls(server: TestServer): Promise<void> {
  const [row] = await server.query<{data_directory: string}>('SHOW data_directory');
  const folder = row?.data_directory ?? '';
  const {uid, gid} = await stat(folder);
  for (const [from, to] of [
    ['server.crt', 'server.crt'],
    ['server.key', 'server.key'],
    ['ca.crt', 'root.crt'],
  ] as const) {
    await writeFile(path.join(folder, to), await readFile(tlsFile(from)), {mode: 0o600});
    await chown(path.join(folder, to), uid, gid);
  }
  await server.query(`ALTER SYSTEM SET ssl_ca_file = 'root.crt'`);
  await setTls(server, 'on');
}

/** Repeats until new connections see it: the postmaster reads it first. */
async function setTls(server: TestServer, value: 'on' | 'off'): Promise<void> {
  await server.query(`ALTER SYSTEM SET ssl = ${value}`);
  await server.query('SELECT pg_reload_conf()');
  for (;;) {
    const client = await server.connect();
    const {rows} = await client.query('SHOW ssl');
    await client.end();
    if (rows[0]?.ssl === value) return;
  }
}
