import {describe, expect, it} from 'vitest';
import {assessHealth, type GivenLimits, limitsFor, parseLimit} from '../../../source/core/health/health.ts';
import {measure, slowestStatement} from '../../../source/core/health/measure.ts';
import {type MetricName, metricNames} from '../../../source/core/health/metrics.ts';
import type {Finding} from '../../../source/model/recipe.ts';
import type {Database, Snapshot, StatementRates} from '../../../source/model/snapshot.ts';
import {createFound} from '../../helpers/found.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

function healthOf(snapshot: Snapshot, findings: Finding[] = [], given: GivenLimits = {}) {
  const metrics = measure({snapshot, facts: {}, findings, pooler_waiting_clients: null});
  return assessHealth(metrics, limitsFor(given), createFound(findings));
}

const crossed = (health: ReturnType<typeof assessHealth>) =>
  metricNames.filter(name => health.thresholds[name].is_crossed);

function findingOf(severity: Finding['severity'], subject: string): Finding {
  return {recipe: 'kill-idle-sessions', severity, subject, summary: subject, evidence: {}, params: {a: 'b'}};
}

/** The connected database; index blocks of others are unknown. */
function database(changes: Partial<Database>): Database[] {
  const [shop] = createSnapshot().databases;
  if (shop === undefined) throw new Error('a snapshot has a database');
  return [
    {...shop, datname: 'other', cache_hit_ratio: 0.1},
    {...shop, ...changes},
  ];
}

const rates: StatementRates = {
  interval_ms: 10_000,
  calls_per_second: 1,
  exec_ms_per_second: 7,
  exec_share_ratio: 1,
  rows_per_second: 0,
  shared_blks_hit_per_second: 0,
  shared_blks_read_per_second: 0,
  temp_blks_per_second: 0,
  wal_bytes_per_second: 0,
  mean_exec_time_ms: 7,
  stddev_exec_time_ms: 0,
};

