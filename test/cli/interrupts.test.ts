import {afterEach, beforeEach, expect, it, vi} from 'vitest';
import type * as Interrupts from '../../source/cli/interrupts.ts';
import {exitCodes} from '../../source/core/errors.ts';
import type {ExitCode} from '../../source/model/run.ts';

let interrupts: typeof Interrupts;
let exits: ExitCode[];
let messages: string[];

/** The module remembers the first signal of the process, so each test imports a new copy of it. */
beforeEach(async () => {
  vi.resetModules();
  interrupts = await import('../../source/cli/interrupts.ts');
  vi.useFakeTimers();
  [exits, messages] = [[], []];
});
afterEach(() => {
  vi.useRealTimers();
});

function take(within_ms?: number) {
  return interrupts.catchInterrupts(
    {
      output: {stderr: text => messages.push(text)},
      exit: (code => exits.push(code)) as (code: ExitCode) => never,
    },
    within_ms === undefined ? {} : {within_ms},
  );
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('the process exits after %s with %i, whatever signal follows', (cause, exitCode) => {
  const taken = take();
  expect(interrupts.exitCodeAfterSignal(exitCodes.interrupted)).toBe(130);
  taken.interrupt(cause);
  taken.interrupt('SIGHUP');
  expect(taken.signal.aborted).toBe(true);
  expect(interrupts.exitCodeAfterSignal(exitCodes.interrupted)).toBe(exitCode);
  expect(interrupts.exitCodeAfterSignal(exitCodes.ok)).toBe(0);
  taken.release();
});

it('a second signal ends the process at once, after the message that it is finishing', () => {
  const taken = take();
  taken.interrupt('SIGTERM');
  taken.interrupt('SIGTERM');
  expect([exits, messages]).toEqual([[], []]);
  vi.advanceTimersByTime(500);
  expect(messages).toEqual(['poolctl: interrupted, finishing (press Ctrl-C again to end immediately)']);
  // A closing terminal also sends a SIGHUP, which is not a second request.
  taken.interrupt('SIGHUP');
  expect(exits).toEqual([]);
  taken.interrupt('SIGINT');
  expect(exits).toEqual([143]);
  expect(messages.at(-1)).toMatch(
    /ended immediately\. The outcome of a running step is unknown: 'poolctl journal verify'/,
  );
  taken.release();
});

it('the process exits after within_ms without a second signal', () => {
  const taken = take(10_000);
  taken.interrupt('SIGHUP');
  vi.advanceTimersByTime(9999);
  expect(exits).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(exits).toEqual([129]);
  expect(messages.at(-1)).toMatch(/^poolctl: not finished within 10 s\. /);
  taken.release();
});

it('release() removes the signal handlers, and nothing more is printed', () => {
  const before = process.listenerCount('SIGTERM');
  const taken = take(10_000);
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  taken.interrupt('SIGTERM');
  taken.release();
  vi.advanceTimersByTime(60_000);
  expect([exits, messages, process.listenerCount('SIGTERM')]).toEqual([[], [], before]);
});
