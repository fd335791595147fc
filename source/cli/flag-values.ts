import {usageError} from '../core/errors.ts';
import {parseDurationMs, writeDuration} from '../core/text/duration.ts';

export const defaultInterval_ms = 2000;

/** `--interval` in milliseconds. Throws AbortError (exit 2), as do the other readers of a flag's value. */
export function readInterval({interval}: {interval?: string | undefined}): number {
  return interval === undefined
    ? defaultInterval_ms
    : readDuration('--interval', interval, {least: 500, most: 60_000});
}

/** `--wait` in milliseconds. */
export function readWait({wait}: {wait?: string | undefined}, otherwise: number): number {
  return wait === undefined
    ? otherwise
    : readDuration('--wait', wait, {least: 0, most: Number.POSITIVE_INFINITY});
}

/** `--rates` in milliseconds; null where it is not given. */
export function readRates({rates}: {rates?: string | undefined}): number | null {
  return rates === undefined ? null : readDuration('--rates', rates, {least: 100, most: 60_000});
}

/** `text`, the value of a flag as typed, in milliseconds. */
export function readDuration(
  flag: string,
  text: string,
  {least, most}: {least: number; most: number},
): number {
  const ms = parseDurationMs(text);
  if (ms === null) throw usageError(`invalid duration "${text}" for ${flag}`, 'Use 30s, 5min or 1h.');
  if (ms >= least && ms <= most) return ms;
  const range = Number.isFinite(most)
    ? `from ${writeDuration(least)} to ${writeDuration(most)}`
    : `of at least ${writeDuration(least)}`;
  throw usageError(`${flag} ${text} is out of range`, `Use a duration ${range}.`);
}
