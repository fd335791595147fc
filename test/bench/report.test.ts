import {describe, expect, it} from 'vitest';
import {createResults, median} from './measurement.ts';
import {toMarkdown} from './report.ts';

describe('median', () => {
  it.each([
    [[], null],
    [[4], 4],
    [[9, 1], 5],
    [[100, 1, 2], 2],
    [[4, 3, 2, 1], 2.5],
  ])('of %j is %j', (samples, expected) => {
    expect(median(samples)).toBe(expected);
  });
});

describe('the report', () => {
  const row = {figure: 'start', condition: 'quiet', unit: 'ms'} as const;
  const programs = [
    {name: 'poolctl', version: '1'},
    {name: 'peer', version: '2'},
    {name: 'other', version: null},
  ];

  function report(samples: [string, number | {failure: string}][]): string {
    const results = createResults();
    for (const [program, sample] of samples) results.add({...row, program}, sample);
    return toMarkdown({facts: [{label: 'node', text: 'v1'}], programs, measurements: results.all()});
  }

  it('shows medians with their spread, ratios to the installed peers, and names the missing ones', () => {
    const text = report([
      ['poolctl', 120],
      ['poolctl', 100],
      ['poolctl', 110],
      ['peer', 1234.5],
      ['node', 60],
    ]);
    expect(text).toContain('- other: absent, not measured');
    expect(text).toContain('|  | unit | poolctl | peer | node | poolctl / peer |');
    expect(text).toContain('| start, quiet | ms | 110 (100 - 120, 3) | 1,230 | 60 | 0.09 |');
  });

  it('prints failures beside what succeeded', () => {
    const text = report([
      ['poolctl', 7],
      ['poolctl', {failure: 'not seen within 9 ms'}],
      ['poolctl', {failure: 'not seen within 9 ms'}],
      ['peer', {failure: 'ended'}],
    ]);
    expect(text).toContain('| start, quiet | ms | 7, 2 failed | 1 failed |  | - |');
    expect(text).toContain('- poolctl, start, quiet: not seen within 9 ms (2 times)');
    expect(text).toContain('- peer, start, quiet: ended (1 times)');
  });

  it('shows no ratio if poolctl was not measured', () => {
    const results = createResults();
    results.add({...row, program: 'peer'}, 5);
    const text = toMarkdown({
      facts: [],
      programs: [
        {name: 'poolctl', version: null},
        {name: 'peer', version: '2'},
      ],
      measurements: results.all(),
    });
    expect(text).toContain('- poolctl: absent, not measured');
    expect(text).toContain('| start, quiet | ms | 5 |  |');
  });
});
