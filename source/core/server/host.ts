import type {CpuShares, HostReading} from '../../model/server-work.ts';

type Here = Extract<HostReading, {kind: 'here'}>;

/** The counters of all cores in /proc/stat, in clock ticks (proc_stat(5)); null if it is not that file. */
export function parseStat(text: string): {cpu: Here['cpu']; cores: number; booted_s: number} | null {
  const line = /^cpu +(.+)$/m.exec(text)?.[1];
  const booted_s = Number(/^btime (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  if (line === undefined || Number.isNaN(booted_s)) return null;
  // guest and guest_nice, the last two, are part of user and nice.
  const ticks = line.trim().split(/ +/).map(Number).slice(0, 8);
  const [, , , idle = 0, iowait = 0, , , steal = 0] = ticks;
  const total = ticks.reduce((sum, each) => sum + each, 0);
  return {cpu: {total, idle, iowait, steal}, cores: text.match(/^cpu\d+ /gm)?.length ?? 0, booted_s};
}

/** /proc/loadavg; null if it is not that file. */
export function parseLoad(text: string): Here['load'] | null {
  const [one, five, fifteen] = text.split(' ').slice(0, 3).map(Number);
  const isWhole = [one, five, fifteen].every(each => each !== undefined && !Number.isNaN(each));
  return isWhole ? [one ?? 0, five ?? 0, fifteen ?? 0] : null;
}

/** /proc/meminfo; null without MemAvailable, which Linux has since 3.14. */
export function parseMemory(text: string): Here['memory'] | null {
  const bytesOf = (name: string) => {
    const value = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    return value === undefined ? null : Number(value) * 1024;
  };
  const [total_bytes, available_bytes] = [bytesOf('MemTotal'), bytesOf('MemAvailable')];
  if (total_bytes === null || available_bytes === null) return null;
  const swap_used_bytes = (bytesOf('SwapTotal') ?? 0) - (bytesOf('SwapFree') ?? 0);
  return {total_bytes, available_bytes, swap_used_bytes};
}

/** When the process of /proc/PID/stat started, in clock ticks after the boot; null if it is not that file. */
export function parseStartTicks(text: string): number | null {
  // The name, in parentheses, may contain spaces and parentheses; starttime is field 22 (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[19] ?? Number.NaN);
  return Number.isNaN(ticks) ? null : ticks;
}

/** USER_HZ, which is 100 on every architecture that PostgreSQL is built for but Alpha (asm/param.h). */
const ticksPerSecond = 100;

/** Ticks, and the clock that was set meanwhile. */
const startTolerance_s = 2;

/** A session's backend as the server describes it. */
export type Backend = {pid: number; started_s: number; client_port: number | null};

/** What /proc of this machine has under that pid; texts are null if it has nothing there. */
export type ProcessFiles = {cmdline: string | null; stat: string | null; booted_s: number};

/**
 * Why the process of that pid here is not that backend: null if it is, which proves that the server runs on this machine,
 * in this pid namespace. Its title names the client (init_ps_display in ps_status.c) and it started when the session did.
 */
export function whyElsewhere({pid, started_s, client_port}: Backend, files: ProcessFiles): string | null {
  const {cmdline, stat, booted_s} = files;
  const away = `the server's process ${pid} is not on this machine`;
  if (cmdline === null || stat === null) return away;
  const title = cmdline.replaceAll('\0', ' ');
  const client = client_port === null ? '[local]' : `(${client_port})`;
  if (!title.startsWith('postgres: ') || !title.includes(client)) return away;
  const ticks = parseStartTicks(stat);
  const begun_s = booted_s + (ticks ?? Number.NaN) / ticksPerSecond;
  return Math.abs(begun_s - started_s) <= startTolerance_s ? null : away;
}

/** null if no time has passed. */
export function cpuShares(before: Here, now: Here): CpuShares | null {
  const ticks = now.cpu.total - before.cpu.total;
  // The kernel's idle and iowait may go back a little (proc_stat(5)).
  const over = (read: (cpu: Here['cpu']) => number) => Math.max(0, read(now.cpu) - read(before.cpu));
  if (ticks <= 0) return null;
  const [idle, iowait, steal] = [over(({idle}) => idle), over(cpu => cpu.iowait), over(cpu => cpu.steal)];
  return {
    busy: Math.max(0, ticks - idle - iowait) / ticks,
    iowait: iowait / ticks,
    steal: steal / ticks,
    interval_ms: now.at_ms - before.at_ms,
  };
}
