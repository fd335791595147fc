import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';

/** What a process and its descendants, ended ones included, have used so far, from /proc. */
export function readUsage(pid: number): {cpu_s: number; peakMemory_MB: number} {
  const all = processes();
  const family = [pid];
  for (const parent of family) {
    for (const {pid: child, parent: its} of all.values()) if (its === parent) family.push(child);
  }
  let ticks = 0;
  let peak_kB = 0;
  for (const member of family) {
    ticks += all.get(member)?.ticks ?? 0;
    peak_kB += memory_kB(member, 'VmHWM');
  }
  if (ticks === 0) throw new Error(`no process ${pid}`);
  return {cpu_s: ticks / ticksPerSecond(), peakMemory_MB: peak_kB / 1024};
}

type Process = {pid: number; parent: number; ticks: number};

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readIfThere(`/proc/${name}/stat`) : null;
    if (stat === null) continue;
    // The second field is the command in parentheses and may contain any character, so count from the last parenthesis.
    const [, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
    const ticks = rest.slice(9, 13).reduce((sum, field) => sum + Number(field), 0);
    found.set(Number(name), {pid: Number(name), parent: Number(parent), ticks});
  }
  return found;
}

/** The resident memory of one process now, and at most. */
export function readMemory(pid: number): {resident_MB: number; peak_MB: number} {
  return {resident_MB: memory_kB(pid, 'VmRSS') / 1024, peak_MB: memory_kB(pid, 'VmHWM') / 1024};
}

function memory_kB(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const [, kB] =
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readIfThere(`/proc/${pid}/status`) ?? '') ?? [];
  return Number(kB ?? 0);
}

function ticksPerSecond(): number {
  return Number(execFileSync('getconf', ['CLK_TCK'], {encoding: 'utf8'}));
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
