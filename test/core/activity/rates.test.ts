import {describe, expect, it} from 'vitest';
import {
  type StatementCounters,
  statementKey,
  withDatabaseRates,
  withStatementRates,
} from '../../../source/core/activity/rates.ts';
import type {Database, Statement} from '../../../source/model/snapshot.ts';
import {createStatement} from '../../helpers/snapshot.ts';

/** Counters of a statement as pg_stat_statements would have them after these calls. */
function afterCalls(times: number[], overrides: Partial<Statement> = {}): Statement {
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const mean = times.length === 0 ? 0 : total / times.length;
  const squares = times.reduce((sum, ms) => sum + (ms - mean) ** 2, 0);
  return createStatement({
    calls: times.length,
    total_exec_time_ms: total,
    mean_exec_time_ms: mean,
    stddev_exec_time_ms: times.length === 0 ? 0 : Math.sqrt(squares / times.length),
    rows: times.length * 3,
    shared_blks_hit: times.length * 10,
    stats_since: null,
    ...overrides,
  });
}

function counters(
  at_ms: number,
  statements: Statement[],
  overrides: Partial<StatementCounters> = {},
): StatementCounters {
  return {at_ms, statements, stats_reset: 'then', is_complete: true, ...overrides};
}

const deviation = (times: number[]) => {
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  return Math.sqrt(times.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / times.length);
};

describe('withStatementRates', () => {
  it.each([
    [0, 1],
    [30, 0.25],
    // Some were evicted.
    [-5, 1],
    // An older recording.
    [undefined, 1],
  ])('counts what hidden entries took, %s ms more, in the time that shares are of', (growth, share) => {
    const [statement] = withStatementRates(
      counters(0, [afterCalls([])], growth === undefined ? {} : {hidden_exec_time_ms: 100}),
      counters(1000, [afterCalls([10])], {hidden_exec_time_ms: 100 + (growth ?? 0)}),
    );
    expect(statement?.rates?.exec_share_ratio).toBe(share);
  });

  it.each([
    ['few calls', [1, 2, 3], [10, 20, 60]],
    ['one call', [5, 5], [100]],
    ['from the first call', [], [3, 4, 8]],
    ['after a million equal calls', Array(1_000_000).fill(2), [1, 1, 9, 2.5]],
  ])('computes mean and deviation of the interval: %s', (_, before, within) => {
    const [statement] = withStatementRates(
      counters(0, [afterCalls(before)]),
      counters(2000, [afterCalls([...before, ...within])]),
    );
    const total = within.reduce((sum, ms) => sum + ms, 0);
    expect(statement?.rates).toMatchObject({interval_ms: 2000, calls_per_second: within.length / 2});
    expect(statement?.rates?.exec_ms_per_second).toBeCloseTo(total / 2, 4);
    expect(statement?.rates?.mean_exec_time_ms).toBeCloseTo(total / within.length, 4);
    expect(statement?.rates?.stddev_exec_time_ms).toBeCloseTo(deviation(within), 2);
    expect(statement?.rates?.rows_per_second).toBe((within.length * 3) / 2);
    expect(statement?.rates?.shared_blks_hit_per_second).toBe((within.length * 10) / 2);
  });

  it("computes each statement's share of execution time", () => {
    const both = (a: number[], b: number[]) => [afterCalls(a, {queryid: '1'}), afterCalls(b, {queryid: '2'})];
    const rated = withStatementRates(counters(0, both([1], [1])), counters(1000, both([1, 30], [1, 10])));
    expect(rated.map(({rates}) => rates?.exec_share_ratio)).toEqual([0.75, 0.25]);
  });

  it('returns zero, not an unknown rate, without calls', () => {
    const [statement] = withStatementRates(counters(0, [afterCalls([4])]), counters(1000, [afterCalls([4])]));
    expect(statement?.rates).toMatchObject({
      calls_per_second: 0,
      exec_share_ratio: 0,
      stddev_exec_time_ms: 0,
    });
  });

  const before = afterCalls([1, 2, 3], {stats_since: '2026-01-01T00:00:00.000000Z'});
  const later = afterCalls([1, 2, 3, 4], {stats_since: '2026-01-01T00:00:00.000000Z'});
  it.each([
    ['fewer calls', [afterCalls([1])], {}],
    ['the same calls in less time', [afterCalls([0.1, 0.1, 0.1])], {}],
    ['another stats_since', [{...later, stats_since: '2026-01-02T00:00:00.000000Z'}], {}],
    ['another stats_reset', [later], {stats_reset: 'now'}],
    ['the same time', [later], {at_ms: 0}],
  ])('has no rates after %s', (_, statements, overrides) => {
    const [statement] = withStatementRates(counters(0, [before]), counters(1000, statements, overrides));
    expect(statement).toBeDefined();
    expect(statement?.rates).toBeUndefined();
  });

  it.each<[string, Partial<Statement>]>([
    ['calls', {calls: 2}],
    ['rows', {rows: 8}],
    ['execution time', {total_exec_time_ms: 5}],
    ['a lower maximum', {max_exec_time_ms: 2}],
    ['blocks hit', {shared_blks_hit: 29}],
    ['blocks read', {shared_blks_read: 6}],
  ])('has no rates, without stats_since, after a decrease of: %s', (_, fewer) => {
    const counted = {max_exec_time_ms: 3, shared_blks_read: 7};
    const rated = (overrides: Partial<Statement>) =>
      withStatementRates(
        counters(0, [afterCalls([1, 2, 3], counted)]),
        counters(1000, [afterCalls([1, 2, 3, 3], {...counted, ...overrides})]),
      )[0]?.rates;
    expect(rated({})).toMatchObject({
      calls_per_second: 1,
      rows_per_second: 3,
      shared_blks_hit_per_second: 10,
    });
    expect(rated(fewer)).toBeUndefined();
  });

  it('treats an entry as new only if all entries had been read', () => {
    const rated = (is_complete: boolean) =>
      withStatementRates(counters(0, [], {is_complete}), counters(1000, [later]))[0]?.rates;
    expect(rated(true)?.calls_per_second).toBe(4);
    expect(rated(false)).toBeUndefined();
  });

  it('distinguishes statements of one queryid by role, database and level', () => {
    const nested = {toplevel: false};
    const rated = withStatementRates(
      counters(0, [afterCalls([1]), afterCalls([1, 1], nested)]),
      counters(1000, [afterCalls([1, 1, 1], nested), afterCalls([1, 1, 1])]),
    );
    expect(rated.map(({rates}) => rates?.calls_per_second)).toEqual([1, 2]);
  });

  it('has exact rates of a statement that was only scanned before, and null for what a scan does not have', () => {
    const scan = new Map([
      [statementKey(createStatement({stats_since: null})), {calls: 10, total_exec_time_ms: 100, rows: 20}],
      ['1/1/9/true', {calls: 1, total_exec_time_ms: 50, rows: 0}],
    ]);
    const later = createStatement({calls: 14, total_exec_time_ms: 150, rows: 28});
    const [rated] = withStatementRates(
      {...counters(0, []), is_complete: false, scan},
      {
        ...counters(2000, [later]),
        is_complete: false,
        scan: new Map([
          [statementKey(later), {calls: 14, total_exec_time_ms: 150, rows: 28}],
          ['1/1/9/true', {calls: 2, total_exec_time_ms: 200, rows: 0}],
        ]),
      },
    );
    expect(rated?.rates).toMatchObject({
      calls_per_second: 2,
      exec_ms_per_second: 25,
      // Of the 200 ms that all statements took, listed or not.
      exec_share_ratio: 0.25,
      rows_per_second: 4,
      mean_exec_time_ms: 12.5,
      shared_blks_hit_per_second: null,
      temp_blks_per_second: null,
      stddev_exec_time_ms: null,
    });
  });

  it('has no rates of a scanned statement that was evicted and called more often since', () => {
    const later = createStatement({calls: 14, total_exec_time_ms: 150, rows: 28});
    const scan = new Map([[statementKey(later), {calls: 10, total_exec_time_ms: 100, rows: 30}]]);
    const [rated] = withStatementRates(
      {...counters(0, []), is_complete: false, scan},
      {...counters(2000, [later]), is_complete: false},
    );
    expect(rated?.rates).toBeUndefined();
  });

  it('knows all rates of a statement that the scan before did not have', () => {
    const before = {...counters(0, []), is_complete: false, scan: new Map()};
    const now = {
      ...counters(1000, [createStatement({shared_blks_hit: 7})]),
      is_complete: false,
      scan: new Map(),
    };
    expect(withStatementRates(before, now)[0]?.rates?.shared_blks_hit_per_second).toBe(7);
  });
});

