import {usageError} from '../errors.ts';
import {parseDurationMs} from '../text/duration.ts';

export type TimeoutSetting = {
  name: string;
  /** server_version_num from which on there is one. */
  since: number;
  /** What it ends, and the error its application sees (SQLSTATE, errcodes.txt). */
  effect: string;
  suggestions: readonly string[];
};

/** In milliseconds on the server; 0 is no timeout. */
export const timeoutSettings: readonly TimeoutSetting[] = [
  {
    name: 'statement_timeout',
    since: 130_000,
    effect: 'a statement that runs longer is cancelled (57014)',
    suggestions: ['1s', '5s', '15s', '30s'],
  },
  {
    name: 'idle_in_transaction_session_timeout',
    since: 130_000,
    effect: 'a session idle in a transaction for longer is ended, and what it did rolled back (25P03)',
    suggestions: ['10s', '30s', '1min', '5min'],
  },
  {
    name: 'idle_session_timeout',
    since: 140_000,
    effect: 'a session idle outside of a transaction for longer is ended (57P05)',
    suggestions: ['10min', '30min', '1h'],
  },
  {
    name: 'lock_timeout',
    since: 130_000,
    effect: 'a statement that waits longer for one lock fails (55P03)',
    suggestions: ['1s', '2s', '5s'],
  },
  {
    name: 'transaction_timeout',
    since: 170_000,
    effect: 'a session whose transaction is open for longer is ended, at work or idle (25P04)',
    suggestions: ['1min', '5min', '15min'],
  },
];

/** A timeout as ALTER ROLE takes it. */
export type Timeout = {value: string; ms: number};

/** GUC_UNIT_MS in an int4. */
const mostMs = 2_147_483_647;

/**
 * `30s`, or `0` for no timeout; null where the parameter is not set. A bare number is refused: to PostgreSQL it would
 * be milliseconds, to people seconds. Throws AbortError (exit 2).
 */
export function readTimeout(name: string, text: string): Timeout | null {
  if (text === '') return null;
  const ms = text === '0' ? 0 : /^\d+$/.test(text) ? null : parseDurationMs(text);
  if (ms === null || !Number.isInteger(ms) || ms > mostMs) {
    throw usageError(
      `${name}=${text} is not a timeout`,
      'write it with its unit, as 30s or 5min; 0 is no timeout',
    );
  }
  return {value: writeTimeout(ms), ms};
}

function writeTimeout(ms: number): string {
  if (ms === 0) return '0';
  if (ms % 60_000 === 0) return `${ms / 60_000}min`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const unitMs: Record<string, number> = {ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000};

/** What PostgreSQL makes of a value that was set: a bare number is milliseconds. null where it is none of these. */
export function timeoutMs(value: string): number | null {
  const [, amount, unit = 'ms'] = /^(\d+)\s*([a-z]+)?$/.exec(value.trim()) ?? [];
  const factor = unitMs[unit];
  return amount === undefined || factor === undefined ? null : Number(amount) * factor;
}
