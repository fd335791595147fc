import {constants, type FileHandle, mkdir, open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {AbortError, exitCodes} from '../core/errors.ts';

export const remedy = 'name another file with --journal FILE or POOLCTL_JOURNAL';

/** The journal for reading and adding to, made where it is not there; it and its folder are the user's alone. */
export async function openForAppend(file: string): Promise<FileHandle> {
  await makeFolder(dirname(file));
  const {O_APPEND, O_RDWR, O_CREAT, O_EXCL} = constants;
  try {
    const handle = await open(file, O_APPEND | O_RDWR);
    await requirePrivateFile(file, handle);
    return handle;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    const handle = await open(file, O_APPEND | O_RDWR | O_CREAT | O_EXCL, 0o600);
    await syncFolder(dirname(file));
    return handle;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // Another process made it just now.
    return await open(file, O_APPEND | O_RDWR);
  }
}

/** With mkdir's own `recursive` Node asks for ever where a parent is there and refuses by ENOENT, as /proc does. */
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

async function requirePrivateFile(file: string, handle: FileHandle): Promise<void> {
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new AbortError(`the journal ${file} is not a regular file`, {
      hint: remedy,
      exitCode: exitCodes.journal,
    });
  }
  // Another user's file, in a group's shared folder: its mode is that user's to set.
  if (stats.mode & 0o077) await handle.chmod(0o600).catch(() => {});
}

/** Makes the new name itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
