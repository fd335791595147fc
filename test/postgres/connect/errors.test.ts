import {readFile, writeFile} from 'node:fs/promises';
import process from 'node:process';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {AbortError} from '../../../source/core/errors.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {toAbortError} from '../../../source/postgres/connect/errors.ts';
import {fatalError, foreignProtocol} from '../../../source/postgres/wire/messages.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../requests.ts';
import {type Listener, listen, welcome} from './listeners.ts';

/** The error of a connection that must fail; checks what all such errors have in common. */
async function errorOf(url: string, env: Record<string, string> = {}): Promise<AbortError> {
  const error = (await rejection(connect(requestTo(url, env), {purpose: 'watch'}))) as AbortError;
  expect(error.name).toBe('AbortError');
  expect(error.hint).toBeTruthy();
  expect(`${error.message}${error.hint}`).not.toMatch(/s3cret|\n/);
  return error;
}

describeEachMajor('an error message of the server is explained:', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await server.query(`CREATE ROLE app LOGIN PASSWORD 's3cret'`);
    await server.query(`CREATE ROLE group_only PASSWORD 's3cret'`);
    await server.query(`CREATE DATABASE closed`);
    await server.query(`REVOKE CONNECT ON DATABASE closed FROM PUBLIC`);
    await server.query(`CREATE DATABASE asleep ALLOW_CONNECTIONS false`);
  });
  afterAll(() => server.stop());
  const url = (user = 'app', database = 'postgres', password = 's3cret') =>
    server.url({user, password, database});

  it('a wrong password, and where it comes from', async () => {
    const error = await errorOf(url('app', 'postgres', 's3cret-not'));
    expect(error.message).toBe(
      `password authentication failed for role "app" at 127.0.0.1:${server.port} (28P01)`,
    );
    expect(error.hint).toBe('Check the password: it comes from the URL argument.');
    expect(error.exitCode).toBe(3);
  });

  it('a full lock table, which is no overload', async () => {
    const client = await server.connect({user: 'app', password: 's3cret'});
    const locks = 'FOR key IN 1..1000000 LOOP PERFORM pg_advisory_lock(key); END LOOP';
    const refused = await rejection(client.query(`DO $$ BEGIN ${locks}; END $$`));
    await client.end();
    expect(toAbortError(refused, requestTo(url()))).toMatchObject({
      message: `the shared lock table of 127.0.0.1:${server.port} is full: out of shared memory (53200)`,
      hint: expect.stringMatching(/max_locks_per_transaction/),
    });
  });

  it('no password at all', async () => {
    const error = await errorOf(`postgres://app@127.0.0.1:${server.port}/postgres`);
    expect(error.message).toBe(`no password for role "app" at 127.0.0.1:${server.port}`);
    expect(error.exitCode).toBe(3);
  });

  it('an unknown database', async () => {
    const error = await errorOf(url('app', 'nope'));
    expect(error.message).toBe(`database "nope" does not exist at 127.0.0.1:${server.port} (3D000)`);
    expect(error.exitCode).toBe(3);
  });

  it('a database that the role may not connect to', async () => {
    const error = await errorOf(url('app', 'closed'));
    expect(error.message).toContain('may not connect to database "closed"');
    expect(error.hint).toBe('GRANT CONNECT ON DATABASE "closed" TO "app";');
  });

  it('a database that accepts no connections', async () => {
    expect((await errorOf(url('app', 'asleep'))).message).toContain(
      'database "asleep" accepts no connections',
    );
  });

  it('a role that may not log in', async () => {
    expect((await errorOf(url('group_only'))).message).toMatch(
      /^role "group_only" cannot log in at .*not permitted/,
    );
  });

  it('a setting that does not exist', async () => {
    const error = await errorOf(`${url()}?options=${encodeURIComponent('-c no_such=1')}`);
    expect(error.message).toContain('no_such');
    expect(error.hint).toContain('options');
  });

  describe('with other rules in pg_hba.conf', () => {
    let file: string;
    let before: string;
    beforeAll(async () => {
      file = (await server.query<{hba_file: string}>('SHOW hba_file'))[0]?.hba_file ?? '';
      before = await readFile(file, 'utf8');
      const rules = [
        'host all stranger 127.0.0.1/32 trust',
        'host all refused 127.0.0.1/32 reject',
        'host all postgres 127.0.0.1/32 scram-sha-256',
      ];
      await writeFile(file, `${rules.join('\n')}\n`);
      await server.query('SELECT pg_reload_conf()');
    });
    afterAll(async () => {
      await writeFile(file, before);
      await server.query('SELECT pg_reload_conf()');
    });

    it('an unknown role that needs no password', async () => {
      const error = await errorOf(url('stranger'));
      expect(error.message).toMatch(/^role "stranger" cannot log in at .*does not exist/);
      expect(error.hint).toContain('-U');
    });

    it('no entry for the role', async () => {
      const error = await errorOf(url());
      expect(error.message).toContain(
        'has no entry for role "app" and database "postgres" from this host (28000)',
      );
      expect(error.hint).toContain('The server says: no pg_hba.conf entry');
      expect(error.exitCode).toBe(3);
    });

    it('an entry that rejects the role', async () => {
      const {message, hint} = await errorOf(url('refused'));
      expect(message).toMatch(/^pg_hba\.conf of .* rejects role "refused"/);
      expect(hint).toMatch(/^The server says: pg_hba\.conf rejects connection for host "127\.0\.0\.1"/);
    });
  });

  it('TLS is required and the server has none', async () => {
    const error = await errorOf(`${url()}?sslmode=require`);
    expect(error.message).toBe(
      `127.0.0.1:${server.port} does not support TLS, which sslmode=require requires`,
    );
    expect(error.exitCode).toBe(3);
  });

  it('a server that is shutting down', async () => {
    const [row] = await server.query<{pid: string}>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
    );
    // Smart shutdown: the server waits for its sessions to end and accepts no new ones.
    process.kill(Number(row?.pid), 'SIGTERM');
    const attempt = () =>
      connect(requestTo(url()), {purpose: 'watch'}).then(
        ({close}) => close(),
        (error: unknown) => error,
      );
    let error = await attempt();
    while (error === undefined) error = await attempt();
    expect(error).toMatchObject({exitCode: 3, message: expect.stringContaining('shutting down')});
  });
});

