import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/prisma-migrate-lock.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {AdvisoryLock} from '../../source/model/recipe-data.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, seenByRole} from '../helpers/snapshot.ts';

const lock = (pid: number, overrides: Partial<AdvisoryLock> = {}): AdvisoryLock => ({
  pid,
  database: 'shop',
  mode: 'ExclusiveLock',
  is_granted: true,
  wait_age_ms: null,
  ...overrides,
});

const holder = (overrides: Partial<Backend> = {}) =>
  createBackend({pid: 1, state_age_ms: 90_000, query: 'SELECT pg_advisory_lock(72707369)', ...overrides});

const waiter = lock(2, {is_granted: false, wait_age_ms: 3000});

function plan(backends: Backend[], locks: AdvisoryLock[], params: ParameterValues = {}) {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(seenByRole({backends}), params, {advisory_locks: locks});
}

describe('plan', () => {
  it.each<[string, Partial<Backend>]>([
    ['idle', {}],
    ['idle in transaction', {state: 'idle in transaction'}],
    ['aborted', {state: 'idle in transaction (aborted)'}],
    ['a pooled session of the application', {application_name: 'PgBouncer', query: 'SELECT 1'}],
    ['by the name of the schema engine', {application_name: 'schema-engine'}],
  ])('ends a holder that is %s, if it is unchanged', (_, overrides) => {
    const {steps, skipped} = plan([holder(overrides)], [lock(1), waiter]);
    expect(steps).toMatchObject([
      {subject: 'backend:1', apply: {text: expect.stringContaining('a.state_change = $6::timestamptz')}},
      // The lock is asked for before the session is looked at.
    ]);
    expect(steps).toMatchObject([
      {
        apply: {
          text: expect.stringMatching(/^WITH matching AS MATERIALIZED .*pg_locks.* CROSS JOIN LATERAL/),
        },
      },
    ]);
    expect(skipped).toEqual([]);
  });

  it.each<[string, Partial<Backend>, RegExp]>([
    ['active', {state: 'active', query: 'ALTER TABLE a ADD b int'}, /^a running migration$/],
    [
      'blocked itself',
      {state: 'active', wait_event_type: 'Lock', blocked_by: [7]},
      /a running migration, blocked by backend:7: see release-blockers/,
    ],
    ['idle for too short a time', {state_age_ms: 5000}, /idle for only 5s/],
    ["a superuser's", {is_superuser: true}, /superuser/],
    ['hidden', {state: null, backend_start: null, state_change: null}, /pg_read_all_stats/],
  ])('skips a holder that is %s', (_, overrides, reason) => {
    expect(plan([holder(overrides)], [lock(1)])).toMatchObject({
      steps: [],
      skipped: [{subject: 'backend:1', reason: expect.stringMatching(reason)}],
    });
  });

  it("explains that a pooler kept the lock if the last statement is not Prisma Migrate's", () => {
    const text = (query: string) => plan([holder({query})], [lock(1)]).explanation.join('\n');
    expect(text('SELECT 1')).toContain('directUrl');
    expect(text('SELECT pg_advisory_lock(72707369)')).not.toContain('directUrl');
  });

  it('selects the named database and draws its waiters', () => {
    const locks = [lock(1), lock(3, {database: 'other'}), waiter];
    const backends = [holder(), holder({pid: 3, datname: 'other'})];
    expect(plan(backends, locks, {database: 'other'}).steps.map(({subject}) => subject)).toEqual([
      'backend:3',
    ]);
    expect(plan(backends, locks).figure).toEqual([
      '1 shop/shop_app idle for 1m30s, in shop',
      '└─ 2 waits 3s',
      '3 shop/shop_app idle for 1m30s, in other',
    ]);
  });

  it('has nothing to do if no session holds it', () => {
    expect(plan([], [])).toMatchObject({steps: [], explanation: [expect.stringMatching(/^No session/)]});
    expect(plan([], [], {database: 'shop'}).explanation).toEqual([
      'No session holds advisory lock 72707369 in shop. Migrations can run.',
    ]);
  });

  it('refuses an unknown database', () => {
    expect(() => plan([], [], {database: 'shpo'})).toThrow(
      'database "shpo" does not exist: did you mean "shop"?',
    );
    expect(() => plan([], [], {database: 'nope'})).toThrow(
      expect.objectContaining({exitCode: 2, hint: 'databases: shop'}),
    );
  });
});

describe('diagnose', () => {
  const diagnose = (backend: Backend, locks: AdvisoryLock[]) =>
    recipe.diagnose(createSnapshot({backends: [backend]}), {advisory_locks: locks});

  it.each([
    ['warning', []],
    ['critical', [waiter]],
  ])('reports a %s finding depending on the waiters', (severity, waiters) => {
    expect(diagnose(holder(), [lock(1), ...waiters])).toMatchObject([
      {severity, subject: 'database:shop/advisory lock:72707369', params: {database: 'shop'}},
    ]);
  });

  it('reports no running migration', () => {
    expect(diagnose(holder({state: 'active'}), [lock(1), waiter])).toEqual([]);
    expect(diagnose(holder({state_age_ms: 5000}), [lock(1), waiter])).toEqual([]);
  });
});
