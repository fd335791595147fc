/** PostgreSQL 13: the oldest version that poolctl's queries are written for. */
export const oldestVersionNum = 130_000;

/** `15.18 (Debian ...)` as the server numbers it, 150018; also `18beta1` and `9.6.24`. 0 when it is no version. */
export function parseServerVersion(version: string): number {
  const [, first, second, third] = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? [];
  const major = Number(first ?? 0);
  if (major >= 10) return major * 10_000 + Number(second ?? 0);
  return major * 10_000 + Number(second ?? 0) * 100 + Number(third ?? 0);
}
