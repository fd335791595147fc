import {describe, expect, it} from 'vitest';
import {createAssessor} from '../../../source/core/assessment/assess.ts';
import {emptyLog, withChanges} from '../../../source/core/assessment/change-log.ts';
import {addSample} from '../../../source/core/assessment/samples.ts';
import {noDiagnosisData} from '../../../source/core/recipe/diagnose.ts';
import type {Sample} from '../../../source/model/assessment.ts';
import {createFinding} from '../../console/played.ts';
import {createSnapshot, createStatement} from '../../helpers/snapshot.ts';
import {added, at, info, logOf, orders, sessions, set} from './changes-readings.ts';

describe('over several readings', () => {
  const wave = (count: number) => [
    ...sessions(4),
    ...sessions(count, {backend_age_ms: 20_000, client_addr: '10.0.0.8'}),
    ...sessions(4, {backend_age_ms: 3000, client_addr: '10.0.0.8'}),
  ];

  it('counts a wave of connects as one', () => {
    expect(
      logOf([{backends: sessions(4)}, {backends: wave(0)}, {backends: wave(4)}, {backends: wave(8)}]),
    ).toEqual(['00:07 shop/shop_app opened 12 sessions from 10.0.0.8: 4 -> 16 sessions']);
  });

  it('says no more than three times in ten minutes that an application comes and goes', () => {
    const readings = Array.from({length: 12}, (_, index) => ({backends: sessions(index % 2 === 0 ? 4 : 0)}));
    const lines = logOf(readings, 20);
    expect(lines.filter(line => line.includes('disconnected'))).toHaveLength(3);
    expect(lines).toHaveLength(6);
  });

  it('names a statement once its text is read, and leaves out what changes nothing', () => {
    const texts = (update: string | null, begin: string | null) => ({
      statements: [orders, added({query: update}), added({queryid: '78', query: begin})],
    });
    const before = [{statements: [orders]}, texts(null, null)];
    expect(logOf(before)).toEqual([
      '00:05 statement 77 by shop_app is new: 3 calls',
      '00:05 statement 78 by shop_app is new: 3 calls',
    ]);
    expect(logOf([...before, texts('UPDATE orders SET n = $1', 'BEGIN')])).toEqual([
      '00:05 UPDATE orders by shop_app is new: 3 calls',
    ]);
  });

  it('shows a schema change once that a session ran and the statistics counted', () => {
    const query = 'ALTER TABLE orders ADD COLUMN note text';
    expect(
      logOf([
        {statements: [orders]},
        {statements: [orders], backends: sessions(1, {state: 'active', query, query_age_ms: 2000})},
        {statements: [orders, added({stats_since: at(12), query: null})]},
        {statements: [orders, added({stats_since: at(12), query})]},
      ]),
    ).toEqual(['00:08 ALTER TABLE orders by shop/shop_app began']);
  });

  it('keeps only the statements at hand while entries are evicted', () => {
    const readings = Array.from({length: 20}, (_, index) => ({
      statements: Array.from({length: 50}, (__, nth) => added({queryid: String(100 * index + nth)})),
      ...info({dealloc: index, is_evicting: index > 0}),
    }));
    const samples = readings.reduce<Sample[]>(
      (before, reading, index) =>
        addSample(before, createSnapshot({at: at(index * 10), backends: [], ...reading})),
      [],
    );
    expect(samples.at(-1)?.log.known?.size).toBe(50);
    expect(samples.at(-1)?.log.entries).toEqual([]);
  });

  it('keeps a statement that returns after an eviction', () => {
    expect(
      logOf([
        {statements: [orders, added({stats_since: at(-600)})], ...info()},
        {statements: [orders], ...info()},
        {statements: [orders, added({stats_since: at(15)})], ...info()},
      ]),
    ).toEqual([]);
  });

  /** A statement by what it did in each half minute: calls, and milliseconds per call. */
  function did(windows: readonly (readonly [calls: number, mean_ms: number])[]): string[] {
    let [calls, total_exec_time_ms] = [10_000, 10_000];
    const readings = [[0, 0] as const, ...windows].map(([more, mean_ms], index) => {
      calls += more;
      total_exec_time_ms += more * mean_ms;
      return {
        ...info({at: at(index * 30)}),
        statements: [
          createStatement({calls, total_exec_time_ms, stats_since: '2025-12-01T00:00:00.000000Z'}),
        ],
      };
    });
    return logOf(readings, 30);
  }
  const times = (count: number, calls: number, mean_ms: number) =>
    Array.from({length: count}, () => [calls, mean_ms] as const);

  it.each<[string, readonly (readonly [number, number])[], string[]]>([
    ['even work', times(8, 300, 2), []],
    [
      'more frequent',
      [...times(3, 300, 2), ...times(2, 3000, 2)],
      ['01:30 SELECT from orders by shop_app is more frequent: 10 -> 100 calls/s'],
    ],
    ['twice as frequent', [...times(3, 300, 2), ...times(2, 600, 2)], []],
    ['a few calls more', [...times(3, 1, 2), ...times(2, 6, 2)], []],
    [
      'slower',
      [...times(3, 300, 2), ...times(2, 300, 20)],
      ['01:30 SELECT from orders by shop_app is slower: 2.00ms -> 20.0ms per call'],
    ],
    ['slower, and still fast', [...times(3, 300, 0.01), ...times(2, 300, 0.1)], []],
    [
      'gone',
      [...times(6, 300, 2), ...times(6, 0, 0)],
      ['03:00 SELECT from orders by shop_app is gone: 10 -> 0 calls/s'],
    ],
    ['quiet for a minute', [...times(6, 300, 2), ...times(2, 0, 0), ...times(4, 300, 2)], []],
    [
      'gone and back',
      [...times(6, 300, 2), ...times(4, 0, 0), ...times(2, 300, 2)],
      [
        '03:00 SELECT from orders by shop_app is gone: 10 -> 0 calls/s',
        '05:00 SELECT from orders by shop_app runs again: 0 -> 10 calls/s',
      ],
    ],
    ['a batch that ran for a minute', [...times(2, 300, 2), ...times(8, 0, 0)], []],
    [
      'a batch every three minutes',
      [...times(3, 0, 0), ...times(2, 300, 2), ...times(6, 0, 0), ...times(2, 300, 2)],
      ['01:30 SELECT from orders by shop_app is more frequent: 0 -> 10 calls/s'],
    ],
    ['counters that started over', [...times(3, 300, 2), [-9000, 1], ...times(2, 300, 2)], []],
  ])('a statement: %s', (_, windows, changes) => {
    expect(did(windows)).toEqual(changes);
  });

  it('keeps 500 changes of an hour', () => {
    const readings = Array.from({length: 130}, (_, index) => ({
      ...info({at: at(index * 2)}),
      statements: [
        orders,
        ...Array.from({length: 5}, (__, id) =>
          added({
            queryid: `${index}${id}`,
            query: `UPDATE t${index}_${id} SET n = 1`,
            stats_since: at(index * 2),
          }),
        ),
      ],
    }));
    const lines = logOf(readings, 2);
    expect(lines.length).toBeLessThanOrEqual(505);
    expect(lines.at(-1)).toContain('t129_4');
  });
});