describe('limits', () => {
  it('are met by a healthy server', () => {
    const health = healthOf(createSnapshot());
    expect([health.status, crossed(health)]).toEqual(['ok', []]);
    expect(Object.keys(health)).toEqual([
      'schema_version',
      'status',
      'findings',
      'also',
      'writable',
      'contention',
      'assessed',
      'metrics',
      'thresholds',
      'unavailable',
    ]);
  });

  const idle = (state_age_ms: number) => ({
    backends: [createBackend({state: 'idle in transaction (aborted)', state_age_ms})],
  });
  const blocked = (count: number) => ({
    backends: Array.from({length: count}, (_, index) => createBackend({pid: index + 1, blocked_by: [99]})),
  });
  const slots = (count: number) => ({
    max_connections: 23,
    backends: Array.from({length: count}, (_, index) => createBackend({pid: index + 1})),
  });
  const mean = (mean_exec_time_ms: number) => ({statements: [createStatement({mean_exec_time_ms})]});
  const transaction = (xact_age_ms: number) => ({backends: [createBackend({xact_age_ms})]});

  it.each<[MetricName, Parameters<typeof createSnapshot>[0], 'ok' | 'warning' | 'critical']>([
    ['used_ratio', slots(16), 'ok'],
    ['used_ratio', slots(17), 'warning'],
    ['used_ratio', slots(19), 'critical'],
    // Findings judge these: a long transaction or a mean since the reset harms no session by itself.
    ['longest_idle_in_transaction_ms', idle(300_001), 'ok'],
    ['longest_transaction_ms', transaction(1_800_001), 'ok'],
    ['blocked_sessions', blocked(21), 'ok'],
    ['slowest_mean_exec_time_ms', mean(1001), 'ok'],
    ['cache_hit_ratio', {databases: database({cache_hit_ratio: 0.98})}, 'ok'],
    ['index_hit_ratio', {databases: database({index_hit_ratio: 0.98})}, 'ok'],
  ])('%s: %#', (name, changes, level) => {
    const health = healthOf(createSnapshot(changes));
    expect([health.thresholds[name].level, health.status]).toEqual([level, level]);
    expect(crossed(health)).toEqual(level === 'ok' ? [] : [name]);
  });

  it.each<[MetricName, Parameters<typeof createSnapshot>[0], object]>([
    ['longest_transaction_ms', transaction(1_800_001), {max: 300_000, warning: 300_000, critical: 1_800_000}],
    ['longest_idle_in_transaction_ms', idle(300_001), {max: 30_000, warning: 30_000, critical: 300_000}],
    [
      'cache_hit_ratio',
      {databases: database({cache_hit_ratio: 0.98})},
      {min: 0.99, warning: 0.99, critical: null},
    ],
    ['n_plus_one_suspects', {}, {max: 5, warning: 5, critical: null}],
    ['invalid_indexes', {}, {max: 0, warning: 0, critical: null}],
    ['stale_tables', {}, {max: 0, warning: 0, critical: null}],
  ])(
    'of %s, which findings judge, are its defaults in the document and never crossed',
    (name, changes, numbers) => {
      const {status, thresholds, metrics} = healthOf(createSnapshot(changes));
      const level = metrics[name] === null ? 'unknown' : 'ok';
      expect([status, thresholds[name]]).toEqual([
        'ok',
        {...numbers, level, is_crossed: false, judged_by: 'findings'},
      ]);
      const given = healthOf(createSnapshot(), [], {[name]: {warning: null, critical: 0.5}}).thresholds[name];
      expect(given).toMatchObject({warning: null, critical: 0.5, judged_by: 'limit'});
    },
  );

  it.each<[MetricName, string, Parameters<typeof createSnapshot>[0], Parameters<typeof createSnapshot>[0]]>([
    ['longest_idle_in_transaction_ms', '30s', idle(30_000), idle(30_001)],
    ['longest_transaction_ms', '5min', transaction(300_000), transaction(300_001)],
    ['blocked_sessions', '5', blocked(5), blocked(6)],
    ['slowest_mean_exec_time_ms', '100ms', mean(100), mean(101)],
    [
      'cache_hit_ratio',
      '98%',
      {databases: database({cache_hit_ratio: 0.98})},
      {databases: database({cache_hit_ratio: 0.97})},
    ],
    [
      'index_hit_ratio',
      '98%',
      {databases: database({index_hit_ratio: 0.98})},
      {databases: database({index_hit_ratio: 0.97})},
    ],
  ])('%s crosses a given limit of %s exactly', (name, written, within, beyond) => {
    const limit = parseLimit(name, written);
    const given = limit === null ? {} : {[name]: limit};
    const crossedBy = [within, beyond].map(each => crossed(healthOf(createSnapshot(each), [], given)));
    expect(crossedBy).toEqual([[], [name]]);
  });

  it.each([null, 'disabled'] as const)('are unknown while a state is %s, and so is what is well', state => {
    const unavailable = [{section: 'backends', sqlstate: null, reason: 'hidden', remedy: 'GRANT'}];
    const snapshot = createSnapshot({backends: [createBackend({state})], unavailable});
    const metrics = measure({snapshot, facts: {}, findings: [], pooler_waiting_clients: null});
    const health = assessHealth(metrics, limitsFor({}), {...createFound(), unavailable});
    expect(health).toMatchObject({
      status: 'unknown',
      metrics: {longest_transaction_ms: null, blocked_sessions: 0},
      thresholds: {longest_transaction_ms: {level: 'unknown'}},
      unavailable,
    });
  });

  it('with one value are critical; with two, the first is the warning', () => {
    const snapshot = createSnapshot(blocked(3));
    const only = (limit: string) => {
      const blocked_sessions = parseLimit('blocked_sessions', limit);
      return healthOf(snapshot, [], blocked_sessions === null ? {} : {blocked_sessions}).status;
    };
    expect(['3', '2', '2,9', '1,2'].map(only)).toEqual(['ok', 'critical', 'warning', 'critical']);
  });

  it.each<[MetricName, unknown]>([
    ['used_ratio', '80'],
    ['used_ratio', '90%,80%'],
    ['index_hit_ratio', '90%,99%'],
    ['used_ratio', '70%,80%,90%'],
    ['blocked_sessions', '1.5'],
    ['blocked_sessions', '-1'],
    ['longest_transaction_ms', 30],
    ['longest_transaction_ms', '30'],
    ['slowest_mean_exec_time_ms', 'soon'],
    ['used_ratio', null],
  ])('are refused: %s %s', (name, written) => {
    expect(parseLimit(name, written)).toBeNull();
  });

  it('are not crossed by a metric that could not be read', () => {
    const unavailable = [{section: 'statements', sqlstate: null, reason: 'not loaded', remedy: 'load it'}];
    const health = healthOf(createSnapshot({unavailable, statements: [], databases: []}));
    expect(health.metrics).toMatchObject({
      slowest_mean_exec_time_ms: null,
      cache_hit_ratio: null,
      invalid_indexes: null,
      statement_evictions_per_minute: null,
    });
    expect([health.status, health.thresholds.invalid_indexes.level]).toEqual(['ok', 'unknown']);
  });
});

