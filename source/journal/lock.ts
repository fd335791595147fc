import {readFileSync, readlinkSync} from 'node:fs';
import {lstat, readdir, readlink, symlink, unlink} from 'node:fs/promises';
import {hostname, uptime} from 'node:os';
import {basename, dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {ProcessIdentity} from '../model/journal-entry.ts';

/**
 * The lock between processes. A process that writes entry `seq` first creates the symbolic link
 * `<file>.lock.<seq>.<generation>`, whose target describes the process. symlink(2) is atomic, fails if the name exists,
 * has its content from the start, and works over NFS.
 *
 * The lock of a dead process is never removed in order to take it over: two processes could do so concurrently, and one would
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

/** Identifies this process. */
export function ownProcess(): ProcessIdentity {
  return processOf(process.pid);
}

/** Identifies another process of this host. */
export function processOf(pid: number): ProcessIdentity {
  return {
    host: hostname(),
    boot: readProc('/proc/sys/kernel/random/boot_id'),
    pid_namespace: pidNamespace(),
    pid,
    start: statOf(pid).start,
  };
}

/**
 * Whether a process that ran at `since_ms` still runs. `unknown`: it ran on another host or in another container, whose
 * pids mean nothing here. Without /proc (macOS) a reused pid counts as `alive`.
 */
export function processLiveness(
  {host, boot, pid_namespace, pid, start}: ProcessIdentity,
  since_ms: number,
): 'alive' | 'gone' | 'unknown' {
  const here = ownProcess();
  if (host !== here.host || !Number.isSafeInteger(pid)) return 'unknown';
  if (boot !== here.boot) return since_ms < Date.now() - uptime() * 1000 ? 'gone' : 'unknown';
  if (pid_namespace !== here.pid_namespace) return 'unknown';
  const now = statOf(pid);
  // A zombie still accepts signals but executes nothing.
  return isAlive(pid) && now.start === start && now.state !== 'Z' ? 'alive' : 'gone';
}

/** This process as the text of a lock, which `judgeLockOwner` parses. */
export function describeLockOwner(): string {
  const {host, boot, pid_namespace, pid, start} = ownProcess();
  return [host, boot, pid_namespace, pid, start].join('|');
}

type OwnerVerdict = {isDead: boolean; description: string};

/** Whether the owner of a lock made at `lockedAt_ms` is certainly dead. If unknown it counts as alive: its lock stays. */
function judgeLockOwner(owner: string, lockedAt_ms: number): OwnerVerdict {
  const [host = '?', boot = '', pid_namespace = '', pid = '?', start = ''] = owner.split('|');
  const liveness = processLiveness({host, boot, pid_namespace, pid: Number(pid), start}, lockedAt_ms);
  return {
    isDead: liveness === 'gone',
    description: `process ${pid} on ${host === hostname() ? 'this host' : host}`,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat, found after the command's name, which may contain spaces and parentheses. */
function statOf(pid: number): {state: string; start: string} {
  const stat = readProc(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {state: fields[0] ?? '', start: fields[19] ?? ''};
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
