import {expect, it} from 'vitest';
import {exampleServer} from '../../helpers/identity.ts';
import {createSnapshot, createStatement} from '../../helpers/snapshot.ts';
import {added, at, info, logOf, orders, type Reading, sessions, set, settings} from './changes-readings.ts';

const {target} = createSnapshot();

const runBy = (started_at: string) => ({target: {...target, server: {...exampleServer, started_at}}});

it.each<[string, Reading, Reading, string[]]>([
  ['nothing changed', {}, {}, []],
  [
    'an application connected',
    {},
    {backends: sessions(4)},
    ['00:10 shop/shop_app connected from 10.0.0.7: 0 -> 4 sessions'],
  ],
  [
    'sessions that are not authenticated yet',
    {},
    {backends: sessions(4, {usename: null, application_name: ''})},
    [],
  ],
  ['a psql connected', {}, {backends: sessions(1)}, []],
  [
    'an application disconnected',
    {backends: sessions(5)},
    {},
    ['00:10 shop/shop_app disconnected from 10.0.0.7: 5 -> 0 sessions'],
  ],
  [
    'a wave of connects',
    {backends: sessions(4)},
    {backends: [...sessions(4), ...sessions(6, {backend_age_ms: 3000, client_addr: '10.0.0.8'})]},
    ['00:07 shop/shop_app opened 6 sessions from 10.0.0.8: 4 -> 10 sessions'],
  ],
  [
    'a client that came to a large pool',
    {backends: sessions(20)},
    {backends: [...sessions(20), ...sessions(3, {backend_age_ms: 3000, client_addr: '10.0.0.8'})]},
    ['00:07 shop/shop_app opened 3 sessions from 10.0.0.8: 20 -> 23 sessions'],
  ],
  [
    'a client that left a large pool',
    {backends: [...sessions(20), ...sessions(4, {client_addr: '10.0.0.8'})]},
    {backends: sessions(20)},
    ['00:10 shop/shop_app closed 4 sessions from 10.0.0.8: 24 -> 20 sessions'],
  ],
  [
    'two more sessions',
    {backends: sessions(2)},
    {backends: [...sessions(2), ...sessions(2, {backend_age_ms: 3000})]},
    [],
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
    ['00:08 ALTER TABLE orders by shop/shop_app began'],
  ],
  [
    'a temporary table',
    {},
    {backends: sessions(1, {state: 'active', query: 'CREATE TEMP TABLE t AS SELECT 1', query_age_ms: 2000})},
    [],
  ],
  [
    'a restart, after which every application reconnects',
    {...runBy('2026-01-01T00:00:00.000001Z'), backends: sessions(4)},
    {...runBy('2026-01-01T12:00:04.000001Z'), backends: sessions(4, {backend_age_ms: 2000})},
    ['00:04 the server was started again'],
  ],
  [
    'another server',
    runBy('2026-01-01T00:00:00.000001Z'),
    {
      target: {
        ...target,
        id: 'other:5432/shop',
        server: {...exampleServer, system_identifier: '7000000000000000009'},
      },
      backends: sessions(9),
      statements: [added()],
    },
    ['00:10 the address leads to another server: other:5432/shop'],
  ],
  [
    'a failover to a standby that was running already',
    runBy('2026-01-01T00:00:00.000001Z'),
    {...runBy('2025-12-01T06:00:00.000001Z'), backends: sessions(9), statements: [added()]},
    [
      '00:10 the address leads to another server, a standby or a copy of the one before: started 2025-12-01 06:00:00Z',
    ],
  ],
  [
    'a promotion',
    {target: {...target, is_in_recovery: true}},
    {target},
    ['00:10 the standby became the primary'],
  ],
  [
    'a reset of the statistics, after which every statement starts over',
    {statements: [orders], ...info({stats_reset: at(-60)})},
    {statements: [createStatement({calls: 1, stats_since: at(4)}), added()], ...info({stats_reset: at(4)})},
    ['00:04 the statistics of statements were reset'],
  ],
  [
    'a setting of a role',
    {facts: set('4MB')},
    {facts: set('64MB')},
    ['00:10 work_mem for role app in shop was set: 4MB -> 64MB'],
  ],
  [
    'a setting of a role that was reset',
    {facts: set('4MB')},
    {facts: {setting_overrides: []}},
    ['00:10 work_mem for role app in shop was reset: 4MB -> not set'],
  ],
  [
    'a setting that may be a secret',
    {facts: set('old', 'app.jwt_secret')},
    {facts: set('new', 'app.jwt_secret')},
    ['00:10 app.jwt_secret for role app in shop was set: *** -> ***'],
  ],
  ['settings that were not read', {facts: set('4MB')}, {facts: {}}, []],
  ['settings that are read for the first time', {facts: {}}, {facts: set('4MB')}, []],
  [
    'more settings than are recorded',
    {
      facts: {
        setting_overrides: Array.from({length: 50}, (_, id) => ({
          role: `r${id}`,
          database: null,
          name: 'jit',
          value: 'off',
        })),
      },
    },
    {
      facts: {
        setting_overrides: Array.from({length: 50}, (_, id) => ({
          role: `r${id + 1}`,
          database: null,
          name: 'jit',
          value: 'off',
        })),
      },
    },
    [],
  ],
  [
    'a setting of the server, at the time of the reload',
    {facts: settings({work_mem: '4 MB'}, at(-100))},
    {facts: settings({work_mem: '64 MB', jit: 'off'})},
    ['00:04 work_mem was set: 4 MB -> 64 MB', '00:04 jit was set: default -> off'],
  ],
  [
    "a setting that this connection's own value hides",
    {facts: settings({work_mem: '4 MB', statement_timeout: '10 s'}, at(-100))},
    {facts: settings({work_mem: null, statement_timeout: null})},
    [],
  ],
  [
    'a new statement, at the time of its entry',
    {statements: [orders]},
    {statements: [orders, added()]},
    ['00:05 UPDATE orders by shop_app is new: 3 calls'],
  ],
  [
    'a new statement without the time of its entry',
    {statements: [createStatement({stats_since: null})]},
    {statements: [createStatement({stats_since: null}), added({stats_since: null})]},
    ['00:10 UPDATE orders by shop_app is new: 3 calls'],
  ],
  [
    'one that was below the costliest before',
    {statements: [orders]},
    {statements: [orders, added({stats_since: '2025-12-01T00:00:00.000000Z'})]},
    [],
  ],
  [
    'one that may have been evicted before',
    {statements: [orders], ...info({dealloc: 7})},
    {statements: [orders, added()], ...info({dealloc: 8})},
    [],
  ],
  [
    'a schema change that the statistics show',
    {statements: [orders]},
    {statements: [orders, added({query: 'CREATE INDEX i ON orders (n)'})]},
    ['00:05 CREATE INDEX on orders by shop_app ran'],
  ],
  [
    'many new statements at once',
    {statements: [orders]},
    {statements: [orders, ...Array.from({length: 12}, (_, id) => added({queryid: `${id}`}))]},
    [
      ...Array.from({length: 8}, () => '00:05 UPDATE orders by shop_app is new: 3 calls'),
      '00:10 4 other statements are new',
    ],
  ],
])('%s', (_, before, after, changes) => {
  expect(logOf([before, after])).toEqual(changes);
});
