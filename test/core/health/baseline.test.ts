import {describe, expect, it} from 'vitest';
import {
  baselineBetween,
  baselineOf,
  compare,
  isWorse,
  parseSnapshotDocument,
} from '../../../source/core/health/baseline.ts';
import {statsBetween} from '../../../source/core/health/statistics.ts';
import type {Snapshot, Statement} from '../../../source/model/snapshot.ts';
import {createSnapshot, createStatement} from '../../helpers/snapshot.ts';

/** A hundred calls of some milliseconds each, in the counters. */
function called(calls: number, mean: number, changes: Partial<Statement> = {}): Statement {
  return createStatement({
    calls,
    mean_exec_time_ms: mean,
    total_exec_time_ms: calls * mean,
    stddev_exec_time_ms: 0.1,
    max_exec_time_ms: 1000,
    ...changes,
  });
}

const before = createSnapshot({statements: [called(100, 1)]});
const later = (statements: Statement[], changes: Partial<Snapshot> = {}) =>
  createSnapshot({at: '2026-01-01T01:00:00.000000Z', statements, ...changes});

function comparison(current: Snapshot, baseline = before) {
  return compare({
    baseline: baselineOf(baseline),
    current,
    after: statsBetween(baseline, current),
    slower_ratio: 1.5,
  });
}

describe('compare', () => {
  it('finds nothing slower without calls', () => {
    expect(comparison(later([called(100, 1)]))).toMatchObject({slower: [], new_statements: [], left_out: []});
  });

  it('compares only the calls since the baseline', () => {
    // 100 calls of 1 ms, and 100 more of 2 ms: 1.5 ms on average, 0.51 of deviation.
    const both = called(200, 1.5, {stddev_exec_time_ms: 0.51});
    expect(comparison(later([both]))).toMatchObject({
      slower: [{calls_before: 100, calls_after: 100, mean_before_ms: 1, ratio: expect.closeTo(2, 1)}],
    });
  });

  it('says which statement is called more often than the others are', () => {
    const [a, b, c] = ['1', '2', '3'].map(queryid => (calls: number) => called(calls, 1, {queryid}));
    const of = (...calls: [number, number, number]) =>
      [a, b, c].flatMap((each, at) => each?.(calls[at] ?? 0) ?? []);
    const first = createSnapshot({statements: of(100, 100, 100)});
    const grown = (...calls: [number, number, number]) => comparison(later(of(...calls)), first).more_calls;
    // Twice the traffic is no more calls for a request.
    expect(grown(300, 300, 300)).toEqual([]);
    expect(grown(200, 200, 1100)).toMatchObject([
      {
        queryid: '3',
        times: 10,
        calls_per_second_before: null,
        calls_per_second_after: expect.closeTo(1000 / 3540, 5),
      },
    ]);
  });

  it('ignores statements with too few calls', () => {
    const few = called(129, (100 + 29 * 9) / 129, {stddev_exec_time_ms: 3.3});
    expect(comparison(later([few])).slower).toEqual([]);
  });

  it('uses all calls if the counters were reset', () => {
    const restarted = called(60, 5, {max_exec_time_ms: 9});
    expect(comparison(later([restarted])).slower).toMatchObject([{calls_after: 60, ratio: 5}]);
  });

  it('lists new statements without calling them worse', () => {
    const result = comparison(later([called(100, 1), called(9, 3, {queryid: '7', query: 'SELECT 7'})]));
    expect(result.new_statements).toEqual([
      {queryid: '7', query: 'SELECT 7', calls: 9, mean_exec_time_ms: 3},
    ]);
    expect(isWorse(result)).toBe(false);
  });

  it('matches statements of another server by their text', () => {
    const other = {...before, target: {...before.target, id: 'staging:5432/shop'}};
    const result = comparison(later([called(100, 5, {queryid: '7', dbid: '9'})]), other);
    expect(result.slower).toMatchObject([{queryid: '7', ratio: 5}]);
    expect(result.left_out).toEqual([expect.stringContaining('staging:5432/shop')]);
  });

  it('finds more rollbacks than chance explains', () => {
    const [shop] = before.databases;
    const databases = (xact_rollback: number) => (shop ? [{...shop, xact_commit: 3000, xact_rollback}] : []);
    expect(comparison(later([], {databases: databases(200)})).errors.is_worse).toBe(true);
    expect(comparison(later([], {databases: databases(5)})).errors.is_worse).toBe(false);
  });

  it('compares with a period, or with all calls of a statement that was rare in it', () => {
    const seldom = {queryid: '7', query: 'SELECT 7'};
    const first = later([called(1000, 9), called(100, 1, seldom)], {at: '2026-01-01T00:30:00.000000Z'});
    // A hundred more of 1 ms, and two of the other.
    const last = later([called(1100, (9000 + 100) / 1100), called(102, 1, seldom)]);
    const current = later([called(1200, (9100 + 300) / 1200), called(152, (102 + 200) / 152, seldom)], {
      at: '2026-01-01T02:00:00.000000Z',
    });
    const result = compare({
      baseline: baselineBetween(first, last, 12.5),
      current,
      after: statsBetween(last, current),
      slower_ratio: 1.5,
    });
    expect(result).toMatchObject({
      since: first.at,
      at: last.at,
      slots: {used_before: 12.5},
      slower: [
        {calls_before: 102, calls_after: 50, ratio: expect.closeTo(4, 1)},
        {calls_before: 100, calls_after: 100, ratio: expect.closeTo(3, 1)},
      ],
      new_statements: [],
    });
  });

  it.each([
    {entries: 33, own_entries: 0, text: null},
    {entries: 5022, own_entries: 22, text: 'the baseline has 1 statements of 5000'},
  ])('says what a list of $entries entries leaves out', ({entries, own_entries, text}) => {
    const statements_info = {
      dealloc: 0,
      stats_reset: null,
      entries,
      own_entries,
      max_entries: 5000,
      is_evicting: false,
    };
    const {left_out} = comparison(later([called(100, 1)]), {...before, statements_info});
    expect(left_out).toEqual(text === null ? [] : [expect.stringContaining(text)]);
  });

  it('reads a baseline from a document', () => {
    expect(parseSnapshotDocument(JSON.stringify(before))).toEqual(before);
    for (const text of ['', '[]', '{"schema_version":1}', '{"schema_version":2}', 'null']) {
      expect(parseSnapshotDocument(text)).toBeNull();
    }
  });
});
