import {lstat, readdir, readlink, symlink, unlink} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import {describeOwner, judgeOwner} from './process-liveness.ts';

/**
 * The lock between processes: whoever writes entry `seq` first claims that number by making the symbolic link
 * `<file>.lock.<seq>.<generation>`, which points at a description of its maker. symlink(2) is atomic, fails
 * when the name exists, carries its content from the first moment on, and works over NFS.
 *
 * A claim of a dead process is never removed to be taken over, for two processes could do that at once and one
 * would remove the other's fresh claim. Instead the next generation of the same number is claimed, and that
 * name exists once. The dead one's is removed only when the entry is written; whoever makes a claim reads the
 * journal's end again and lets go when that number has been written meanwhile, so a late claim of an old number
 * is harmless.
 */
export type Claim = {
  /** `isWritten`: the entry stands in the file, so what dead processes claimed of it can go too. */
  release(options: {isWritten: boolean}): Promise<void>;
};

/** Waits up to `timeout_ms` for the right to write entry `seq`; null as soon as `isWritten` says it exists. */
export async function claimEntry(
  file: string,
  seq: number,
  options: {timeout_ms: number; isWritten: () => Promise<boolean>},
): Promise<Claim | null> {
  const deadline = Date.now() + options.timeout_ms;
  for (;;) {
    const attempt = await tryClaim(file, seq);
    if (attempt.claim) {
      if (!(await options.isWritten())) return attempt.claim;
      await attempt.claim.release({isWritten: true});
      return null;
    }
    if (await options.isWritten()) return null;
    if (Date.now() > deadline) throw heldError(file, attempt.holder);
    await sleep(2 + Math.random() * 8);
  }
}

/** Removes what crashed processes left of numbers that have long been written. */
export async function removeOldClaims(file: string, lastSeq: number): Promise<void> {
  const prefix = `${basename(file)}.lock.`;
  const names = await readdir(dirname(file));
  const old = names.filter(
    name => name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 10) <= lastSeq,
  );
  await Promise.all(old.map(name => unlinkIfThere(join(dirname(file), name))));
}

type Attempt = {claim: Claim; holder?: never} | {claim?: never; holder: string};

async function tryClaim(file: string, seq: number): Promise<Attempt> {
  for (let generation = 0; ; generation++) {
    const path = `${file}.lock.${seq}.${generation}`;
    if (await makeLink(path)) return {claim: createClaim(file, seq, generation)};
    const holder = await readHolder(path);
    // Gone meanwhile: released, so the number is written, or about to be tried again.
    if (holder === null) return {holder: 'another process'};
    if (!holder.isDead) return {holder: `${holder.description} (${path})`};
  }
}

async function makeLink(path: string): Promise<boolean> {
  try {
    await symlink(describeOwner(), path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<{isDead: boolean; description: string} | null> {
  try {
    const [owner, stats] = await Promise.all([readlink(path), lstat(path)]);
    return judgeOwner(owner, stats.mtimeMs);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function createClaim(file: string, seq: number, generation: number): Claim {
  return {
    async release({isWritten}) {
      // Not written: a dead process's claim must go on standing, or its number could be claimed at two generations.
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

function heldError(file: string, holder: string): AbortError {
  return new AbortError(`the journal is held by ${holder}`, {
    hint: `if no poolctl is running there, remove ${file}.lock.*`,
    exitCode: exitCodes.journal,
  });
}
