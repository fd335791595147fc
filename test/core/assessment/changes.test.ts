import {expect, it} from 'vitest';
import {createAssessor} from '../../../source/core/assessment/assess.ts';
import {noDiagnosisData} from '../../../source/core/recipe/diagnose.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
const sessions = (count: number, overrides: Partial<Backend> = {}) =>
  Array.from({length: count}, (_, index) => createBackend({pid: 100 + index, ...overrides}));

/** The changes between two readings, ten seconds apart. */
function between(before: Partial<Snapshot>, after: Partial<Snapshot>): string[] {
  const assessor = createAssessor([]);
  assessor.assess(createSnapshot({at: at(0), backends: [], ...before}), noDiagnosisData);
  const {changes} = assessor.assess(createSnapshot({at: at(10), backends: [], ...after}), noDiagnosisData);
  return changes.map(({at: time, what}) => `${time.slice(17, 19)} ${what}`);
}

const {target} = createSnapshot();
const runBy = (started_at: string) => ({target: {...target, server: {...exampleServer, started_at}}});

it.each<[string, Partial<Snapshot>, Partial<Snapshot>, string[]]>([
  ['nothing changed', {}, {}, []],
  [
    'an application connected',
    {},
    {backends: sessions(4)},
    ['10 shop/shop_app connected: 4 sessions from 1 client'],
  ],
  ['a psql connected', {}, {backends: sessions(1)}, []],
  ['an application disconnected', {backends: sessions(5)}, {}, ['10 shop/shop_app disconnected: 5 sessions']],
  [
    'a wave of connects',
    {backends: sessions(4)},
    {backends: [...sessions(4), ...sessions(6, {backend_age_ms: 3000})]},
    ['10 shop/shop_app opened 6 sessions, it had 4'],
  ],
  [
    'a change of the schema',
    {},
    {
      backends: sessions(1, {
        state: 'active',
        query: 'ALTER TABLE orders ADD COLUMN note text',
        query_age_ms: 2000,
      }),
    },
    ['10 ALTER TABLE orders by shop/shop_app began'],
  ],
  [
    'a restart',
    runBy('2026-01-01T00:00:00.000001Z'),
    runBy('2026-01-01T12:00:04.000001Z'),
    ['10 the server was started again'],
  ],
  [
    'a promotion',
    {target: {...target, is_in_recovery: true}},
    {target},
    ['10 the standby became the primary'],
  ],
  [
    'a new statement',
    {statements: [createStatement()]},
    {
      statements: [
        createStatement(),
        createStatement({queryid: '77', query: 'UPDATE orders SET n = $1', stats_since: at(5), calls: 3}),
      ],
    },
    ['10 UPDATE orders by shop_app is new'],
  ],
])('%s', (_, before, after, changes) => {
  expect(between(before, after)).toEqual(changes);
});
