import {describe, expect, it} from 'vitest';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {
  createAdaptiveInterval,
  createInterruptibleTimer,
  reconnectPauseMs,
} from '../../../source/postgres/sampler/schedule.ts';

/** The server's error as the cause of what `connect` throws. */
function refused(code: string, exitCode: 3 | 4 = 3): AbortError {
  return new AbortError('refused', {exitCode, cause: Object.assign(new Error('refused'), {code})});
}

describe('createAdaptiveInterval', () => {
  it.each([
    ['the requested interval', 2000, [], 2000],
    ['at least half a second', 10, [], 500],
    ['at most a minute', 90_000, [], 60_000],
    ['unchanged after one slow read', 2000, [900], 2000],
    ['longer after two slow reads', 2000, [400, 900], 4000],
    ['the requested interval again after a quick read', 2000, [400, 900, 3], 2000],
    ['at most a minute, however slow the reads', 2000, [9000, 9000], 60_000],
  ])('%s', (_, interval_ms, reads_ms, expected) => {
    const interval = createAdaptiveInterval(interval_ms);
    for (const read_ms of reads_ms) interval.record(read_ms);
    expect(interval.effectiveMs()).toBe(expected);
  });
});

describe('the pause before connecting again', () => {
  it.each([
    ['after a restart', new Error('ECONNREFUSED'), 0, 100, 200],
    ['ten seconds after it', new Error('ECONNREFUSED'), 10_000, 200, 400],
    ['a minute after it', new Error('ECONNREFUSED'), 60_000, 1000, 2000],
    ['while every slot is taken', refused('53300', exitCodes.noSlot), 0, 150, 300],
    ['while every slot has been taken for a minute', refused('53300', exitCodes.noSlot), 60_000, 1000, 2000],
    ['where the password is wrong, which may lock the account', refused('28P01'), 0, 2500, 5000],
    ['where it has been wrong for a minute', refused('28P01'), 60_000, 60_000, 120_000],
    ['where pg_hba.conf has no entry', refused('28000'), 0, 2500, 5000],
    ['where the database does not exist', refused('3D000'), 0, 2500, 5000],
  ])('%s', (_, error, lostFor_ms, least_ms, most_ms) => {
    const pauses_ms = Array.from({length: 200}, () => reconnectPauseMs(error, lostFor_ms));
    expect(Math.min(...pauses_ms)).toBeGreaterThanOrEqual(least_ms);
    expect(Math.max(...pauses_ms)).toBeLessThanOrEqual(most_ms);
  });

  it.each([
    ['at once after one that lasted', 5000, 0],
    ['not at once after one that broke soon', 4999, 100],
  ])('%s', (_, lasted_ms, least_ms) => {
    const pause_ms = reconnectPauseMs(refused('08006'), 0, lasted_ms);
    expect(pause_ms).toBeGreaterThanOrEqual(least_ms);
    if (least_ms === 0) expect(pause_ms).toBe(0);
  });
});

it('ends a wait at once whose connection was lost before', async () => {
  const timer = createInterruptibleTimer(new AbortController().signal);
  const lost = Promise.resolve(new Error('connection terminated'));
  for (let turn = 0; turn < 2; turn++)
    await expect(timer.sleep(60_000, lost)).rejects.toThrow('connection terminated');
});
