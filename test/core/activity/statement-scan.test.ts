import {describe, expect, it} from 'vitest';
import {
  addScanned,
  chooseStatements,
  partsOf,
  type StatementScan,
  scanGrowth,
} from '../../../source/core/activity/statement-scan.ts';

function scanOf(...quadruples: string[]): StatementScan {
  const scan: StatementScan = new Map();
  for (const part of partsOf(quadruples.join('\n'))) addScanned(scan, part);
  return scan;
}

/** A thousand statements with months behind them. */
const longRunning = Array.from(
  {length: 1000},
  (_, index) => `10/5/${index + 1}/true 1000000 ${5_000_000 + index} 1`,
);

describe('addScanned', () => {
  it('parses the parts of a scan', () => {
    const scan = scanOf('10/5/-5/true 2 1.5 3', '10/5/7/false 1 10 0');
    expect(scan).toEqual(
      new Map([
        ['10/5/-5/true', {calls: 2, total_exec_time_ms: 1.5, rows: 3}],
        ['10/5/7/false', {calls: 1, total_exec_time_ms: 10, rows: 0}],
      ]),
    );
    addScanned(scan, '');
    expect(scan.size).toBe(2);
    const many = Array.from({length: 20_000}, (_, index) => `10/5/${index}/true ${index} 1 0`);
    expect([...partsOf(many.join('\n'))].length).toBeGreaterThan(3);
    expect(scanOf(...many).size).toBe(20_000);
    expect(scanOf(...many).get('10/5/19999/true')?.calls).toBe(19_999);
  });
});

describe('scanGrowth', () => {
  it('has new statements and those that were called, not those that were reset', () => {
    const before = scanOf('a 10 100 5', 'b 3 30 1', 'reset 9 90 9', 'evicted 9 90 9', 'quick 9 90 9');
    const now = scanOf(
      ...['a 12 150 6', 'b 3 30 1', 'reset 1 10 1', 'new 2 8 0'],
      // Called more often since than ever before.
      ...['evicted 12 95 2', 'quick 12 5 12'],
    );
    expect(scanGrowth(before, now)).toEqual(scanOf('a 2 50 1', 'new 2 8 0'));
    expect(scanGrowth(null, now)).toBeNull();
  });
});

describe('chooseStatements', () => {
  it('has the busiest since the scan before first, however small their totals', () => {
    const before = scanOf(...longRunning, 'slow 10 5 0', 'often 10 5 0');
    const now = scanOf(...longRunning, 'slow 12 4000 0', 'often 50000 15 0');
    const chosen = chooseStatements(now, scanGrowth(before, now), 200);
    expect(chosen.slice(0, 2)).toEqual(['slow', 'often']);
    expect(chosen).toHaveLength(200);
    expect(chosen[2]).toBe('10/5/1000/true');
  });

  it('has the true top of many that were called', () => {
    const before = scanOf(...longRunning);
    const times = Array.from({length: 1000}, (_, index) => ({
      key: `10/5/${index + 1}/true`,
      ms: (index * 617) % 1009,
    }));
    const now = scanOf(...times.map(({key, ms}, index) => `${key} 1000001 ${5_000_000 + index + ms} 1`));
    const costliest = times.toSorted((a, b) => b.ms - a.ms).slice(0, 100);
    expect(chooseStatements(now, scanGrowth(before, now), 200).slice(0, 100)).toEqual(
      costliest.map(({key}) => key),
    );
  });

  it('has the slowest statements of the first scan', () => {
    expect(chooseStatements(scanOf(...longRunning, 'x 1 30000 0'), null, 200)[0]).toBe('x');
  });
});
