import {readFile, writeFile} from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {demandTls, tlsFile} from '../../helpers/tls.ts';
import {rejection, requestTo} from '../requests.ts';
import {authentication, listen, welcome} from './listeners.ts';

const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A proxy that terminates TLS with its own certificate and forwards everything through `rewrite` over TLS to the server. */
async function startInBetween(
  server: {host: string; port: number},
  rewrite: (bytes: Buffer) => Buffer = bytes => bytes,
) {
  const own = {key: await readFile(tlsFile('client.key')), cert: await readFile(tlsFile('client.crt'))};
  const listener = await listen(socket => {
    socket.once('data', () => {
      const upstream = net.connect(server.port, server.host);
      upstream.on('error', () => socket.destroy());
      upstream.write(sslRequest);
      upstream.once('data', () => {
        socket.write('S');
        const client = new tls.TLSSocket(socket, {isServer: true, ...own});
        const behind = tls.connect({socket: upstream, rejectUnauthorized: false});
        for (const [each, other] of [
          [client, behind],
          [behind, client],
        ] as const) {
          each.on('error', () => other.destroy());
          each.on('close', () => other.destroy());
        }
        client.on('data', bytes => behind.write(bytes));
        behind.on('data', (bytes: Buffer) => client.write(rewrite(bytes)));
      });
    });
  });
  onTestFinished(listener.close);
  return listener.port;
}

/** AuthenticationSASL without its first mechanism. */
function withoutPlus(bytes: Buffer): Buffer {
  const plus = Buffer.from('SCRAM-SHA-256-PLUS\0');
  const at = bytes.indexOf(plus);
  if (at === -1) return bytes;
  const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + plus.length)]);
  rest.writeUInt32BE(rest.readUInt32BE(1) - plus.length, 1);
  return rest;
}

describeEachMajor('SCRAM over TLS', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query("CREATE ROLE app LOGIN PASSWORD 'secret'");
    await demandTls(server);
  });
  afterAll(() => server?.stop());

  const openAt = async (port: number, parameters: string) => {
    const url = `postgres://app:secret@127.0.0.1:${port}/postgres?sslmode=require&${parameters}`;
    const connection = await connect(requestTo(url), {purpose: 'watch'});
    await connection.close();
  };

  it.each(['', 'channel_binding=prefer', 'channel_binding=require', 'channel_binding=disable'])(
    'works with %s',
    parameters => openAt(server.port, parameters),
  );

  it.each(['', 'channel_binding=prefer', 'channel_binding=require'])(
    'is bound to the session with %s: a proxy with another certificate fails',
    async parameters => {
      const port = await startInBetween(server);
      expect(await rejection(openAt(port, parameters))).toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(
          /terminates TLS, which channel binding detects: .*channel binding check failed/,
        ),
      });
    },
  );

  it('is not bound with channel_binding=disable, so a proxy passes', async () => {
    await openAt(await startInBetween(server), 'channel_binding=disable');
  });

  it('is rejected by the server if a proxy has removed the binding from its offer', async () => {
    const port = await startInBetween(server, withoutPlus);
    expect(await rejection(openAt(port, ''))).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/terminates TLS, which channel binding detects: .*negotiation error/),
    });
    expect(await rejection(openAt(port, 'channel_binding=require'))).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('channel binding required, but the server does not offer it'),
    });
    // Without channel binding the proxy is not noticed.
    await openAt(port, 'channel_binding=disable');
  });
});

