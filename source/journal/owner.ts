import {readFileSync, readlinkSync} from 'node:fs';
import {hostname, uptime} from 'node:os';

/**
 * Who holds a claim, as one line of text: host, boot, pid namespace, pid and the process's start. Where there
 * is no /proc (macOS) boot, namespace and start are empty and a reused pid cannot be told from the holder: then
 * the claim is waited for and, in the end, reported, never taken.
 */
export function describeOwner(): string {
  return [hostname(), bootId(), pidNamespace(), process.pid, processStart(process.pid)].join('|');
}

export type OwnerVerdict = {isDead: boolean; description: string};

/** Whether the holder is certainly gone. In doubt it lives. `claimedAt_ms` is when the claim was made. */
export function judgeOwner(owner: string, claimedAt_ms: number): OwnerVerdict {
  const [host, boot, namespace, pidText, start] = owner.split('|');
  const pid = Number(pidText);
  if (host !== hostname() || !Number.isSafeInteger(pid)) {
    return {isDead: false, description: `process ${pidText ?? '?'} on ${host ?? '?'}`};
  }
  const description = `process ${pid} on this host`;
  if (boot !== bootId()) return {isDead: claimedAt_ms < Date.now() - uptime() * 1000, description};
  // Another container on the same host: its pids mean nothing here.
  if (namespace !== pidNamespace()) return {isDead: false, description};
  return {isDead: !isAlive(pid) || processStart(pid) !== start, description};
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

function bootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id');
}

/** Field 22 of /proc/<pid>/stat, counted after the command's name, which may hold spaces and parentheses. */
function processStart(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
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
