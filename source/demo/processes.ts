import {execFile} from 'node:child_process';
import {readdir, readFile, readlink} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import {promisify} from 'node:util';

/** Whether a process with this id runs. A zombie does not. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return (await statFields(pid))?.[0] !== 'Z';
}

/** Start time of a process, which distinguishes it from a later one with the same id; '' where /proc is absent. */
export async function startTime(pid: number): Promise<string> {
  return (await statFields(pid))?.[19] ?? '';
}

/** Number of the pid namespace (a container has its own); '' where /proc is absent. */
export async function pidNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  return /\d+/.exec(link)?.[0] ?? '';
}

/** The command line of a process; '' when it has ended. */
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

/** Ids of direct children; a postmaster's are all its backends, parallel workers included. */
export async function childrenOf(pid: number): Promise<number[]> {
  const entries = (await readdir('/proc').catch(() => [])).filter(entry => /^\d+$/.test(entry));
  if (entries.length === 0) return childrenByPs(pid);
  const parents = await Promise.all(
    entries.map(async entry => [Number(entry), (await statFields(Number(entry)))?.[1]] as const),
  );
  return parents.filter(([, parent]) => parent === String(pid)).map(([child]) => child);
}

/** Sends a signal if the process still runs. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {}
}

/** Polls until the condition holds (true) or the time has passed (false). */
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

/** The fields of /proc/PID/stat from the third on (state, ppid, ...); the second may contain spaces and parentheses. */
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

/** The process of `postmaster.pid`, and whether it accepts connections (line 8, PostgreSQL 10+). */
export async function readPostmaster(data: string): Promise<{pid: number; isReady: boolean} | null> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return pid > 0 ? {pid, isReady: lines[7]?.startsWith('ready') ?? false} : null;
}

/** Stops the postmaster of a data folder, if one runs: fast, then immediate, then SIGKILL. */
export async function stopPostmaster(data: string, how: 'fast' | 'immediate' = 'fast'): Promise<void> {
  const found = await readPostmaster(data);
  // A pid file survives a crash and pids are reused, so require this folder in the command line.
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

/** Sends a signal to the postmaster and every backend. After SIGSTOP the server does not answer. */
export async function signalAll(data: string, name: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const found = await readPostmaster(data);
  if (!found) return;
  // The postmaster first, so that it cannot start more backends.
  signal(found.pid, name);
  for (const each of await childrenOf(found.pid)) signal(each, name);
}
