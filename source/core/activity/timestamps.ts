import type {RecordedAt} from '../../model/ports.ts';
import {parseDurationMs} from '../text/duration.ts';

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
  const ago_ms = parseDurationMs(text);
  return ago_ms === null ? null : last_ms - ago_ms;
}

/** Index of the last time at or before `at_ms`; 0 if all are later, -1 if there are none. */
export function indexAt(times: readonly RecordedAt[], at_ms: number): number {
  let [from, to] = [0, times.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((times[middle]?.at_ms ?? 0) <= at_ms) from = middle + 1;
    else to = middle;
  }
  return times.length === 0 ? -1 : Math.max(0, from - 1);
}
