import {execFile, spawn} from 'node:child_process';
import {appendFile, chown, open, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {AbortError, exitCodes} from '../core/errors.ts';
import {readPostmaster, waitFor} from './processes.ts';
import type {ServerFolder, ServerUser} from './server-folder.ts';

/** Lines of postgresql.conf. */
export type ServerSettings = Record<string, string | number>;

/** The binaries, the account (null: our own) and the folder of a server. */
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
  // All of loopback: the demo's applications connect from their own addresses.
  await appendFile(path.join(folder.data, 'pg_hba.conf'), 'host all all 127.0.0.0/8 scram-sha-256\n');
}

/** Makes the data folder as a copy of one that `runInitdb` made with binaries of the same version. */
export async function copyData({folder}: Place, data: string): Promise<void> {
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

/** An AbortError (exit 3) with a hint on what may help to start a server. */
export function startError(message: string, cause?: unknown): AbortError {
  return new AbortError(message, {
    hint: 'Set TMPDIR to a folder with free space where programs may run, or install another PostgreSQL version.',
    exitCode: exitCodes.connection,
    cause,
  });
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

/** Starts the server once; null when it is up, else what it logged. */
async function launch({bin, user, folder}: Place, port: number): Promise<string | null> {
  const log = await open(folder.log, 'a', 0o600);
  const before = (await log.stat()).size;
  // Detached: Ctrl-C in the terminal goes to the program, which stops the server itself.
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
    // The pid file of a crashed server says ready too.
    return ended !== null || (postmaster?.pid === child.pid && postmaster?.isReady === true);
  };
  const isInTime = await waitFor(isReady, 60_000);
  if (isInTime && ended === null) return null;
  const logged = (await readFile(folder.log)).subarray(before).toString();
  return logged || ended || 'no answer within 60 seconds';
}

/** Only what the server needs: PGPORT, PGDATA and others would change what it does. */
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
