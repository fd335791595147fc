import {describe, expect, it} from 'vitest';
import {createClock, utcClock} from '../../../source/core/text/clock.ts';

const at = Date.parse('2026-03-28T23:30:05Z');

describe('a clock', () => {
  it.each([
    ['UTC', at + 1000, '23:30:05Z'],
    ['Europe/London', at + 1000, '23:30:05Z'],
    ['America/New_York', at + 1000, '23:30:05Z (19:30:05-04:00)'],
    ['Europe/Berlin', at + 1000, '23:30:05Z (2026-03-29 00:30:05+01:00)'],
    ['Asia/Kathmandu', at + 86_400_000, '2026-03-28 23:30:05Z (2026-03-29 05:15:05+05:45)'],
    ['America/New_York', at + 86_400_000, '2026-03-28 23:30:05Z (19:30:05-04:00)'],
  ])('has UTC, and the time of %s beside it, with the date where it is needed', (time_zone, to_ms, text) => {
    expect(createClock({from_ms: at, to_ms, time_zone})(at)).toBe(text);
  });

  it('follows the summer time of its zone', () => {
    const clock = createClock({from_ms: at, to_ms: at + 86_400_000, time_zone: 'Europe/Berlin'});
    expect(clock('2026-03-29T00:59:59Z')).toBe('2026-03-29 00:59:59Z (01:59:59+01:00)');
    expect(clock('2026-03-29T01:00:00Z')).toBe('2026-03-29 01:00:00Z (03:00:00+02:00)');
  });

  it('without a period has the date', () => expect(utcClock(at)).toBe('2026-03-28 23:30:05Z'));
});
