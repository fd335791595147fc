import {describe, expect, it} from 'vitest';
import {
  countersOf,
  foldLists,
  statementsOver,
  withoutLists,
} from '../../../source/core/activity/statement-window.ts';
import type {Statement, StatementsInfo} from '../../../source/model/snapshot.ts';
import {createSnapshot, createStatement} from '../../helpers/snapshot.ts';

const reset = '2026-01-01T00:00:00.000Z';
const at = (seconds: number) =>
  new Date(Date.parse('2026-01-01T01:00:00.000Z') + seconds * 1000).toISOString();

function reading(seconds: number, statements: Statement[], info: Partial<StatementsInfo> = {}) {
  const statements_info: StatementsInfo = {
    ...{at: at(seconds), dealloc: 0, stats_reset: reset, entries: statements.length, max_entries: 5000},
    is_evicting: false,
    ...info,
  };
  return createSnapshot({at: at(seconds), statements, statements_info});
}

const statement = (queryid: string, calls: number, total_exec_time_ms: number, query: string | null = null) =>
  createStatement({queryid, calls, total_exec_time_ms, mean_exec_time_ms: total_exec_time_ms / calls, query});

describe('statementsOver', () => {
  const first = reading(0, [statement('1', 100, 1000), statement('2', 10, 10)]);
  const last = reading(40, [statement('1', 180, 1400), statement('2', 10, 10), statement('3', 4, 400)]);

  it('has every figure of the window from its two ends', () => {
    const {rows, ...over} = statementsOver('1min', last, countersOf(first));
    expect(over).toEqual({over_ms: 40_000, is_since_reset: false});
    expect(rows.map(({figures}) => figures)).toMatchObject([
      {calls: 80, exec_ms: 400, mean_exec_time_ms: 5, calls_per_second: 2, exec_share_ratio: 0.5},
      {calls: 0, exec_ms: 0, mean_exec_time_ms: null, calls_per_second: 0, exec_share_ratio: 0},
      {calls: 4, exec_ms: 400, mean_exec_time_ms: 100, calls_per_second: 0.1, exec_share_ratio: 0.5},
    ]);
  });

  it('has every figure since the reset', () => {
    const {rows, ...over} = statementsOver('reset', last, null);
    expect(over).toEqual({over_ms: 3_640_000, is_since_reset: true});
    expect(rows[0]?.figures).toMatchObject({calls: 180, exec_ms: 1400, exec_share_ratio: 1400 / 1810});
    expect(rows[0]?.figures?.calls_per_second).toBeCloseTo(180 / 3640, 9);
  });

  it.each([
    ['1min', 400 / (800 + 3200)],
    ['reset', 1400 / (1810 + 3500)],
  ] as const)('counts what hidden entries took in the time that shares are of: %s', (window, share) => {
    const before = reading(0, first.statements, {hidden_exec_time_ms: 300});
    const after = reading(40, last.statements, {hidden_exec_time_ms: 3500});
    const {rows} = statementsOver(window, after, countersOf(before));
    expect(rows[0]?.figures?.exec_share_ratio).toBeCloseTo(share, 9);
  });

  it('is since the reset before a second reading, and where the counters were reset in the window', () => {
    expect(statementsOver('readings', first, null).is_since_reset).toBe(true);
    const later = reading(40, [statement('1', 8, 40)], {stats_reset: at(20)});
    const {rows, ...over} = statementsOver('1min', later, countersOf(first));
    expect(over).toEqual({over_ms: 20_000, is_since_reset: true});
    expect(rows[0]?.figures).toMatchObject({calls: 8, calls_per_second: 0.4});
  });

  it('has no rates since a reset whose time is unknown', () => {
    const {rows, over_ms} = statementsOver(
      'reset',
      reading(0, [statement('1', 4, 8)], {stats_reset: null}),
      null,
    );
    expect(over_ms).toBeNull();
    expect(rows[0]?.figures).toMatchObject({calls: 4, mean_exec_time_ms: 2, calls_per_second: null});
  });

  it('knows nothing of a statement that was not read at the beginning of a window of thousands', () => {
    const entries = {entries: 20_000};
    const base = reading(0, [statement('1', 100, 1000)], entries);
    const {rows} = statementsOver('1min', reading(40, last.statements, entries), countersOf(base));
    expect(rows.map(({figures}) => figures?.calls)).toEqual([80, undefined, undefined]);
    expect(rows[0]).toMatchObject({share_is: 'at most', figures: {exec_share_ratio: 1}});
  });

  it('sums statements that differ in the length of an IN list only, and marks their share while entries are evicted', () => {
    const query = (length: number) =>
      `SELECT * FROM t WHERE id IN (${Array.from({length}, (_, n) => `$${n + 1}`).join(', ')}) AND a = $${length + 1}`;
    const other = createStatement({
      queryid: '9',
      userid: '77',
      query: query(2),
      calls: 1,
      total_exec_time_ms: 1,
    });
    const statements = [
      statement('5', 30, 90, query(3)),
      statement('4', 10, 10, query(1)),
      statement('6', 60, 100, 'SELECT 1'),
      other,
    ];
    const {rows} = statementsOver('reset', reading(0, statements, {is_evicting: true}), null);
    expect(rows).toMatchObject([
      {
        variants: 2,
        statement: {queryid: '4'},
        share_is: 'at least',
        figures: {calls: 40, mean_exec_time_ms: 2.5},
      },
      {variants: 1, statement: {queryid: '6'}, share_is: 'at most'},
      {variants: 1, statement: {queryid: '9'}},
    ]);
    // Both samples around the common mean: 0.1 as created each, and 3 and 1 on average.
    const squares = 30 * (0.1 ** 2 + 0.5 ** 2) + 10 * (0.1 ** 2 + 1.5 ** 2);
    expect(rows[0]?.figures?.stddev_exec_time_ms).toBeCloseTo(Math.sqrt(squares / 40), 9);
  });
});

it.each([
  ['a IN ($1, $2) AND b = $3', 'a IN ($, ...) AND b = $', 'a IN ($1, ...) AND b = $3'],
  ['a in ($1::uuid,$2::uuid)', 'a in ($::uuid, ...)', 'a in ($1::uuid, ...)'],
  ['a IN (SELECT $1, $2) AND b = $3', null, 'a IN (SELECT $1, $2) AND b = $3'],
  ['a = $1', null, 'a = $1'],
])('folds the lists of %s', (query, folded, shown) => {
  expect(foldLists(query)).toBe(folded);
  expect(withoutLists(query)).toBe(shown);
});
