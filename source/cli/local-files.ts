import {randomBytes} from 'node:crypto';
import {constants, type Stats} from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import {hostname} from 'node:os';
import {dirname} from 'node:path';
import {AbortError, exitCodes} from '../core/errors.ts';
import {decodeBytes, encodeBytes} from '../core/text/bytes.ts';
import type {Files} from '../model/ports.ts';
import type {FileReplacement} from '../model/step.ts';

/**
 * Reads and replaces local files byte for byte. poolctl writes and syncs the new file next to the old one, with its
 * owner and mode, and renames it over the old one. Symbolic links are followed and preserved.
 */
export const localFiles: Files = {
  host: hostname(),
  async read(path) {
    try {
      return (await readAt(path)).text;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw fileError('read', path, error);
    }
  },
  async replace(path, replacement) {
    try {
      if (replacement.before === null) return await create(path, replacement);
      if (replacement.after === null) return await remove(path, replacement);
      return await overwrite(path, replacement.before, replacement.after);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw fileError('write', path, error);
    }
  },
};

/** Writes a file that only its owner can read, as it contains statements. Writes directly to a device (/dev/stdout). */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  try {
    const found = await stat(path).catch(() => null);
    if (found !== null && !found.isFile()) return await writeFile(path, text);
    await mkdir(dirname(path), {recursive: true});
    const destination = found === null ? path : await realpath(path);
    await withTemporaryFile(destination, async (handle, temporary) => {
      await writeAndSync(handle, Buffer.from(text), {mode: 0o600});
      await rename(temporary, destination);
    });
  } catch (error) {
    throw fileError('write', path, error);
  }
}

type FileState = {text: string; stats: Stats};

/** Throws for a pipe or a device, as reading it could block. */
async function readAt(path: string): Promise<FileState> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw unsupported('it is not a regular file');
    return {text: decodeBytes(await handle.readFile()), stats};
  } finally {
    await handle.close();
  }
}

async function overwrite(path: string, before: string, after: string): Promise<boolean> {
  const destination = await realpath(path);
  const old = await readAt(destination);
  if (old.text !== before) return false;
  if (old.stats.nlink > 1) {
    throw unsupported(
      `it has ${old.stats.nlink} names (hard links), and the others would keep the old content`,
      'Edit it by hand, or make each name a file of its own.',
    );
  }
  return withTemporaryFile(destination, async (handle, temporary) => {
    await writeAndSync(handle, encodeBytes(after), {mode: old.stats.mode & 0o7777, owner: old.stats});
    if (!(await isUnchanged(path, destination, old))) return false;
    await rename(temporary, destination);
    return true;
  });
}

/** Checks right before the rename that link, file and content are unchanged. */
async function isUnchanged(path: string, destination: string, old: FileState): Promise<boolean> {
  if ((await realpath(path)) !== destination) return false;
  const {text, stats} = await readAt(destination);
  const isSame = stats.ino === old.stats.ino && stats.dev === old.stats.dev && stats.nlink === 1;
  return isSame && text === old.text;
}

async function create(path: string, {after, folder}: FileReplacement): Promise<boolean> {
  const existing = await lstat(path).catch(() => null);
  if (existing?.isSymbolicLink()) throw unsupported('it is a symbolic link to a file that does not exist');
  if (existing !== null) return false;
  const isNewFolder = folder !== 'existing' && (await makeFolder(dirname(path)));
  if (folder === 'new' && !isNewFolder) return false;
  try {
    return await withTemporaryFile(path, async (handle, temporary) => {
      await writeAndSync(handle, encodeBytes(after ?? ''), {mode: 0o666 & ~process.umask()});
      return await publish(temporary, path);
    });
  } catch (error) {
    if (isNewFolder) await rmdir(dirname(path)).catch(() => {});
    throw error;
  }
}

/** Returns false if the folder exists. */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Creates the destination as a hard link, because a rename would replace a file created meanwhile; renames on a file
 * system without hard links.
 */
async function publish(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
    await rename(temporary, path);
    return true;
  }
}

/** Removes an empty folder, too: Prisma reports a migration's folder without its file as an error. */
async function remove(path: string, {before, folder}: FileReplacement): Promise<boolean> {
  if (!(await lstat(path)).isFile() || (await readAt(path)).text !== before) return false;
  await unlink(path);
  if (folder === 'existing') return true;
  await rmdir(dirname(path)).catch((error: unknown) => {
    // Some systems report EEXIST for ENOTEMPTY.
    if (!['ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EBUSY'].includes(codeOf(error) ?? '')) throw error;
  });
  return true;
}

/** Runs `work` with an empty temporary file next to the destination, then removes it and syncs the folder. */
async function withTemporaryFile<Result>(
  destination: string,
  work: (handle: FileHandle, temporary: string) => Promise<Result>,
): Promise<Result> {
  const temporary = `${destination}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      return await work(handle, temporary);
    } finally {
      await handle.close();
    }
  } finally {
    await rm(temporary, {force: true});
    await syncFolder(dirname(destination));
  }
}

/** Writes and syncs a file. Throws if the owner cannot be preserved. */
async function writeAndSync(
  handle: FileHandle,
  bytes: Uint8Array,
  {mode, owner}: {mode: number; owner?: Stats},
): Promise<void> {
  const own = await handle.stat();
  if (owner !== undefined && (own.uid !== owner.uid || own.gid !== owner.gid)) {
    await handle.chown(owner.uid, owner.gid).catch((error: unknown) => {
      throw unsupported(
        `it belongs to user ${owner.uid}, group ${owner.gid}, and poolctl cannot preserve that (${codeOf(error)})`,
        'Run poolctl as its owner, or as root.',
      );
    });
  }
  await handle.writeFile(bytes);
  // After chown, which clears the setuid and setgid bits.
  await handle.chmod(mode);
  await handle.sync();
}

/** Syncs a folder, so that a rename in it is durable. Does nothing if folders cannot be opened (Windows). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY).catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function unsupported(message: string, hint?: string): AbortError {
  return new AbortError(message, {exitCode: exitCodes.actFailed, ...(hint !== undefined && {hint})});
}

function fileError(verb: string, path: string, error: unknown): AbortError {
  const why = error instanceof AbortError ? error.message : (codeOf(error) ?? 'unknown error');
  const hint = error instanceof AbortError && error.hint !== undefined ? {hint: error.hint} : {};
  return new AbortError(`cannot ${verb} ${path}: ${why}`, {
    ...hint,
    exitCode: exitCodes.actFailed,
    cause: error,
  });
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
