import {randomBytes} from 'node:crypto';
import {mkdir, open, readFile, rename, rm, rmdir, stat, writeFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {Files} from '../core/ports.ts';

/**
 * The files of this machine. A change is written beside the file, synced and renamed over it, its mode kept; a
 * folder comes and goes with the only file in it (to Prisma, a migration's folder without its file is an error).
 */
export const files: Files = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw refused('read', path, error);
    }
  },
  async write(path, text) {
    try {
      if (text === null) await remove(path);
      else await replace(path, text);
    } catch (error) {
      throw refused('write', path, error);
    }
  },
};

/** A file that is its owner's alone, for it holds statements; what is no file, /dev/stdout, is written to. */
export async function writePrivate(path: string, text: string): Promise<void> {
  try {
    const isOther = await stat(path).then(
      found => !found.isFile(),
      () => false,
    );
    if (isOther) await writeFile(path, text);
    else await replace(path, text, 0o600);
  } catch (error) {
    throw refused('write', path, error);
  }
}

async function remove(path: string): Promise<void> {
  await rm(path);
  await rmdir(dirname(path)).catch((error: unknown) => {
    // EEXIST: what some systems say instead.
    if (!['ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EBUSY'].includes(codeOf(error) ?? '')) throw error;
  });
}

async function replace(path: string, text: string, forced?: number): Promise<void> {
  const kept = await stat(path).then(
    ({mode: bits}) => bits & 0o777,
    () => 0o666 & ~process.umask(),
  );
  const mode = forced ?? kept;
  await mkdir(dirname(path), {recursive: true});
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(beside, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, {force: true});
    throw error;
  }
}

function refused(verb: string, path: string, error: unknown): AbortError {
  return new AbortError(`cannot ${verb} ${path}: ${codeOf(error) ?? 'unknown error'}`, {
    exitCode: exitCodes.actFailed,
    cause: error,
  });
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
