import {type ThemeName, themes} from '../core/configuration.ts';
import {usageError} from '../core/errors.ts';
import {parseDurationMs, writeDuration} from '../core/text/time.ts';
import type {CliContext} from './context.ts';

export const defaultInterval_ms = 2000;

/** How long a preflight counts statements by default. */
export const preflightWindow_ms = 3000;

/** `--interval` in milliseconds. Throws AbortError (exit 2) if invalid, as does every function of this file. */
export function readInterval({interval}: {interval?: string | undefined}): number {
  return interval === undefined
    ? defaultInterval_ms
    : readDuration('--interval', interval, {min: 500, max: 60_000});
}

/** `--wait` in milliseconds. */
export function readWait({wait}: {wait?: string | undefined}, default_ms: number): number {
  return wait === undefined
    ? default_ms
    : readDuration('--wait', wait, {min: 0, max: Number.POSITIVE_INFINITY});
}

/** `--rates` in milliseconds; null if not given. */
export function readRates({rates}: {rates?: string | undefined}): number | null {
  return rates === undefined ? null : readDuration('--rates', rates, {min: 100, max: 60_000});
}

/** The first of `--theme`, POOLCTL_THEME and `configured`. */
export function readTheme(
  {theme}: {theme?: string | undefined},
  {env}: Pick<CliContext, 'env'>,
  configured: ThemeName = 'auto',
): ThemeName {
  const [name, text] = theme === undefined ? ['POOLCTL_THEME', env.POOLCTL_THEME] : ['--theme', theme];
  if (!text) return configured;
  const found = themes.find(each => each === text);
  if (found === undefined)
    throw usageError(`invalid theme "${text}" for ${name}`, `Use ${themes.join(', ')}.`);
  return found;
}

/** The value of a flag in milliseconds, from `min` to `max`. */
export function readDuration(flag: string, text: string, {min, max}: {min: number; max: number}): number {
  const ms = parseDurationMs(text);
  if (ms === null) throw usageError(`invalid duration "${text}" for ${flag}`, 'Use 30s, 5min or 1h.');
  if (ms >= min && ms <= max) return ms;
  const range = Number.isFinite(max)
    ? `from ${writeDuration(min)} to ${writeDuration(max)}`
    : `of at least ${writeDuration(min)}`;
  throw usageError(`${flag} ${text} is out of range`, `Use a duration ${range}.`);
}
