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

  it.each<[string, Partial<Backend>, RegExp | null]>([
    ["Prisma Migrate's statement", {}, null],
    ['a schema change, as in a migration', {query: 'ALTER TABLE a ADD b int'}, null],
    [
      'another statement',
      {query: 'SELECT 1'},
      /^The last statement of 1 is not .* cannot be seen here\. If there is one, let .*directUrl/,
    ],
    [
      "a pooler's name",
      {query: 'SELECT 1', application_name: 'pgbouncer'},
      /^The last statement of 1 is not .*: pgbouncer kept the session .*directUrl/,
    ],
  ])('says no more of a pooler than is known by %s', (_, overrides, expected) => {
    const said = plan([holder(overrides)], [lock(1)]).explanation.filter(text => text.includes('directUrl'));
    expect(said).toEqual(expected === null ? [] : [expect.stringMatching(expected)]);
  });

  it("distinguishes Prisma 8's lock from that of earlier versions", () => {
    const eight = lock(1, {key: '-1234'});
    const {steps, explanation} = plan([holder({state: 'idle in transaction'})], [eight, waiter]);
    // The key in two halves.
    expect(JSON.stringify(steps)).toContain('l.classid = 4294967295 AND l.objid = 4294966062');
    expect(explanation.join()).toMatch(/Prisma 8 locks its contract marker/);
    expect(explanation.join()).not.toMatch(/72707369/);
    const findings = recipe.diagnose(createSnapshot({backends: [holder()]}), {
      advisory_locks: [eight, waiter],
    });
    // The waiter waits for the other lock.
    expect(findings).toMatchObject(
      [
        {
          severity: 'warning',
          subject: 'database:shop/advisory lock:-1234',
          summary: /Prisma 8's migration lock in shop/,
        },
      ].map(({summary, ...rest}) => ({...rest, summary: expect.stringMatching(summary)})),
    );
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
      "No session holds Prisma Migrate's lock in shop: neither advisory lock 72707369 nor one of Prisma 8's. Migrations can run.",
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
