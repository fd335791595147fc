import {execFile, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {appendFile, chown, open, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {writePostgresUrl} from '../core/text/postgres-url.ts';
import {findServerBinaries, type ServerBinaries, startError, usableBinaries} from './binaries.ts';
import {readPostmaster, signalAll, stopPostmaster, waitFor} from './processes.ts';
import {
  createServerFolder,
  findServerUser,
  reapServerFolders,
  removeServerFolder,
  type ServerFolder,
  type ServerUser,
  startWatchdog,
} from './server-folder.ts';

export type ServerOptions = {
  binaries?: ServerBinaries;
  /** Requires binaries of this major version. */
  major?: number;
  /** Settings for postgresql.conf, which override those that make a throwaway server fast. */
  settings?: ServerSettings;
  /** Parent of the server's folder; the system's temporary folder by default. */
  folder?: string;
  /** A data folder to copy, which is faster than initdb, and its superuser's password. */
  template?: ServerTemplate;
};

export type ServerTemplate = {data: string; password: string};

export type UrlOptions = {user?: string; password?: string; database?: string; application_name?: string};

export type ThrowawayServer = {
  host: string;
  port: number;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  version: number;
  /** The server's folder, removed by stop(). */
  folder: string;
  /** The folder of the Unix socket; connections need the password, as over TCP. */
  socket: string;
  superuserUrl: string;
  superuserPassword: string;
  /** A connection URL; the superuser's by default. */
  url(options?: UrlOptions): string;
  /** Stops the server if it runs and starts it on the same port, with `settings` added to its own. */
  restart(settings?: ServerSettings): Promise<void>;
  /** Stops the server (fast, then immediate, then SIGKILL) and removes its folder. May be called twice. */
  stop(): Promise<void>;
  /** Stops the server immediately, as a crash would, and keeps its folder for restart(). */
  stopHard(): Promise<void>;
  /** Freezes the postmaster and all backends: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
};

/**
 * Starts a throwaway PostgreSQL in its own folder, on loopback and a free port, with passwords. Also works as root. It is
 * removed when this process ends, even by kill -9. Throws AbortError if there are no binaries or it does not start.
 */
export async function startServer(options: ServerOptions = {}): Promise<ThrowawayServer> {
  const parent = options.folder ?? os.tmpdir();
  const [found, user] = await Promise.all([
    options.binaries ?? findServerBinaries(options.major),
    findServerUser(),
    reapServerFolders(parent),
  ]);
  const folder = await createServerFolder(parent, user).catch(error => {
    throw startError(`cannot create a folder in ${parent}: ${error.message}`, error);
  });
  const watchdog = startWatchdog(folder);
  const discard = async () => {
    await stopPostmaster(folder.data);
    await removeServerFolder(folder.path);
    await watchdog.dismiss();
  };
  try {
    const place = {bin: await usableBinaries(found, user, folder), user, folder};
    const password = options.template?.password ?? createPassword();
    if (options.template) await copyData(place, options.template.data);
    else await runInitdb(place, password);
    const settings = {...throwaway, ...options.settings};
    const port = await startPostmaster(place, settings);
    return createHandle(place, {port, password, discard, version: found.version, settings});
  } catch (error) {
    await discard();
    throw error;
  }
}

export function createPassword(): string {
  return randomBytes(12).toString('hex');
}

/** A throwaway server needs no durability and starts faster without. */
const throwaway: ServerSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  log_checkpoints: 'off',
  timezone: 'UTC',
};

type ServerState = {
  port: number;
  password: string;
  version: number;
  settings: ServerSettings;
  discard: () => Promise<void>;
};

function createHandle(place: Place, state: ServerState): ThrowawayServer {
  const {data, path: folder, socket} = place.folder;
  const url = (options?: UrlOptions) => writeServerUrl(state, options);
  let {settings} = state;
  let stopping: Promise<void> | null = null;
  return {
    host,
    port: state.port,
    version: state.version,
    folder,
    socket,
    superuserUrl: url(),
    superuserPassword: state.password,
    url,
    async restart(changed = {}) {
      settings = {...settings, ...changed};
      await stopPostmaster(data);
      await startPostmaster(place, settings, state.port);
    },
    stop() {
      stopping ??= state.discard();
      return stopping;
    },
    stopHard: () => stopPostmaster(data, 'immediate'),
    pause: () => signalAll(data, 'SIGSTOP'),
    resume: () => signalAll(data, 'SIGCONT'),
  };
}

/** `password` is the superuser's. */
export function writeServerUrl(
  server: {port: number; password: string},
  {user = 'postgres', password, database = 'postgres', application_name}: UrlOptions = {},
): string {
  return writePostgresUrl({
    user,
    password: password ?? (user === 'postgres' ? server.password : ''),
    host,
    port: String(server.port),
    dbname: database,
    ...(application_name !== undefined && {application_name}),
  });
}

/** Lines of postgresql.conf. */
export type ServerSettings = Record<string, string | number>;

/** The binaries, the account (null for this process's own) and the folder of a server. */
export type Place = {bin: string; user: ServerUser | null; folder: ServerFolder};

/** Loopback only: the server cannot be reached from other machines. */
export const host = '127.0.0.1';

/** Creates the data folder. Every connection needs a password; the superuser is `postgres`. */
export async function runInitdb({bin, user, folder}: Place, password: string): Promise<void> {
  const passwordFile = path.join(folder.socket, 'password');
  await writeFile(passwordFile, password, {mode: 0o600});
  if (user) await chown(passwordFile, user.uid, user.gid);
  const flags = ['-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'];
  try {
    await promisify(execFile)(
      path.join(bin, 'initdb'),
      ['-D', folder.data, ...flags, `--pwfile=${passwordFile}`],
      {...user, cwd: folder.socket, env: environment()},
    );
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw startError(`initdb failed: ${lastLine(output) || String(error)}`, error);
  }
  await rm(passwordFile);
  // All of loopback, because each of the demo's applications has its own address.
  await appendFile(path.join(folder.data, 'pg_hba.conf'), 'host all all 127.0.0.0/8 scram-sha-256\n');
}

/** Creates the data folder as a copy of one that `runInitdb` made with binaries of the same version. */
async function copyData({folder}: Place, data: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', `${data}/.`, folder.data]);
}

/**
 * Starts the server, waits until it accepts connections and returns its port: `port`, or a free one. Throws AbortError
 * with the last line of the server's log.
 */
export async function startPostmaster(
  place: Place,
  settings: ServerSettings,
  port?: number,
): Promise<number> {
  await writeFile(path.join(place.folder.data, 'postgresql.conf'), configuration(place, settings));
  for (let attempt = 1; ; attempt++) {
    const chosen = port ?? (await freePort());
    const failure = await launch(place, chosen);
    if (failure === null) return chosen;
    // Another process may take the port between finding and binding it.
    if (attempt >= 5 || !/Address already in use|could not bind|could not create any TCP/.test(failure))
      throw startError(`PostgreSQL did not start: ${lastLine(failure)}`);
  }
}

function configuration({folder}: Place, settings: ServerSettings): string {
  const all = {
    listen_addresses: host,
    unix_socket_directories: folder.socket,
    // As pg_hba.conf requires; before 14 the default was md5.
    password_encryption: 'scram-sha-256',
    ...settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('');
}

/** Starts the server once. Returns null when it accepts connections, otherwise what it logged. */
async function launch({bin, user, folder}: Place, port: number): Promise<string | null> {
  const log = await open(folder.log, 'a', 0o600);
  const before = (await log.stat()).size;
  // Detached, so that Ctrl-C in the terminal goes to this program, which stops the server.
  const child = spawn(path.join(bin, 'postgres'), ['-D', folder.data, '-p', String(port)], {
    ...user,
    detached: true,
    cwd: folder.socket,
    stdio: ['ignore', log.fd, log.fd],
    env: environment(),
  });
  let ended: string | null = null;
  child.once('error', error => {
    ended = error.message;
  });
  child.once('exit', () => {
    ended ??= '';
  });
  child.unref();
  await log.close();
  const isReady = async () => {
    const postmaster = await readPostmaster(folder.data);
    // The pid file of a crashed server also says ready.
    return ended !== null || (postmaster?.pid === child.pid && postmaster?.isReady === true);
  };
  const isInTime = await waitFor(isReady, 60_000);
  if (isInTime && ended === null) return null;
  const logged = (await readFile(folder.log)).subarray(before).toString();
  return logged || ended || 'no answer within 60 seconds';
}

/** Only what the server needs: PGPORT, PGDATA and others would change its behaviour. */
function environment(): NodeJS.ProcessEnv {
  return {PATH: process.env.PATH, LC_ALL: 'C'};
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
