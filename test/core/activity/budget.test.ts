import {describe, expect, it} from 'vitest';
import {
  computeBudget,
  type HistorySample,
  historyLength,
  pushSample,
  type SlotSettings,
  slotForecast,
} from '../../../source/core/activity/budget.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const settings: SlotSettings = {
  max_connections: 20,
  superuser_reserved_connections: 3,
  reserved_connections: 2,
  role_and_database_limits: [
    {kind: 'role', name: 'app', connection_limit: 5},
    {kind: 'database', name: 'shop', connection_limit: 9},
  ],
};

describe('computeBudget', () => {
  const own = createBackend({pid: 1, application_name: 'poolctl', usename: 'oncall', datname: 'shop'});
  const sessions = [
    own,
    createBackend({pid: 2, state: 'idle', application_name: 'web', usename: 'app', datname: 'shop'}),
    createBackend({pid: 3, state: 'active', application_name: 'web', usename: 'app', datname: 'shop'}),
    createBackend({
      pid: 4,
      state: 'idle in transaction (aborted)',
      application_name: 'web',
      usename: 'app',
      datname: 'shop',
    }),
    createBackend({
      pid: 5,
      state: null,
      application_name: 'other',
      usename: 'hidden_role',
      datname: 'x',
      client_addr: null,
    }),
  ];
  const budget = computeBudget(settings, sessions, session => session.pid === own.pid);

  it("subtracts both kinds of reserved slots and counts every slot in use, including poolctl's own", () => {
    expect(budget).toMatchObject({usable: 15, used: 5, headroom: 10, used_ratio: 5 / 15});
  });

  it("counts poolctl's own session in no group, and hidden sessions separately", () => {
    expect(budget.by_state).toEqual({
      active: null,
      idle: null,
      'idle in transaction': null,
      'idle in transaction (aborted)': null,
      hidden: 1,
    });
    expect(
      computeBudget(settings, sessions.slice(0, 4), session => session.pid === own.pid).by_state,
    ).toEqual({
      active: 1,
      idle: 1,
      'idle in transaction': 0,
      'idle in transaction (aborted)': 1,
      hidden: 0,
    });
    expect(budget.groups.map(group => [group.application_name, group.count])).toEqual([
      ['web', 3],
      ['other', 1],
    ]);
    expect(budget.groups).toMatchObject([
      {active: 1, idle: 1, idle_in_transaction: 1, unknown: 0, usename: 'app'},
      {active: null, idle: null, idle_in_transaction: null, unknown: 1},
    ]);
  });

  it('counts a fastpath function call as active in its group', () => {
    const call = createBackend({state: 'fastpath function call', application_name: 'web', usename: 'app'});
    expect(computeBudget(settings, [call], () => false).groups).toMatchObject([{active: 1, idle: 0}]);
  });

  it("counts the use of role and database limits, including poolctl's own session", () => {
    expect(budget.role_and_database_limits.map(({name, used}) => [name, used])).toEqual([
      ['app', 3],
      ['shop', 4],
    ]);
  });

  it.each([
    [{max_connections: 5}, {usable: 0, headroom: 0, used_ratio: 1}],
    [{max_connections: 8}, {usable: 3, headroom: 0, used_ratio: 5 / 3}],
  ])('does not go below zero: %o', (overrides, expected) => {
    expect(computeBudget({...settings, ...overrides}, sessions, () => false)).toMatchObject(expected);
  });
});

describe('slotForecast', () => {
  const sample = (at_s: number, used: number): HistorySample => ({
    at_ms: 1_700_000_000_000 + at_s * 1000,
    used,
    active: 0,
    idle: 0,
    idle_in_transaction: 0,
    commits_per_second: null,
    rollbacks_per_second: null,
    cache_hit_ratio: null,
    index_hit_ratio: null,
  });
  const series = (count: number, used: (index: number) => number) =>
    Array.from({length: count}, (_, index) => sample(index * 2, used(index)));

  it('forecasts when slots run out if one more is used every two seconds', () => {
    const forecast = slotForecast(
      series(30, index => 10 + index),
      100,
    );
    expect(forecast.slots_per_minute).toBeCloseTo(30, 6);
    expect(forecast.full_in_ms).toBeCloseTo((100 - 39) * 2000, 3);
  });

  it('ignores one burst', () => {
    const forecast = slotForecast(
      series(30, index => (index === 15 ? 90 : 10 + index)),
      100,
    );
    expect(forecast.slots_per_minute).toBeCloseTo(30, 0);
  });

  it.each([
    ['nothing', []],
    ['too few samples', series(4, index => 10 + index)],
    ['too short a time', Array.from({length: 10}, (_, index) => sample(index / 2, 10 + index))],
    ['level', series(30, () => 50)],
    ['noise', series(30, index => 50 + (index % 3))],
    ['a single step long ago', series(30, index => (index < 3 ? 10 : 50))],
    ['a rise that has levelled off', series(30, index => 10 + 3 * Math.min(index, 18))],
    [
      'bursts on a level that rises little',
      series(30, index => 50 + ((index * 3) % 10) + Math.floor(index / 12)),
    ],
    ['falling', series(30, index => 80 - index)],
    ['a rise too slow for a forecast', series(60, index => 10 + Math.floor(index / 30))],
  ])('gives no time for %s', (_, history) => {
    expect(slotForecast(history, 100).full_in_ms).toBeNull();
  });

  it('returns the present time if all slots are in use', () => {
    expect(
      slotForecast(
        series(30, index => 90 + index),
        100,
      ).full_in_ms,
    ).toBe(0);
  });
});

const at = (seconds: number) =>
  createSnapshot({at: new Date(1_700_000_000_000 + seconds * 1000).toISOString()});

describe('pushSample', () => {
  it('keeps one sample per snapshot, the newest last, and drops the oldest', () => {
    let history: HistorySample[] = [];
    for (let second = 0; second < historyLength + 5; second++) history = pushSample(history, at(second));
    expect(history).toHaveLength(historyLength);
    expect(history[0]?.at_ms).toBe(1_700_000_005_000);
    expect(history.at(-1)?.at_ms).toBe(1_700_000_000_000 + (historyLength + 4) * 1000);
  });

  it('replaces the sample of the same time', () => {
    expect(pushSample(pushSample([], at(1)), at(1))).toHaveLength(1);
  });

  it('starts a new history when the clock was set back', () => {
    expect(pushSample(pushSample([], at(5)), at(1))).toHaveLength(1);
  });

  it('sums the databases; unknown values stay unknown', () => {
    const rates = {
      interval_ms: 1000,
      commits_per_second: 10,
      rollbacks_per_second: 1,
      deadlocks_per_second: 0,
      temp_bytes_per_second: 0,
      blks_hit_per_second: 90,
      blks_read_per_second: 10,
    };
    const [database] = createSnapshot().databases;
    if (database === undefined) throw new Error('the helper has no database');
    const {rates: _, ...unrated} = database;
    const snapshot = createSnapshot({
      databases: [
        {...unrated, rates},
        {...unrated, datname: 'b', rates},
      ],
    });
    expect(pushSample([], snapshot)[0]).toMatchObject({commits_per_second: 20, cache_hit_ratio: 0.9});
    expect(pushSample([], createSnapshot({databases: [unrated]}))[0]).toMatchObject({
      commits_per_second: null,
      cache_hit_ratio: null,
    });
  });
});
