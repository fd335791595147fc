const unitMs: Record<string, number> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  sec: 1000,
  secs: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  mins: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hrs: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
};

/**
 * Parses a duration in PostgreSQL's interval formats: `10min`, `1 hour 30 min`, `1h30m`, `00:10:00`, `PT10M`; a number
 * alone is seconds. Negative durations, months and years are invalid. Returns milliseconds, or null if invalid.
 */
export function parseDurationMs(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  const clock = /^(\d+):([0-5]?\d)(?::([0-5]?\d(?:\.\d+)?))?$/.exec(trimmed);
  if (clock) return Number(clock[1]) * 3_600_000 + Number(clock[2]) * 60_000 + Number(clock[3] ?? 0) * 1000;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  const iso = /^p(?:(\d+)d)?(?:t(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?)?$/.exec(trimmed);
  if (iso && trimmed.length > 1) {
    return (
      Number(iso[1] ?? 0) * 86_400_000 +
      Number(iso[2] ?? 0) * 3_600_000 +
      Number(iso[3] ?? 0) * 60_000 +
      Number(iso[4] ?? 0) * 1000
    );
  }
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(trimmed)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const factor = unitMs[unit ?? ''];
    if (factor === undefined) return null;
    totalMs += Number(amount) * factor;
  }
  return totalMs;
}

const writtenUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** The reverse of `parseDurationMs`, in the largest unit without a fraction: `30s`, `5min`, `1500ms`. */
export function writeDuration(ms: number): string {
  const [unit, factor] = writtenUnits.find(([, each]) => ms > 0 && ms % each === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}

const dayMs = 86_400_000;

/**
 * Parses a time in a recording that ends at `last_ms`: `14:03` or `14:03:20` (UTC, the last one before the end), a UTC date
 * and time, or a duration before the end. Returns milliseconds since 1970, or null if invalid.
 */
export function parseTimestamp(text: string, last_ms: number): number | null {
  const [, hours, minutes, seconds = '00'] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hours !== undefined && minutes !== undefined) {
    const day = new Date(last_ms).toISOString().slice(0, 10);
    const at_ms = Date.parse(`${day}T${hours.padStart(2, '0')}:${minutes}:${seconds}Z`);
    return at_ms > last_ms ? at_ms - dayMs : at_ms;
  }
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) {
    const at_ms = Date.parse(`${text.replace(' ', 'T').replace(/Z$/, '')}Z`);
    return Number.isNaN(at_ms) ? null : at_ms;
  }
  // 25:00 is no time of the day, and not 25 hours ago.
  if (/^\d+:/.test(text)) return null;
  const ago_ms = parseDurationMs(text);
  return ago_ms === null ? null : last_ms - ago_ms;
}

/** Index of the last time at or before `at_ms`; 0 if all are later, -1 if there are none. */
export function indexAt(times: readonly {at_ms: number}[], at_ms: number): number {
  let [from, to] = [0, times.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((times[middle]?.at_ms ?? 0) <= at_ms) from = middle + 1;
    else to = middle;
  }
  return times.length === 0 ? -1 : Math.max(0, from - 1);
}
