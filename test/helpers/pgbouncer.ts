import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {chown, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, createServer} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {describe, it} from 'vitest';
import {findServerUser} from '../../source/demo/server-folder.ts';
import {exists, unpackDebianPackages} from './cached-folder.ts';
import type {TestServer} from './server.ts';

export type Pooler = {
  port: number;
  /** The superuser's unless a user is given. */
  url(options?: {user?: string; password?: string; database?: string}): string;
  /** Its log since it started. */
  log(): string;
  stop(): Promise<void>;
};

export type PoolerOptions = {
  server: TestServer;
  pool_mode: 'session' | 'transaction' | 'statement';
  /** Passwords by role; the server's superuser, who also administers PgBouncer, is always included. */
  users?: Record<string, string>;
  /** Further lines of pgbouncer.ini; they override the defaults. */
  settings?: Record<string, string | number>;
};

/** A real PgBouncer in front of a test server. */
export async function startPgBouncer(options: PoolerOptions): Promise<Pooler> {
  if ('missing' in found) throw new Error(`no PgBouncer: ${found.missing}`);
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await freePort(), options, found);
    } catch (error) {
      // Another process may take the port between finding and binding it.
      if (attempt >= 5 || !/[Aa]ddress already in use/.test(String(error))) throw error;
    }
  }
}

async function startOn(
  port: number,
  options: PoolerOptions,
  found: Exclude<Found, {missing: string}>,
): Promise<Pooler> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'poolctl-pgbouncer-'));
  const passwords = {postgres: options.server.superuserPassword, ...options.users};
  const configuration = await writeConfiguration(folder, {...options, port, passwords});
  // Like PostgreSQL, PgBouncer refuses to run as root.
  const user = await findServerUser();
  if (user !== null) await giveTo(user, folder);
  const child = spawn(found.program, [configuration], {
    ...user,
    cwd: '/',
    env: found.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    logged += text;
  });
  const stop = async () => {
    await end(child);
    await rm(folder, {recursive: true, force: true});
  };
  try {
    await untilUp(child, () => logged);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url({user: role = 'postgres', password, database = 'postgres'} = {}) {
      const url = new URL(`postgresql://127.0.0.1:${port}/${encodeURIComponent(database)}`);
      url.username = role;
      url.password = encodeURIComponent(password ?? passwords[role as keyof typeof passwords] ?? '');
      return url.href;
    },
    log: () => logged,
    stop,
  };
}

/** A describe block with PgBouncer; without it, a skipped test says why. */
export function describePgBouncer(name: string, body: () => void): void {
  if ('missing' in found) it.skip(`${name} (no PgBouncer: ${found.missing})`, () => {});
  else describe(name, body);
}

type Found = {program: string; env: Record<string, string>} | {missing: string};

const run = promisify(execFile);
const found = await findPgBouncer();

async function findPgBouncer(): Promise<Found> {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders.filter(path.isAbsolute)) {
    const program = path.join(folder, 'pgbouncer');
    if (await exists(program)) return {program, env: {}};
  }
  return downloaded().catch((error: unknown) => ({
    missing: `it is neither installed nor can it be downloaded: ${String(error).split('\n', 1)[0]}`,
  }));
}

async function downloaded(): Promise<Found> {
  const root = await unpackDebianPackages('pgbouncer', async () => {
    const {stdout} = await run('apt-cache', ['depends', 'pgbouncer'], {timeout: 30_000});
    // The libraries that a server most likely lacks; libc and OpenSSL must be the machine's own.
    const libraries = [...stdout.matchAll(/Depends: (lib(?:c-?ares|event)\S*)/g)].map(([, name]) => name);
    return ['pgbouncer', ...libraries].filter(name => name !== undefined);
  });
  const libraries = path.join(root, 'usr', 'lib');
  const [triplet = ''] = (await readdir(libraries)).filter(name => name.includes('-linux-'));
  const program = path.join(root, 'usr', 'sbin', 'pgbouncer');
  const env = {LD_LIBRARY_PATH: path.join(libraries, triplet)};
  await run(program, ['--version'], {env});
  return {program, env};
}

type Configured = PoolerOptions & {port: number; passwords: Record<string, string>};

async function writeConfiguration(
  folder: string,
  {server, port, pool_mode, passwords, settings}: Configured,
): Promise<string> {
  const userList = path.join(folder, 'userlist.txt');
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = Object.entries(passwords).map(each => each.map(quoted).join(' '));
  await writeFile(userList, `${lines.join('\n')}\n`, {mode: 0o600});
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: userList,
    admin_users: 'postgres',
    pool_mode,
    ...settings,
  };
  const file = path.join(folder, 'pgbouncer.ini');
  const pooler = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const databases = ['[databases]', `* = host=${server.host} port=${server.port}`];
  await writeFile(file, `${[...databases, '[pgbouncer]', ...pooler].join('\n')}\n`, {mode: 0o600});
  return file;
}

async function giveTo({uid, gid}: {uid: number; gid: number}, folder: string): Promise<void> {
  for (const file of await readdir(folder)) await chown(path.join(folder, file), uid, gid);
  await chown(folder, uid, gid);
}

function untilUp(child: ChildProcess, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', () => {
      if (/process up/.test(log())) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PgBouncer did not start: ${log()}`)));
  });
}

function end(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    // Since 1.23 it waits for its clients after SIGTERM.
    child.kill('SIGKILL');
  });
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const {port} = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
