import {readFileSync, readlinkSync} from 'node:fs';
import {hostname, uptime} from 'node:os';
import type {ProcessIdentity} from '../model/journal-entry.ts';

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

export type OwnerVerdict = {isDead: boolean; description: string};

/** Whether the owner of a lock made at `lockedAt_ms` is certainly dead. If unknown it counts as alive: its lock stays. */
export function judgeLockOwner(owner: string, lockedAt_ms: number): OwnerVerdict {
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
