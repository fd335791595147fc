import {AbortError, exitCodes} from '../../core/errors.ts';
import type {SampleEvent} from '../../model/ports.ts';
import {sqlstateOf} from '../sqlstate.ts';

/**
 * How long to wait before the next try to connect. A restart takes a second or two and somebody watches it, so
 * for ten seconds it is tried every 100 to 200 ms, and less and less often after that. A full server pays a process
 * for each try; one that refuses the password may lock the account.
 */
export function reconnectPauseMs(error: unknown, lostFor_ms: number): number {
  const sqlstate = sqlstateOf(error);
  const jitter = 1 + Math.random();
  if (sqlstate !== null && /^(28|3D)/.test(sqlstate)) return 2500 * jitter;
  if ((error as {exitCode?: unknown}).exitCode === exitCodes.noSlot) {
    return Math.min(1000, 150 + lostFor_ms / 20) * jitter;
  }
  return lostFor_ms < 10_000 ? 100 * jitter : Math.min(1000, lostFor_ms / 50) * jitter;
}

/** A loss as the console is told of it: one line, and when it is tried again. */
export function toLost(error: unknown, retry_in_ms: number): SampleEvent {
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'lost',
    message: message.split('\n', 1)[0] ?? message,
    ...(error instanceof AbortError && error.hint !== undefined && {hint: error.hint}),
    retry_in_ms: Math.round(retry_in_ms),
    sqlstate: sqlstateOf(error),
  };
}
