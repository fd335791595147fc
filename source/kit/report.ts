/** What a pool reports of itself. */
export type PoolState = {busy: number; size: number; waiting: number; p95_ms: number | null};

/** PostgreSQL keeps 63 bytes of an application_name (NAMEDATALEN - 1). */
export const nameBytes = 63;
/** `[9999/9999 w99999 p95 850ms #k3f.zz]` */
const reportBytes = 36;
export const turns = 36 ** 2;

/**
 * The name of an application as its sessions have it, with a report or without: printable ASCII, because the server replaces
 * other characters (with `?` up to 15, with `\xc3` from 16 on), and short enough for the longest report.
 */
export function cleanName(application: string): string {
  return application.replace(/[^ -~]/gu, '?').slice(0, nameBytes - reportBytes);
}

/** `[9/9 w34 p95 1.2s`: a report without its end. */
export function writeState({busy, size, waiting, p95_ms}: PoolState): string {
  const wait = p95_ms === null ? '' : ` p95 ${writeTime(p95_ms)}`;
  return `[${Math.min(busy, 9999)}/${Math.min(size, 9999)} w${Math.min(waiting, 99_999)}${wait}`;
}

/** `web[9/9 w34 p95 1.2s #k3f.a]` */
export function writeReport(name: string, state: string, instance: string, turn: number): string {
  return `${name}${state} #${instance}.${(turn % turns).toString(36)}]`;
}

/** `850ms`, `1.2s`, `34s`; at least 1 ms. */
export function writeTime(ms: number): string {
  const whole = Math.max(1, Math.round(ms));
  if (whole < 1000) return `${whole}ms`;
  const tenths = Math.round(ms / 100);
  return tenths < 100 ? `${(tenths / 10).toFixed(1)}s` : `${Math.min(9999, Math.round(ms / 1000))}s`;
}
