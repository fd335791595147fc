import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {childrenOf, commandLine, isAlive, signal, waitFor} from './processes.ts';

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