it.each([
  [999, null],
  [1000, 0.75],
])('the cache hit ratio of an interval needs 1000 blocks: of %i it is %s', (blocks, expected) => {
  const blks = {blks_hit_per_second: (blocks * 3) / 4 / 10, blks_read_per_second: blocks / 4 / 10};
  const [other, shop] = database({});
  const interval = {interval_ms: 10_000, ...blks} as Database['rates'];
  const snapshot = createSnapshot({
    databases: [
      {...other, rates: undefined},
      {...shop, rates: interval},
    ] as Database[],
  });
  const measured = measure({
    snapshot,
    facts: {},
    findings: [],
    pooler_waiting_clients: null,
    is_interval: true,
  });
  expect(measured.cache_hit_ratio).toBe(expected);
});

describe('findings', () => {
  it('are sorted critical first, have no parameters, and determine the status', () => {
    const findings = [findingOf('warning', 'a'), findingOf('critical', 'b'), findingOf('warning', 'c')];
    const health = healthOf(createSnapshot(), findings);
    expect(health.status).toBe('critical');
    expect(health.findings.map(({subject}) => subject)).toEqual(['b', 'a', 'c']);
    expect(health.findings[0]).not.toHaveProperty('params');
    expect(healthOf(createSnapshot(), findings.slice(0, 1)).status).toBe('warning');
  });
});

describe('the slowest statement', () => {
  it.each([
    [undefined, 0],
    [4, null],
  ])('is unknown where none is seen and %s are hidden', (hidden_entries, expected) => {
    const statements_info = {
      dealloc: 0,
      stats_reset: null,
      entries: 4,
      max_entries: 5000,
      is_evicting: false,
      ...(hidden_entries !== undefined && {hidden_entries}),
    };
    const snapshot = createSnapshot({statements: [], statements_info});
    const metrics = measure({snapshot, facts: {}, findings: [], pooler_waiting_clients: null});
    expect(metrics.slowest_mean_exec_time_ms).toBe(expected);
  });

  it.each([
    ['none', [], undefined],
    [
      'the slowest on average',
      [
        createStatement({queryid: '1', mean_exec_time_ms: 4}),
        createStatement({queryid: '2', mean_exec_time_ms: 5}),
      ],
      ['2', 5],
    ],
    [
      'not one that ran once',
      [createStatement({queryid: '1', calls: 1, mean_exec_time_ms: 90}), createStatement({queryid: '2'})],
      ['2', 0.5],
    ],
    [
      'of the time between two readings, where there are two',
      [
        createStatement({queryid: '1', calls: 1, mean_exec_time_ms: 90, rates}),
        createStatement({queryid: '2'}),
      ],
      ['1', 7],
    ],
  ] as const)('is %s', (_, statements, expected) => {
    const slowest = slowestStatement(createSnapshot({statements: [...statements]}));
    expect(slowest && [slowest.statement.queryid, slowest.mean_exec_time_ms]).toEqual(expected ?? null);
  });

  it('ignores statements not called in the interval', () => {
    const snapshot = createSnapshot({statements: [createStatement({mean_exec_time_ms: 900})]});
    expect(slowestStatement(snapshot, {is_interval: true})).toBeNull();
  });
});

describe('N+1 suspects', () => {
  const called = (queryid: string, changes: Partial<StatementRates>) =>
    createStatement({queryid, rates: {...rates, mean_exec_time_ms: 0.1, rows_per_second: 0, ...changes}});
  const others = [called('8', {calls_per_second: 2}), called('9', {calls_per_second: 3})];
  it.each<[string, Partial<StatementRates>, number]>([
    ['very many short calls with few rows', {calls_per_second: 60, rows_per_second: 60}, 1],
    ['many calls of other statements too', {calls_per_second: 15}, 0],
    ['slow calls', {calls_per_second: 60, mean_exec_time_ms: 3}, 0],
    ['calls that return many rows', {calls_per_second: 60, rows_per_second: 600}, 0],
  ])('%s', (_, changes, count) => {
    const snapshot = createSnapshot({statements: [called('1', changes), ...others]});
    expect(healthOf(snapshot).metrics.n_plus_one_suspects).toBe(count);
  });

  it('are none if all statements are called equally often', () => {
    const statements = ['1', '2', '3'].map(queryid => called(queryid, {calls_per_second: 60}));
    expect(healthOf(createSnapshot({statements})).metrics.n_plus_one_suspects).toBe(0);
  });
});
