import {spawn} from 'node:child_process';
import {chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {isAlive, pidNamespace, startTime, stopPostmaster} from './processes.ts';

export type ServerUser = {uid: number; gid: number};
export type ServerFolder = {path: string; data: string; socket: string; log: string};

/**
 * The account that runs the server, because PostgreSQL refuses root: `postgres` or `nobody`. null if this process does not
 * run as root.
 */
export async function findServerUser(): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map(line => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find(([account]) => account === name) ?? [];
    if (Number(uid) > 0) return {uid: Number(uid), gid: Number(gid)};
  }
  return {uid: 65_534, gid: 65_534};
}

/** Creates a folder in `parent`. Its name identifies the owning process, by which leftovers are recognised. */
export async function createServerFolder(parent: string, user: ServerUser | null): Promise<ServerFolder> {
  const owner = [process.pid, await startTime(process.pid), await pidNamespace()].join('.');
  const folder = layout(await mkdtemp(path.join(parent, `${prefix}${owner}-`)));
  // The server's account has to traverse it; the folders inside are 0700.
  if (user) await chmod(folder.path, 0o711);
  for (const inner of [folder.data, folder.socket]) {
    await mkdir(inner, {mode: 0o700});
    if (user) await chown(inner, user.uid, user.gid);
  }
  return folder;
}

/**
 * Stops and removes servers whose owner ended without doing so (kill -9). Ignores folders of other pid namespaces, because
 * containers may share /tmp. Never fails.
 */
export async function reapServerFolders(parent: string): Promise<string[]> {
  const entries = await readdir(parent).catch(() => []);
  const reaped = await Promise.all(entries.map(entry => reap(path.join(parent, entry)).catch(() => null)));
  return reaped.filter(folder => folder !== null);
}

/** Removes the folder, with retries because an ending backend may still write to it. */
export async function removeServerFolder(folder: string): Promise<void> {
  await rm(folder, {recursive: true, force: true, maxRetries: 5, retryDelay: 50});
}

const prefix = 'poolctl-server-';
const nameOfFolder = /^poolctl-server-(\d+)\.(\d*)\.(\d*)-\w+$/;

function layout(root: string): ServerFolder {
  return {
    path: root,
    data: path.join(root, 'data'),
    socket: path.join(root, 'socket'),
    log: path.join(root, 'postgres.log'),
  };
}

async function reap(candidate: string): Promise<string | null> {
  const [, pid, start, namespace] = nameOfFolder.exec(path.basename(candidate)) ?? [];
  if (pid === undefined || start === undefined || namespace !== (await pidNamespace())) return null;
  if (await isOwnedBy(Number(pid), start)) return null;
  // Any user may create folders in /tmp: another user's folder must not make poolctl end a process.
  const stat = await lstat(candidate);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return null;
  await stopPostmaster(layout(candidate).data);
  await removeServerFolder(candidate);
  return candidate;
}

async function isOwnedBy(pid: number, start: string): Promise<boolean> {
  return (await isAlive(pid)) && (await startTime(pid)) === start;
}

type Watchdog = {
  /** Ends it without cleanup. Resolves when it has ended. */
  dismiss(): Promise<void>;
};

/**
 * Starts a detached shell that reads a pipe from this process. The kernel closes the pipe when this process ends, even by
 * kill -9. Unless the shell has read `done` by then, it stops the server and removes the folder.
 */
export function startWatchdog(folder: ServerFolder): Watchdog {
  const shell = spawn('/bin/sh', ['-c', script, 'poolctl-watchdog', folder.data, folder.path], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {PATH: process.env.PATH ?? '/usr/bin:/bin'},
  });
  const ended = new Promise<void>(resolve => {
    shell.once('close', () => resolve());
    shell.once('error', () => resolve());
  });
  shell.stdin.on('error', () => {});
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return {
    async dismiss() {
      shell.ref();
      shell.stdin.end('done\n');
      await ended;
    },
  };
}

const script = `
trap '' HUP INT TERM PIPE
read -r word
[ "$word" = done ] && exit 0
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
line=$( (tr '\\0' ' ' <"/proc/$pid/cmdline" || ps -o args= -p "$pid") 2>/dev/null)
case "$line" in *"$1"*)
  for signal in CONT INT QUIT KILL; do
    kill -$signal "$pid" 2>/dev/null
    [ $signal = CONT ] && continue
    tries=0
    while [ $tries -lt 50 ] && kill -0 "$pid" 2>/dev/null; do tries=$((tries + 1)); sleep 0.1; done
    kill -0 "$pid" 2>/dev/null || break
  done
esac
rm -rf "$2" || { sleep 1; rm -rf "$2"; }
`;
