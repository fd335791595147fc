import {describe, expect, it} from 'vitest';
import {idUsage, keepReadings} from '../../../source/core/server/id-usage.ts';
import type {IdReading} from '../../../source/model/server-facts.ts';

const at = (minutes: number, next_xid: number, parts: Partial<IdReading> = {}): IdReading => ({
  ...{at: new Date(Date.UTC(2026, 0, 31) + minutes * 60_000).toISOString(), next_xid},
  ...{next_multixact: 1, system_identifier: 'one', ...parts},
});
const keptOf = (...readings: IdReading[]) => readings.reduce(keepReadings, [] as IdReading[]);

describe('the ids that are used', () => {
  it('are over the longest time that is known', () => {
    const kept = keptOf(at(0, 1000), at(5, 1500), at(60, 4000));
    const now = at(90, 10_000);
    expect(idUsage(kept, {now, checkpoint: at(85, 9000)}).since).toEqual({
      ...{interval_ms: 90 * 60_000, is_checkpoint: false, xids: 9000, multixacts: 0},
    });
    expect(idUsage([now], {now, checkpoint: at(85, 9000)}).since).toEqual({
      ...{interval_ms: 5 * 60_000, is_checkpoint: true, xids: 1000, multixacts: 0},
    });
  });

  it('are unknown in the first half minute', () => {
    expect(idUsage([at(0, 1000)], {now: at(0.4, 1100), checkpoint: at(0.1, 1050)}).since).toBeNull();
    expect(idUsage([], {now: at(0, 1100), checkpoint: null}).since).toBeNull();
  });

  it('are of a day at most, of one server, and count multixacts beyond 2^32', () => {
    expect(keptOf(at(0, 1000), at(25 * 60, 2000)).map(({next_xid}) => next_xid)).toEqual([2000]);
    expect(keptOf(at(0, 1000), at(20, 2000, {system_identifier: 'other'}))).toHaveLength(1);
    expect(keptOf(at(0, 1000), at(20, 500))).toHaveLength(1);
    const before = at(0, 1000, {next_multixact: 2 ** 32 - 10});
    const {since} = idUsage([before], {now: at(20, 1000, {next_multixact: 5}), checkpoint: null});
    expect(since?.multixacts).toBe(15);
  });
});
