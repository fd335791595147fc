import {describe, expect, it} from 'vitest';
import {assessHealth, metricNames, slowestStatement} from '../../source/core/health.ts';
import type {Finding} from '../../source/core/recipe.ts';
import type {Database} from '../../source/core/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';

const crossed = (health: ReturnType<typeof assessHealth>) =>
  metricNames.filter(name => health.thresholds[name].is_crossed);

function findingOf(severity: Finding['severity'], subject: string): Finding {
  return {recipe: 'slots-nearly-full', severity, subject, summary: subject, evidence: {}, params: {a: 'b'}};
}

/** As the connected one: only of that is anything known. */
function database(changes: Partial<Database>): Database[] {
  const [shop] = createSnapshot().databases;
  if (shop === undefined) throw new Error('a snapshot has a database');
  return [
    {...shop, datname: 'other', cache_hit_ratio: 0.1},
    {...shop, ...changes},
  ];
}

describe('the limits', () => {
  it('hold for a healthy server', () => {
    const health = assessHealth(createSnapshot(), [], {});
    expect([health.status, crossed(health)]).toEqual(['ok', []]);
    expect(Object.keys(health)).toEqual(['schema_version', 'status', 'findings', 'metrics', 'thresholds']);
  });

  it.each([
    ['used_ratio', {max_connections: 6, backends: [1, 2, 3].map(pid => createBackend({pid}))}, 1],
    [
      'longest_idle_in_transaction_ms',
      {backends: [createBackend({state: 'idle in transaction (aborted)', state_age_ms: 30_001})]},
      30_001,
    ],
    ['longest_transaction_ms', {backends: [createBackend({xact_age_ms: 300_001})]}, 300_001],
    ['blocked_sessions', {backends: [1, 2, 3, 4, 5, 6].map(pid => createBackend({pid, blocked_by: [9]}))}, 6],
    ['slowest_mean_exec_time_ms', {statements: [createStatement({mean_exec_time_ms: 1001})]}, 1001],
    ['cache_hit_ratio', {databases: database({cache_hit_ratio: 0.98})}, 0.98],
    ['index_hit_ratio', {databases: database({index_hit_ratio: 0.98})}, 0.98],
  ] as const)('%s is crossed by what lies beyond it, which is a warning', (name, changes, value) => {
    const snapshot = createSnapshot(changes as Parameters<typeof createSnapshot>[0]);
    const health = assessHealth(snapshot, [], {});
    expect([health.status, crossed(health), health.metrics[name]]).toEqual(['warning', [name], value]);
    // At the limit is within it.
    expect(crossed(assessHealth(snapshot, [], {[name]: value}))).toEqual([]);
  });

  it('leave the hit ratios of a young server alone, unless they are asked for', () => {
    const young = createSnapshot({
      databases: database({blks_hit: 900, blks_read: 100, cache_hit_ratio: 0.9}),
    });
    const health = assessHealth(young, [], {});
    expect([crossed(health), health.thresholds.cache_hit_ratio]).toEqual([
      [],
      {min: null, is_crossed: false},
    ]);
    expect(crossed(assessHealth(young, [], {cache_hit_ratio: 0.99}))).toEqual(['cache_hit_ratio']);
  });

  it('are not crossed by what could not be read', () => {
    const unavailable = [{section: 'statements', sqlstate: null, reason: 'not loaded', remedy: 'load it'}];
    const health = assessHealth(createSnapshot({unavailable, statements: [], databases: []}), [], {});
    expect(health.metrics).toMatchObject({
      slowest_mean_exec_time_ms: null,
      cache_hit_ratio: null,
      index_hit_ratio: null,
    });
    expect(health.status).toBe('ok');
  });
});

describe('findings', () => {
  it('come worst first, without what only the guide needs, and decide the status', () => {
    const findings = [findingOf('warning', 'a'), findingOf('critical', 'b'), findingOf('warning', 'c')];
    const health = assessHealth(createSnapshot(), findings, {});
    expect(health.status).toBe('critical');
    expect(health.findings.map(({subject}) => subject)).toEqual(['b', 'a', 'c']);
    expect(health.findings[0]).toEqual({
      recipe: 'slots-nearly-full',
      severity: 'critical',
      subject: 'b',
      summary: 'b',
      evidence: {},
    });
    expect(assessHealth(createSnapshot(), findings.slice(0, 1), {}).status).toBe('warning');
  });
});

describe('the slowest statement', () => {
  const rates = {
    interval_ms: 1000,
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
});
