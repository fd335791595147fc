import type {RecordedAt} from '../../model/recording.ts';
import {parseDurationMs} from '../text/duration.ts';
export const dayMs = 86_400_000;

/**
 * A moment as people name it, in milliseconds since 1970; null for what is none. `14:03` and `14:03:20` are those that
 * were last before `last_ms`, a date and time is meant as UTC, and a duration is so long before `last_ms`.
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

/** The last moment at or before a time; the first where there is none; -1 on an empty tape. */
export function indexAt(moments: readonly RecordedAt[], at_ms: number): number {
  let [from, to] = [0, moments.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((moments[middle]?.at_ms ?? 0) <= at_ms) from = middle + 1;
    else to = middle;
  }
  return moments.length === 0 ? -1 : Math.max(0, from - 1);
}
