import {chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {stopPostmaster} from './postmaster.ts';
import {isAlive, pidNamespace, startMark} from './processes.ts';

export type ServerUser = {uid: number; gid: number};
export type ServerFolder = {path: string; data: string; socket: string; log: string};

/**
 * Who runs the server: PostgreSQL refuses root, so root drops to an account that every system has. null when
 * we are not root and run it ourselves.
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

/** A fresh folder in `parent` whose name says who owns it, so that it is known at any moment whether that process runs. */
export async function createServerFolder(parent: string, user: ServerUser | null): Promise<ServerFolder> {
  const owner = [process.pid, await startMark(process.pid), await pidNamespace()].join('.');
  const folder = layout(await mkdtemp(path.join(parent, `${prefix}${owner}-`)));
  // The server's user has to pass through, nobody else gains anything: what is inside is 0700.
  if (user) await chmod(folder.path, 0o711);
  for (const inner of [folder.data, folder.socket]) {
    await mkdir(inner, {mode: 0o700});
    if (user) await chown(inner, user.uid, user.gid);
  }
  return folder;
}

/**
 * Stops and removes the servers of owners that ended without doing so (kill -9). Two containers may share a /tmp: a
 * folder of another pid namespace is not touched. Never fails.
 */
export async function reapServerFolders(parent: string): Promise<string[]> {
  const entries = await readdir(parent).catch(() => []);
  const reaped = await Promise.all(entries.map(entry => reap(path.join(parent, entry)).catch(() => null)));
  return reaped.filter(folder => folder !== null);
}

/** Removes the folder; a backend that is just ending may still write into it. */
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
  const [, pid, mark, namespace] = nameOfFolder.exec(path.basename(candidate)) ?? [];
  if (pid === undefined || mark === undefined || namespace !== (await pidNamespace())) return null;
  if (await isOwnedBy(Number(pid), mark)) return null;
  // /tmp is everybody's: a folder that another user named like ours must not have us end a process.
  const stat = await lstat(candidate);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return null;
  await stopPostmaster(layout(candidate).data);
  await removeServerFolder(candidate);
  return candidate;
}

async function isOwnedBy(pid: number, mark: string): Promise<boolean> {
  return (await isAlive(pid)) && (await startMark(pid)) === mark;
}
