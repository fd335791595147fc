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