describe('withDatabaseRates', () => {
  const database = (overrides: Partial<Database>): Database => ({
    datname: 'shop',
    numbackends: 1,
    xact_commit: 100,
    xact_rollback: 10,
    blks_hit: 1000,
    blks_read: 10,
    cache_hit_ratio: 0.99,
    index_hit_ratio: null,
    deadlocks: 0,
    temp_bytes: 0,
    stats_reset: null,
    ...overrides,
  });
  const rated = (earlier: Partial<Database>, later: Partial<Database>) =>
    withDatabaseRates(
      {at_ms: 0, databases: [database(earlier)]},
      {at_ms: 4000, databases: [database(later)]},
    )[0]?.rates;

  it("computes rates per second of the server's clock", () => {
    const blocks = {blks_hit: 1400, blks_read: 30, xact_rollback: 14};
    expect(rated({}, blocks)).toMatchObject({
      rollbacks_per_second: 1,
      blks_hit_per_second: 100,
      blks_read_per_second: 5,
    });
    expect(rated({}, {xact_commit: 140, deadlocks: 2, temp_bytes: 4096})).toMatchObject({
      interval_ms: 4000,
      commits_per_second: 10,
      rollbacks_per_second: 0,
      deadlocks_per_second: 0.5,
      temp_bytes_per_second: 1024,
    });
  });

  it.each([
    ['a reset', {stats_reset: '2026-01-01T00:00:00.000000Z'}],
    ['a crash', {xact_commit: 3, xact_rollback: 0, blks_hit: 1, blks_read: 1}],
    ['fewer commits', {xact_commit: 99}],
    ['fewer rollbacks', {xact_rollback: 9}],
    ['fewer blocks hit', {blks_hit: 999}],
    ['fewer blocks read', {blks_read: 9}],
    ['another database', {datname: 'other'}],
  ])('has no rates after %s', (_, later) => {
    expect(rated({}, later)).toBeUndefined();
  });
});
