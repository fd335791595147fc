/** Numbers as short text for people; JSON has the numbers themselves. What is too small to show is `<0.1`, never 0. */

/** `0s`, `12s`, `3m12s`, `2h05m`, `4d03h`: at most two units, at most six characters below 100 days. */
export function formatAge(ms: number | null): string {
  if (ms === null) return '-';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad2(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h${pad2(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d${pad2(Math.floor((seconds % 86_400) / 3600))}h`;
}

/** A time that figures are over, as an age; below a second `0.5s`. */
export function formatSpan(ms: number | null): string {
  if (ms !== null && ms < 950) return `${(ms / 1000).toFixed(1)}s`;
  return formatAge(ms === null ? null : Math.round(ms / 1000) * 1000);
}

/** A measured time: `0.04ms`, `12.3ms`, `1.24s`, `3m12s`. */
export function formatMs(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return '-';
  if (ms > 0 && ms < 0.005) return '<0.01ms';
  if (ms < 10) return `${ms.toFixed(2)}ms`;
  if (ms < 100) return `${ms.toFixed(1)}ms`;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)}s`;
  return formatAge(ms);
}

/** `7`, `1.2k`, `34k`, `5.6M`: at most four characters. */
export function formatCount(count: number | null): string {
  if (count === null || !Number.isFinite(count)) return '-';
  if (count > 0 && count < 0.05) return '<0.1';
  if (count < 10 && !Number.isInteger(count)) return count.toFixed(1);
  if (count < 1000) return String(Math.round(count));
  return scaled(count, 1000, ['k', 'M', 'G', 'T', 'P']);
}

/** `512B`, `8.0K`, `1.2M`: powers of 1024, as in PostgreSQL's size functions. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null || !Number.isFinite(bytes)) return '-';
  if (bytes < 1000) return `${Math.round(bytes)}B`;
  return scaled(bytes, 1024, ['K', 'M', 'G', 'T', 'P']);
}

/** `99.2%`; `-` for null. */
export function formatRatio(ratio: number | null, digits = 1): string {
  if (ratio === null || !Number.isFinite(ratio)) return '-';
  const least = 10 ** -digits;
  return ratio > 0 && ratio * 100 < least / 2 ? `<${least}%` : `${(ratio * 100).toFixed(digits)}%`;
}

function scaled(value: number, base: number, units: string[]): string {
  let rest = value / base;
  let unit = 0;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  return `${rest < 9.95 ? rest.toFixed(1) : Math.round(rest)}${units[unit]}`;
}

function pad2(value: number): string {
  return String(value).padStart(2, '0');
}

/** `1 session`, `3 sessions`; `2 entries` with an irregular plural. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** The newest major version of PostgreSQL whose views poolctl knows; a newer one is read by what it has of them. */
export const newestKnownMajor = 19;

/** ` (newer than 19)`: poolctl does not know the version; else ''. */
export function newerThanKnown(server_version_num: number): string {
  return server_version_num < (newestKnownMajor + 1) * 10_000 ? '' : ` (newer than ${newestKnownMajor})`;
}

/** `180004` is `18.4`: PostgreSQL's server_version_num, from 10 on. */
export function formatVersion(server_version_num: number): string {
  return `${Math.floor(server_version_num / 10_000)}.${server_version_num % 10_000}`;
}