describe('a failure to connect is explained:', () => {
  const listeners: Listener[] = [];
  const at = async (answer: Parameters<typeof listen>[0], parameters = '') => {
    const listener = await listen(answer);
    listeners.push(listener);
    return `postgres://app:s3cret@127.0.0.1:${listener.port}/shop${parameters}`;
  };
  afterAll(() => Promise.all(listeners.map(({close}) => close())));

  it('no process listens at the address', async () => {
    const listener = await listen(() => {});
    await listener.close();
    const error = await errorOf(`postgres://app:s3cret@127.0.0.1:${listener.port}/shop`);
    expect(error.message).toBe(`nothing listens at 127.0.0.1:${listener.port} (connection refused)`);
    expect(error.exitCode).toBe(3);
  });

  it('no process listens at any address of a host name', async () => {
    const listener = await listen(() => {});
    await listener.close();
    const error = await errorOf(`postgres://app:s3cret@localhost:${listener.port}/shop`);
    expect(error.message).toBe(`nothing listens at localhost:${listener.port} (connection refused)`);
  });

  it('the Unix socket does not exist', async () => {
    const error = await errorOf('postgres://app:s3cret@/shop?host=/nowhere');
    expect(error.message).toBe('no PostgreSQL socket for port 5432 in /nowhere');
    expect(error.exitCode).toBe(3);
  });

  it('the host name is unknown', async () => {
    const error = await errorOf('postgres://app:s3cret@no-such-host.invalid/shop');
    expect(error.message).toBe('cannot resolve host name no-such-host.invalid');
    expect(error.exitCode).toBe(3);
  });

  it.each(['', '?sslmode=require'])('the server accepts and never answers %s', async parameters => {
    const error = await errorOf(await at(() => {}, parameters), {PGCONNECT_TIMEOUT: '0.2'});
    expect(error.message).toMatch(/^no answer from 127.0.0.1:\d+ within 0.2 s$/);
    expect(error.exitCode).toBe(3);
  });

  it.each(['', '?sslmode=require'])('an HTTP server answers %s', async parameters => {
    const http = await at(
      socket => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      parameters,
    );
    const error = await errorOf(http);
    expect(error.message).toMatch(/^the server at 127.0.0.1:\d+ is not PostgreSQL but an HTTP server$/);
    expect(error.exitCode).toBe(3);
  });

  it('an SSH server greets', async () => {
    const ssh = await at(socket => void socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'));
    expect((await errorOf(ssh)).message).toContain('not PostgreSQL but an SSH server');
  });

  it('the server closes the connection', async () => {
    const error = await errorOf(await at(socket => void socket.end()));
    expect(error.message).toMatch(/closed the connection without an error message$/);
    expect(error.exitCode).toBe(3);
  });

  it('the server is older than 13', async () => {
    const old = await at(socket =>
      socket.once('data', () => socket.write(welcome({server_version: '12.22'}))),
    );
    const error = await errorOf(old);
    expect(error.message).toMatch(/is PostgreSQL 12.22; poolctl needs 13 or later$/);
    expect(error.exitCode).toBe(3);
  });

  it("it is PgBouncer's console", async () => {
    const console_ = await at(socket =>
      socket.once('data', () => socket.write(welcome({server_version: '1.23.1/bouncer'}))),
    );
    expect((await errorOf(console_)).message).toContain("PgBouncer's admin console");
  });

  it("a pooler's limit", async () => {
    const full = await at(socket =>
      socket.once('data', () =>
        socket.end(fatalError('08P01', 'no more connections allowed (max_client_conn)')),
      ),
    );
    const error = await errorOf(full);
    expect(error.exitCode).toBe(4);
    expect(error.hint).toContain('DIRECT_URL');
  });

  it('a message with control characters', async () => {
    const hostile = await at(socket =>
      socket.once('data', () => socket.end(fatalError('XX000', 'gone\u001b[2J\nfatal: all is well'))),
    );
    const error = await errorOf(hostile);
    expect(error.message).toContain('gone·[2J fatal: all is well');
  });
});

describe('foreignProtocol', () => {
  it.each([
    ['S', null],
    ['N', null],
    ['R\0\0\0\x08\0\0\0\0', null],
    ['E\0\0\0\x64SFATAL', null],
    ['v\0\0\0\x0c\0\0\0\0', null],
    ['HTTP/1.1 200', 'an HTTP server'],
    ['\x4a\0\0\0\x0a8.0.33', 'MySQL or MariaDB'],
    ['-ERR unknown command', 'Redis'],
    ['220 mail.example.com ESMTP', 'a mail or FTP server'],
    ['\x15\x03\x01\0\x02', 'a TLS server'],
    ['Eh? What?', 'another kind of server'],
    ['?', 'another kind of server'],
  ])('%j', (bytes, expected) => {
    expect(foreignProtocol(Buffer.from(bytes, 'latin1'))).toBe(expected);
  });
});
