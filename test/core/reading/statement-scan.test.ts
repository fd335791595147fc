import {describe, expect, it} from 'vitest';
import {chooseWatched, parseScan} from '../../../source/core/reading/statement-scan.ts';

describe('parseScan', () => {
  it('reads triples, and adds up entries of one queryid', () => {
    expect(parseScan('-5 2 1.5 7 1 10 -5 3 0.5')).toEqual(
      new Map([
        ['-5', {calls: 5, total_exec_time_ms: 2}],
        ['7', {calls: 1, total_exec_time_ms: 10}],
      ]),
    );
    expect(parseScan('')).toEqual(new Map());
  });
});

describe('chooseWatched', () => {
  /** A thousand statements with months behind them, by queryid, calls and total time. */
  const longRunning = Array.from({length: 1000}, (_, index) => `${index + 1} 1000000 ${5_000_000 + index}`);

  it('finds the one that has become busy, however little it sums up to', () => {
    const before = parseScan([...longRunning, '9001 10 5', '9002 10 5'].join(' '));
    const now = parseScan([...longRunning, '9001 12 4000', '9002 50000 15'].join(' '));
    const watched = chooseWatched(before, now);
    expect(watched.slice(0, 2)).toEqual(['9001', '9002']);
    expect(watched.length).toBeLessThanOrEqual(80);
  });

  it('finds the slowest on average with the first scan', () => {
    expect(chooseWatched(null, parseScan([...longRunning, '9003 1 30000'].join(' ')))[0]).toBe('9003');
  });
});
