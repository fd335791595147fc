import {readFileSync, readlinkSync} from 'node:fs';
import {hostname, uptime} from 'node:os';
import type {ProcessIdentity} from '../model/journal-entry.ts';

/** Which process this is. */
export function ownProcess(): ProcessIdentity {
  return processOf(process.pid);
}

/** The same of a process of ours. */
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
 * What became of a process that was there at `since_ms`. `unknown`: another host's, or another container's on this
 * one, whose pids mean nothing here. Without /proc (macOS) a reused pid cannot be told from it and is `there`.
 */
export function fateOf(
  {host, boot, pid_namespace, pid, start}: ProcessIdentity,
  since_ms: number,
): 'there' | 'gone' | 'unknown' {
  const here = ownProcess();
  if (host !== here.host || !Number.isSafeInteger(pid)) return 'unknown';
  if (boot !== here.boot) return since_ms < Date.now() - uptime() * 1000 ? 'gone' : 'unknown';
  if (pid_namespace !== here.pid_namespace) return 'unknown';
  const now = statOf(pid);
  // A zombie answers to signals, and acts no more.
  return isAlive(pid) && now.start === start && now.state !== 'Z' ? 'there' : 'gone';
}

/** Who holds a claim, as one line of text: what `judgeOwner` reads. */
export function describeOwner(): string {
  const {host, boot, pid_namespace, pid, start} = ownProcess();
  return [host, boot, pid_namespace, pid, start].join('|');
}

export type OwnerVerdict = {isDead: boolean; description: string};

/**
 * Whether the holder is certainly gone. In doubt it lives: then the claim is waited for and, in the end, reported,
 * never taken. `claimedAt_ms` is when the claim was made.
 */
export function judgeOwner(owner: string, claimedAt_ms: number): OwnerVerdict {
  const [host = '?', boot = '', pid_namespace = '', pid = '?', start = ''] = owner.split('|');
  const fate = fateOf({host, boot, pid_namespace, pid: Number(pid), start}, claimedAt_ms);
  return {
    isDead: fate === 'gone',
    description: `process ${pid} on ${host === hostname() ? 'this host' : host}`,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and another user's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat, counted after the command's name, which may hold spaces and parentheses. */
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
