import {lstat, readdir, readlink, symlink, unlink} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import {describeLockOwner, judgeLockOwner} from './process-liveness.ts';

/**
 * The lock between processes. A process that writes entry `seq` first creates the symbolic link
 * `<file>.lock.<seq>.<generation>`, whose target describes the process. symlink(2) is atomic, fails if the name exists,
 * has its content from the start, and works over NFS.
 *
 * The lock of a dead process is never removed in order to take it over: two processes could do so at once, and one would
 * remove the other's new lock. Instead the next generation of the same number is locked; that name can be created once.
 * Locks of dead processes are removed when the entry is written. After locking, a process reads the journal's end again
 * and releases the lock if that entry has been written meanwhile, so locking an old number is harmless.
 */
export type Lock = {
  /** `isWritten`: the entry is in the file, so the locks that dead processes left for it are removed too. */
  release(options: {isWritten: boolean}): Promise<void>;
};

/**
 * Waits up to `timeout_ms` for the lock on entry `seq`; null as soon as `isWritten` resolves to true. Throws AbortError
 * (exit 8) when the time is up.
 */
export async function lockEntry(
  file: string,
  seq: number,
  options: {timeout_ms: number; isWritten: () => Promise<boolean>},
): Promise<Lock | null> {
  const deadline = Date.now() + options.timeout_ms;
  for (;;) {
    const attempt = await tryLock(file, seq);
    if (attempt.lock) {
      if (!(await options.isWritten())) return attempt.lock;
      await attempt.lock.release({isWritten: true});
      return null;
    }
    if (await options.isWritten()) return null;
    if (Date.now() > deadline) throw lockedError(file, attempt.holder);
    await sleep(2 + Math.random() * 8);
  }
}

/** Removes the locks that crashed processes left for entries up to `lastSeq`. */
export async function removeOldLocks(file: string, lastSeq: number): Promise<void> {
  const prefix = `${basename(file)}.lock.`;
  const names = await readdir(dirname(file));
  const old = names.filter(
    name => name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 10) <= lastSeq,
  );
  await Promise.all(old.map(name => unlinkIfThere(join(dirname(file), name))));
}

type Attempt = {lock: Lock; holder?: never} | {lock?: never; holder: string};

async function tryLock(file: string, seq: number): Promise<Attempt> {
  for (let generation = 0; ; generation++) {
    const path = `${file}.lock.${seq}.${generation}`;
    if (await makeLink(path)) return {lock: createLock(file, seq, generation)};
    const holder = await readHolder(path);
    // Released meanwhile: the entry is written, or the next attempt locks it.
    if (holder === null) return {holder: 'another process'};
    if (!holder.isDead) return {holder: `${holder.description} (${path})`};
  }
}

async function makeLink(path: string): Promise<boolean> {
  try {
    await symlink(describeLockOwner(), path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<{isDead: boolean; description: string} | null> {
  try {
    const [owner, stats] = await Promise.all([readlink(path), lstat(path)]);
    return judgeLockOwner(owner, stats.mtimeMs);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function createLock(file: string, seq: number, generation: number): Lock {
  return {
    async release({isWritten}) {
      // Not written: a dead process's lock must stay, or its number could be locked at two generations.
      for (let each = isWritten ? 0 : generation; each <= generation; each++) {
        await unlinkIfThere(`${file}.lock.${seq}.${each}`);
      }
    },
  };
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function lockedError(file: string, holder: string): AbortError {
  return new AbortError(`the journal is locked by ${holder}`, {
    hint: `if no poolctl is running there, remove ${file}.lock.*`,
    exitCode: exitCodes.journal,
  });
}
