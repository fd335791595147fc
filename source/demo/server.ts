import {randomBytes} from 'node:crypto';
import os from 'node:os';
import {findServerBinaries, type ServerBinaries, usableBinaries} from './binaries.ts';
import {copyData, host, type Place, runInitdb, type ServerSettings, startPostmaster} from './launch.ts';
import {signalAll, stopPostmaster} from './processes.ts';
import {
  createServerFolder,
  findServerUser,
  reapServerFolders,
  removeServerFolder,
  startWatchdog,
} from './server-folder.ts';

export type ServerOptions = {
  binaries?: ServerBinaries;
  /** Requires binaries of this major version. */
  major?: number;
  /** Settings for postgresql.conf; they replace the ones that make a throwaway server fast. */
  settings?: ServerSettings;
  /** Parent of the server's folder; the system's temporary folder by default. */
  folder?: string;
  /** A data folder to copy, which takes a fraction of initdb, and its superuser's password. */
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
 * Starts a throwaway PostgreSQL in a folder of its own, on loopback and a free port, with passwords. Works as root too, and
 * is removed with this process even after kill -9. Throws AbortError when there are no binaries or it does not start.
 */
export async function startServer(options: ServerOptions = {}): Promise<ThrowawayServer> {
  const parent = options.folder ?? os.tmpdir();
  const [found, user] = await Promise.all([
    options.binaries ?? findServerBinaries(options.major),
    findServerUser(),
    reapServerFolders(parent),
  ]);
  const folder = await createServerFolder(parent, user);
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
    return handle(place, {port, password, discard, version: found.version, settings});
  } catch (error) {
    await discard();
    throw error;
  }
}

export function createPassword(): string {
  return randomBytes(12).toString('hex');
}

/** Without durability the server starts faster, and a throwaway one has nothing to lose. */
const throwaway: ServerSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  log_checkpoints: 'off',
  timezone: 'UTC',
};

type Own = {
  port: number;
  password: string;
  version: number;
  settings: ServerSettings;
  discard: () => Promise<void>;
};

function handle(place: Place, own: Own): ThrowawayServer {
  const {data, path: folder, socket} = place.folder;
  const url = ({user = 'postgres', password, database = 'postgres', application_name}: UrlOptions = {}) => {
    const result = new URL(`postgresql://${host}:${own.port}/${encodeURIComponent(database)}`);
    result.username = encodeURIComponent(user);
    result.password = encodeURIComponent(password ?? (user === 'postgres' ? own.password : ''));
    if (application_name !== undefined) result.searchParams.set('application_name', application_name);
    return result.href;
  };
  let {settings} = own;
  let stopping: Promise<void> | null = null;
  return {
    host,
    port: own.port,
    version: own.version,
    folder,
    socket,
    superuserUrl: url(),
    superuserPassword: own.password,
    url,
    async restart(changed = {}) {
      settings = {...settings, ...changed};
      await stopPostmaster(data);
      await startPostmaster(place, settings, own.port);
    },
    stop() {
      stopping ??= own.discard();
      return stopping;
    },
    stopHard: () => stopPostmaster(data, 'immediate'),
    pause: () => signalAll(data, 'SIGSTOP'),
    resume: () => signalAll(data, 'SIGCONT'),
  };
}
