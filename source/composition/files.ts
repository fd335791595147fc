import {randomBytes} from 'node:crypto';
import {open, readFile, rename, rm, stat} from 'node:fs/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {Files} from '../core/ports.ts';

/** The files of this machine. A change is written beside the file, synced and renamed over it, its mode kept. */
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
      if (text === null) await rm(path);
      else await replace(path, text);
    } catch (error) {
      throw refused('write', path, error);
    }
  },
};

async function replace(path: string, text: string): Promise<void> {
  const mode = await stat(path).then(
    ({mode: bits}) => bits & 0o777,
    () => 0o666 & ~process.umask(),
  );
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
