import {describe, expect, it} from 'vitest';
import {createAssessor} from '../../../source/core/assessment/assess.ts';
import {emptyLog, withChanges} from '../../../source/core/assessment/change-log.ts';
import {addSample} from '../../../source/core/assessment/samples.ts';
import {noDiagnosisData} from '../../../source/core/recipe/diagnose.ts';
import type {AssessmentFacts, Sample} from '../../../source/model/assessment.ts';
import type {Backend, Snapshot, Statement} from '../../../source/model/snapshot.ts';
import {createFinding} from '../../console/played.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
const sessions = (count: number, overrides: Partial<Backend> = {}) =>
  Array.from({length: count}, (_, index) => createBackend({pid: 100 + index, ...overrides}));

type Reading = Partial<Snapshot> & {facts?: AssessmentFacts};

/** The log over readings, `seconds` apart; a line for each change: its time from the first reading, and its sentence. */
function logOf(readings: readonly Reading[], seconds = 10): string[] {
  const samples = readings.reduce<Sample[]>(
    (before, {facts, ...reading}, index) =>
      addSample(before, createSnapshot({at: at(index * seconds), backends: [], ...reading}), facts ?? {}),
    [],
  );
  return (samples.at(-1)?.log.entries ?? []).map(({at: time, what}) => `${time.slice(14, 19)} ${what}`);
}

const {target} = createSnapshot();
const runBy = (started_at: string) => ({target: {...target, server: {...exampleServer, started_at}}});
const orders = createStatement({stats_since: '2025-12-01T00:00:00.000000Z'});
const added = (overrides: Partial<Statement> = {}) =>
  createStatement({
    queryid: '77',
    query: 'UPDATE orders SET n = $1',
    stats_since: at(5),
    calls: 3,
    total_exec_time_ms: 1,
    ...overrides,
  });
const info = (overrides: Partial<NonNullable<Snapshot['statements_info']>> = {}) => ({
  statements_info: {
    dealloc: 0,
    stats_reset: null,
    entries: 1,
    max_entries: 5000,
    is_evicting: false,
    ...overrides,
  },
});
const set = (value: string, name = 'work_mem'): AssessmentFacts => ({
  setting_overrides: [{role: 'app', database: 'shop', name, value}],
});
const settings = (values: Record<string, string | null>, loaded_at = at(4)): AssessmentFacts => ({
  server_settings: {loaded_at, values},
});

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
    'a restart, after which every application connects anew',
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
    'a promotion',
    {target: {...target, is_in_recovery: true}},
    {target},
    ['00:10 the standby became the primary'],
  ],
  [
    'a reset of the statistics, after which every statement begins anew',
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
      '00:10 4 more statements are new',
    ],
  ],
])('%s', (_, before, after, changes) => {
  expect(logOf([before, after])).toEqual(changes);
});

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

  /** A statement by what it did in each half minute: calls, and milliseconds a call. */
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
      ['01:30 SELECT from orders by shop_app is slower: 2.00ms -> 20.0ms a call'],
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
    ['counters that began anew', [...times(3, 300, 2), [-9000, 1], ...times(2, 300, 2)], []],
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