it('has what changed in the last minute in the assessment', () => {
  const assessor = createAssessor([]);
  const assessed = [sessions(4), sessions(4), [...sessions(4), ...sessions(8, {backend_age_ms: 900})]].map(
    (backends, index) => assessor.assess(createSnapshot({at: at(index), backends}), noDiagnosisData),
  );
  expect(assessed.at(-1)?.changes.map(({what}) => what)).toEqual([
    'shop/shop_app opened 8 sessions from 10.0.0.7: 4 -> 12 sessions',
  ]);
});

it('adds to a finding what changed near its beginning: what it explains, then settings and schema', () => {
  const samples = [
    {at: at(0), facts: set('4MB')},
    {at: at(10), backends: sessions(4), facts: set('64MB')},
    {
      at: at(20),
      backends: [...sessions(4), ...sessions(5, {application_name: 'other'})],
      facts: set('64MB'),
    },
  ].reduce<Sample[]>(
    (before, {facts, ...reading}) => addSample(before, createSnapshot({backends: [], ...reading}), facts),
    [],
  );
  const changesOf = (since: string | null, now_ms: number) =>
    withChanges(
      createFinding({
        subject: 'application:shop/role:shop_app',
        harm: {kind: 'pool', sessions: 4, share: 1, since},
      }),
      samples.at(-1)?.log ?? emptyLog,
      now_ms,
    ).changes?.map(({what}) => what);
  const expected = [
    'shop/shop_app connected from 10.0.0.7: 0 -> 4 sessions',
    'work_mem for role app in shop was set: 4MB -> 64MB',
  ];
  expect(changesOf(at(100), Date.parse(at(2000)))).toEqual(expected);
  expect(changesOf(null, Date.parse(at(30)))).toEqual(expected);
  expect(changesOf(at(1000), Date.parse(at(2000)))).toBeUndefined();
});
