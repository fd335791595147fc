import {execFile} from 'node:child_process';
import {readdir, readFile, readlink} from 'node:fs/promises';
import path from 'node:path';

import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import {promisify} from 'node:util';

/** Whether a process of that id runs (a zombie does not). */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs and is another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return (await statFields(pid))?.[0] !== 'Z';
}

/** Tells a process from a later one that was given its id; '' where /proc is absent. */
export async function startMark(pid: number): Promise<string> {
  return (await statFields(pid))?.[19] ?? '';
}

/** Numbers the pid namespace (a container has its own): pids mean nothing in another. '' where /proc is absent. */
export async function pidNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  return /\d+/.exec(link)?.[0] ?? '';
}

/** The command line as the kernel knows it; '' when the process is gone. */
export async function commandLine(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    return run('ps', ['-o', 'args=', '-p', String(pid)]).then(
      ({stdout}) => stdout,
      () => '',
    );
  }
}

/** Direct children: a postmaster's are all its backends, parallel workers included. */
export async function childrenOf(pid: number): Promise<number[]> {
  const entries = (await readdir('/proc').catch(() => [])).filter(entry => /^\d+$/.test(entry));
  if (entries.length === 0) return childrenByPs(pid);
  const parents = await Promise.all(
    entries.map(async entry => [Number(entry), (await statFields(Number(entry)))?.[1]] as const),
  );
  return parents.filter(([, parent]) => parent === String(pid)).map(([child]) => child);
}

/** Sends a signal; a process that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {}
}

/** Polls until the condition holds; false when it did not within the time. */
export async function waitFor(
  condition: () => Promise<boolean> | boolean,
  withinMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await delay(10);
  }
  return true;
}

const run = promisify(execFile);

/** Fields of /proc/PID/stat from the third on (state, ppid, ...): the second may hold spaces and brackets. */
async function statFields(pid: number): Promise<string[] | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

async function childrenByPs(pid: number): Promise<number[]> {
  const {stdout} = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0);
}

/** What `postmaster.pid` says: the process, and whether it accepts connections (line 8, PostgreSQL 10+). */
export async function readPostmaster(data: string): Promise<{pid: number; isReady: boolean} | null> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return pid > 0 ? {pid, isReady: lines[7]?.startsWith('ready') ?? false} : null;
}

/** Ends the postmaster of this data folder, if one runs: fast, then immediate, then by force. */
export async function stopPostmaster(data: string, how: 'fast' | 'immediate' = 'fast'): Promise<void> {
  const found = await readPostmaster(data);
  // A pid file outlives a crash and pids are reused: only a process that names this folder is ours.
  if (!found || !(await commandLine(found.pid)).includes(data)) return;
  const {pid} = found;
  const isGone = async () => !(await isAlive(pid));
  const children = await childrenOf(pid);
  for (const each of [pid, ...children]) signal(each, 'SIGCONT');
  for (const name of how === 'fast' ? (['SIGINT', 'SIGQUIT'] as const) : (['SIGQUIT'] as const)) {
    signal(pid, name);
    if (await waitFor(isGone, 5000)) return;
  }
  for (const each of [pid, ...(await childrenOf(pid))]) signal(each, 'SIGKILL');
  await waitFor(isGone, 5000);
}

/** Freezes or thaws the postmaster and every backend, as a machine does that stops answering. */
export async function signalAll(data: string, name: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const found = await readPostmaster(data);
  if (!found) return;
  // The postmaster first: it starts no backend once it is stopped.
  signal(found.pid, name);
  for (const each of await childrenOf(found.pid)) signal(each, name);
}