describeEachMajor('require_auth', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query("CREATE ROLE app LOGIN PASSWORD 'secret'");
    await server.query("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'");
    await server.query("CREATE ROLE clear LOGIN PASSWORD 'secret'; CREATE ROLE trusted LOGIN");
    const [row] = await server.query<{file: string}>("SELECT current_setting('hba_file') AS file");
    const rules = [
      'clear all password',
      'old all md5',
      'trusted all trust',
      'app all scram-sha-256',
      'postgres all scram-sha-256',
    ];
    await writeFile(row?.file ?? '', `${rules.map(each => `host all ${each}`).join('\n')}\n`);
    await server.restart({});
  });
  afterAll(() => server?.stop());

  const methods = {clear: 'password', old: 'md5', app: 'scram-sha-256', trusted: 'none'};
  const open = async (user: string, required: string, env: Record<string, string> = {}) => {
    const url = `postgres://${user}:secret@${server.host}:${server.port}/postgres?require_auth=${required}`;
    const request = requestTo(required === '' ? url.replace(/\?.*/, '') : url, env);
    await (await connect(request, {purpose: 'watch'})).close();
  };

  it.each(Object.entries(methods))('lets role %s log in only by an allowed method', async (user, method) => {
    for (const required of [method, `gss,${method}`, '!gss', '']) await open(user, required);
    const others = Object.values(methods).filter(each => each !== method);
    for (const required of [others.join(','), `!${method}`, 'gss']) {
      expect(await rejection(open(user, required))).toMatchObject({
        exitCode: 3,
        message: expect.stringContaining('which require_auth forbids'),
      });
    }
    expect(await rejection(open(user, '', {PGREQUIREAUTH: `!${method}`}))).toMatchObject({exitCode: 3});
  });

  it.each([
    ['scram', /require_auth: scram is not one of none, password, md5/],
    ['md5,!none', /cannot be combined/],
  ])('refuses the value %s: exit 2', (text, message) => {
    expect(() => requestTo(`postgres://h/d?require_auth=${text}`)).toThrow(
      expect.objectContaining({exitCode: 2, message: expect.stringMatching(message)}),
    );
  });
});

describe('a protection that poolctl does not implement', () => {
  it.each([
    ['gssencmode=require', 'gssencmode=prefer'],
    ['requirepeer=postgres', 'requirepeer='],
    ['sslcertmode=require', 'sslcertmode=allow'],
    ['sslcrl=revoked.pem', 'sslcrl='],
    ['sslcrldir=revoked', 'sslcrldir='],
    ['ssl_min_protocol_version=TLSv1.3', 'ssl_min_protocol_version=TLSv1.2'],
  ])('is refused instead of left out: %s; %s needs none', (text, harmless) => {
    const url = 'postgres://app@h/d';
    const refusal = expect.objectContaining({exitCode: 2, message: expect.stringContaining(text)});
    expect(() => requestTo(`${url}?${text}`)).toThrow(refusal);
    const [name = '', value = ''] = text.split('=');
    const variable = `PG${name.replaceAll('_', '').toUpperCase()}`;
    expect(() => requestTo(url, {[variable]: value})).toThrow(refusal);
    expect(requestTo(`${url}?${harmless}`).ignoredParameters).toEqual([]);
  });
});

describe('a server that tries to obtain the password', () => {
  const thief = async (...answers: Buffer[]) => {
    const heard: Buffer[] = [];
    const listener = await listen(socket => {
      let asked = 0;
      socket.on('data', bytes => {
        heard.push(bytes);
        const answer = answers[asked++];
        if (answer !== undefined) socket.write(answer);
      });
    });
    onTestFinished(listener.close);
    return {
      open: (parameters: string) =>
        connect(
          requestTo(`postgres://app:secret@127.0.0.1:${listener.port}/d?sslmode=disable&${parameters}`),
          {
            purpose: 'watch',
          },
        ),
      heard: () => Buffer.concat(heard).toString('latin1'),
    };
  };

  it.each([
    ['in clear text', authentication(3), 'require_auth=scram-sha-256'],
    ['as MD5', authentication(5, 'salt'), 'require_auth=!password,!md5'],
    ['in clear text', authentication(3), 'channel_binding=require'],
    ['by SCRAM without binding', authentication(10, 'SCRAM-SHA-256\0\0'), 'channel_binding=require'],
  ])('asking %s does not get it with %s', async (_, question, parameters) => {
    const {open, heard} = await thief(question);
    expect(await rejection(open(parameters))).toMatchObject({exitCode: 3});
    // The startup packet alone; `p` is what a password's message begins with.
    expect(heard()).toMatch(/^[^p]*user\0app\0/s);
    expect(heard()).not.toMatch(/secret|md5|SCRAM/);
  });

  it.each(['', 'channel_binding=require'])(
    'is refused if it begins SCRAM and does not complete it (%s)',
    async parameters => {
      const mechanisms = 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0';
      const {open} = await thief(authentication(10, mechanisms), welcome({server_version: '16.4'}));
      expect(await rejection(open(parameters))).toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(/without proving that it knows the password/),
      });
    },
  );
});
