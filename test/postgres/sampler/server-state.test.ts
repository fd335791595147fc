import {describe, expect, it} from 'vitest';
import {createServerStateReader, type ServerPace} from '../../../source/postgres/sampler/server-state.ts';

/** The parts that each refresh reads, by a clock of its own. */
function refresh(count: number, {pace, interval_ms}: {pace: ServerPace; interval_ms: number}): string[][] {
  let now_ms = 0;
  let read: string[] = [];
  const attempt = async (name: string) => void read.push(name.replace('server.', ''));
  const reader = createServerStateReader({} as never, {attempt}, () => now_ms);
  return Array.from({length: count}, () => {
    read = [];
    reader.read(pace);
    now_ms += interval_ms;
    return read;
  });
}

describe('what the Server view reads', () => {
  it('is everything when it opens, rates at the next refresh, then one part in turn beside the progress of commands', () => {
    const [first = [], second = [], ...rest] = refresh(62, {pace: 'shown', interval_ms: 2000});
    expect(first).toHaveLength(9);
    expect(second.toSorted()).toEqual(['host', 'io', 'progress', 'wal']);
    for (const parts of rest) expect(parts.filter(part => part !== 'progress').length).toBeLessThanOrEqual(1);
    expect(rest.filter(parts => parts.includes('progress'))).toHaveLength(60);
    const times = (part: string) => rest.filter(parts => parts.includes(part)).length;
    for (const part of ['wal', 'io', 'replication', 'host', 'server_log'])
      expect(times(part)).toBeGreaterThanOrEqual(7);
    for (const part of ['maintenance', 'autovacuum', 'write_state'])
      expect(times(part)).toBeGreaterThanOrEqual(3);
  });

  it('is each part once in half a minute for a recording, one in a refresh', () => {
    const [first = [], ...rest] = refresh(61, {pace: 'recorded', interval_ms: 2000});
    // The facts of the assessments, which are recorded, have the others.
    expect(first).toEqual(['progress', 'host', 'wal', 'io', 'autovacuum']);
    for (const parts of rest) expect(parts.length).toBeLessThanOrEqual(1);
    for (const part of first) {
      const times = rest.filter(parts => parts.includes(part)).length;
      expect(times).toBeGreaterThanOrEqual(3);
      expect(times).toBeLessThanOrEqual(4);
    }
  });

  it('is the host only where its cores are needed, once', () => {
    expect(refresh(3, {pace: 'host', interval_ms: 2000})).toEqual([['host'], [], []]);
  });
});
