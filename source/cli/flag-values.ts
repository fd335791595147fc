import {usageError} from '../core/errors.ts';
import {parseDurationMs} from '../core/text/duration.ts';
import type {Flags} from './call/parse-call.ts';

/** Flags that are durations, in milliseconds. Each throws AbortError (exit 2) for what is none, or out of range. */
export function readInterval({interval}: Flags): number {
  return interval === undefined ? 2000 : readDuration('--interval', interval, {least: 500, most: 60_000});
}

export function readWait({wait}: Flags, otherwise: number): number {
  return wait === undefined
    ? otherwise
    : readDuration('--wait', wait, {least: 0, most: Number.POSITIVE_INFINITY});
}

export function readRates({rates}: Flags): number | null {
  return rates === undefined ? null : readDuration('--rates', rates, {least: 100, most: 60_000});
}

type Range = {least: number; most: number};

/** `text`, the value of flag `name` as typed, in milliseconds. */
export function readDuration(name: string, text: string, {least, most}: Range): number {
  const ms = parseDurationMs(text);
  if (ms !== null && ms >= least && ms <= most) return ms;
  const range = Number.isFinite(most) ? `, from ${least / 1000}s to ${most / 1000}s` : '';
  throw usageError(
    `${name} ${text}: no time poolctl can use here`,
    `Write it as PostgreSQL reads intervals, such as 2s or 1min${range}.`,
  );
}
