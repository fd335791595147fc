import {constants, type Stats} from 'node:fs';
import {type FileHandle, lstat, mkdir, open, readFile, realpath, stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {AbortError, exitCodes} from '../core/errors.ts';

export const useAnotherFile = 'use another file: --journal FILE or POOLCTL_JOURNAL';

export type OpenFile = {
  handle: FileHandle;
  stats: Stats;
  /** The real path, with links resolved: lock files are named after it. */
  path: string;
};

/**
 * Opens the journal; null if it does not exist. `inspect` accepts a file of any owner. For `read` and `append`, whose
 * entries decide what is executed, the file must belong to the user and be writable by no one else. Throws AbortError (exit 8) otherwise.
 */
export async function openJournalFile(
  file: string,
  purpose: 'inspect' | 'read' | 'append',
): Promise<OpenFile | null> {
  const path = await resolvePath(file);
  const handle = path === null ? null : await openFound(path, purpose === 'append');
  if (path === null || handle === null) return null;
  try {
    const stats = await handle.stat();
    requireRegular(file, stats);
    if (purpose !== 'inspect') await requirePrivate(file, path, stats);
    if (purpose === 'append') await hideFromOthers(file, handle, stats);
    return {handle, stats, path};
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Creates the journal and its folder; null if another process created it first. */
export async function makeJournalFile(file: string): Promise<OpenFile | null> {
  await makeFolder(dirname(file));
  const path = (await resolvePath(file)) ?? file;
  try {
    const handle = await open(path, O_APPEND | O_RDWR | O_CREAT | O_EXCL, 0o600);
    await syncFolder(dirname(path));
    return {handle, stats: await handle.stat(), path};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw error;
  }
}

/** Whether the path still refers to the open file. */
export async function isStillThere({path, stats}: Pick<OpenFile, 'path' | 'stats'>): Promise<boolean> {
  const now = await stat(path).catch(() => null);
  return now !== null && now.ino === stats.ino && now.dev === stats.dev;
}

/** The real path of a journal, so that every path to it uses the same lock; null if its folder does not exist. */
export async function resolvePath(file: string): Promise<string | null> {
  const found = await lstat(file).catch(orAbsent);
  if (found?.isSymbolicLink()) {
    const path = await realpath(file).catch(orAbsent);
    if (path === null) throw refused(file, 'is a symbolic link to a missing file', 'create that file, or');
    requireRegular(file, await stat(path));
    return path;
  }
  // Checked before opening: a pipe would wait for a writer, and opening a device may have effects.
  if (found !== null) requireRegular(file, found);
  const folder = await realpath(dirname(file)).catch(orAbsent);
  return folder === null ? null : join(folder, basename(file));
}

const {O_APPEND, O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0} = constants;

function openFound(path: string, isWritten: boolean): Promise<FileHandle | null> {
  return open(path, (isWritten ? O_APPEND | O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK).catch(orAbsent);
}

/** mkdir with `recursive` never returns where an existing parent refuses with ENOENT, as /proc does. */
export async function makeFolder(folder: string): Promise<void> {
  const make = async () => {
    try {
      await mkdir(folder, {mode: 0o700});
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await make();
  }
}

function requireRegular(file: string, stats: Stats): void {
  if (!stats.isFile()) throw refused(file, 'is not a regular file');
}

/** Entries of a file that others can write cannot be trusted, and a file with two paths would have two locks. */
async function requirePrivate(file: string, path: string, {uid, mode, nlink}: Stats): Promise<void> {
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own)
    throw refused(file, `belongs to another user (uid ${uid}, poolctl runs as uid ${own})`);
  if (own !== undefined && mode & 0o022) {
    const bits = (mode & 0o777).toString(8).padStart(4, '0');
    const hint = `inspect it with 'poolctl journal verify', then chmod 600 ${file}, or`;
    throw refused(file, `is writable by other users (mode ${bits})`, hint);
  }
  if (nlink > 1)
    throw refused(file, `has ${nlink} hard links, each with a lock of its own`, 'remove the others, or');
  if (await isMountPoint(path))
    throw refused(file, 'is a mount point, so its lock is not shared', 'mount its folder, or');
}

/** Linux only: the fifth field of /proc/self/mountinfo is the mount point, with white space in octal. */
async function isMountPoint(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const escaped = path.replace(/[\s\\]/g, each => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return mounts.split('\n').some(line => line.split(' ', 5)[4] === escaped);
}

/** Sets mode 0600 on a file that poolctl did not create, unless it was named through a link. */
async function hideFromOthers(file: string, handle: FileHandle, {mode}: Stats): Promise<void> {
  if (!(mode & 0o077) || (await lstat(file)).isSymbolicLink()) return;
  await handle.chmod(0o600).catch(() => {});
}

function refused(file: string, problem: string, hint = ''): AbortError {
  return new AbortError(`the journal ${file} ${problem}`, {
    hint: `${hint} ${useAnotherFile}`.trim(),
    exitCode: exitCodes.journal,
  });
}

function orAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

/** Makes a new directory entry durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
