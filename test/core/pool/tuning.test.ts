import {describe, expect, it} from 'vitest';
import {
  connectionBudget,
  countInstances,
  fitOf,
  largestLimit,
  mostBusyText,
  neededMaxConnections,
  refusedOf,
} from '../../../source/core/pool/tuning.ts';

const none = {role_limit: null, database_limit: null};
const slots = {usable: 97};

describe('connectionBudget', () => {
  it.each([
    [none, 0.8, 77, 97, 'share'],
    [none, 1, 97, 97, 'share'],
    [{role_limit: 20, database_limit: null}, 0.8, 20, 20, 'role'],
    [{role_limit: 90, database_limit: null}, 0.8, 77, 90, 'share'],
    [{role_limit: 30, database_limit: 25}, 0.8, 25, 25, 'database'],
    [{role_limit: 0, database_limit: null}, 0.8, 0, 0, 'role'],
  ])('%o x %d', (limits, share, allotted, most, bound_by) => {
    expect(connectionBudget(slots, limits, share)).toMatchObject({allotted, most, bound_by});
  });

  it('rounds no connection away', () => {
    // 0.7 x 10 is 7 in decimal and 6.999... as doubles have it; 1.1 x 10 is 11.000000000000002.
    expect(connectionBudget({usable: 10}, none, 0.7).allotted).toBe(7);
    expect(countInstances(1, 10, 1.1).deploy).toBe(11);
  });
});

it.each([
  [1, 77],
  [10, 7],
  [77, 1],
  [78, 0],
  [1000, 0],
])('%i instances fit with connection_limit %i', (instances, limit) => {
  expect(largestLimit(connectionBudget(slots, none, 0.8), instances)).toBe(limit);
});

it.each([
  [77, 'fits'],
  [78, 'tight'],
  [97, 'tight'],
  [98, 'overflows'],
])('%i connections: the fit is "%s"', (connections, fit) => {
  expect(fitOf(connections, connectionBudget(slots, none, 0.8))).toBe(fit);
});

it.each([
  [20, 77, 'fits', 0],
  [21, 77, 'tight', 1],
  [32, 77, 'tight', 12],
  [10, 78, 'tight', 0],
  [32, 78, 'overflows', 13],
  [97, 1, 'tight', 1],
])('others use %i, %i more: %s, %i refused', (others, connections, fit, refused) => {
  const budget = connectionBudget({usable: 97, others}, none, 0.8);
  expect(budget.allotted).toBe(77);
  expect(fitOf(connections, budget)).toBe(fit);
  expect(refusedOf(connections, budget)).toBe(refused);
});

it('the max_connections that would fit is computed', () => {
  const needed = neededMaxConnections(100, {max_connections: 100, usable: 97}, 0.8);
  expect(needed).toBe(128);
  expect(connectionBudget({usable: needed - 3}, none, 0.8).allotted).toBe(100);
});

it.each([
  [null, 5, []],
  [
    20,
    5,
    [
      /^At most 20 sessions were busy at the same time in the last minutes; 4 x 5 = 20 connections are enough\.$/,
    ],
  ],
  [21, 5, [/4 x 5 = 20 connections are too few: requests would wait\.$/]],
])(
  '%s sessions busy at the same time, beside 4 x %i, are in the explanation',
  (most_busy, connection_limit, texts) => {
    const settings = {connection_limit, pool_timeout_s: 10, connect_timeout_s: 5, idle_timeout_ms: 10_000};
    const expected = texts.map(text => expect.stringMatching(text));
    expect(mostBusyText({choices: {most_busy}, instances: {now: 4}, settings})).toEqual(expected);
  },
);
