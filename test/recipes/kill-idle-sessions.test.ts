import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/kill-idle-sessions.ts';
import {planText} from '../../source/cli/execution/render-plan.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {Backend, Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createWorker, seenByRole} from '../helpers/snapshot.ts';

function leaky(pid: number, overrides: Partial<Backend> = {}): Backend {
  return createBackend({
    pid,
    state: 'idle in transaction',
    state_age_ms: 600_000,
    xact_age_ms: 605_000,
    query: "UPDATE orders SET note = 'private' WHERE id = 7",
    ...overrides,
  });
}

function plan(snapshot: Snapshot, params: ParameterValues = {}) {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(snapshot, params, {});
}

const subjects = (snapshot: Snapshot, params: ParameterValues = {}) =>
  plan(snapshot, params).steps.map(({subject}) => subject);

describe('plan', () => {
  it.each<[string, Partial<Backend>, RegExp]>([
    ["poolctl's own", {application_name: 'poolctl'}, /own/],
    ["a superuser's", {is_superuser: true}, /superuser/],
    ['a walsender', {backend_type: 'walsender'}, /walsender/],
    ['a parallel worker', {backend_type: 'parallel worker'}, /parallel worker/],
    ['pg_dump', {application_name: 'pg_dump'}, /dump/],
    ['pg_basebackup', {application_name: 'pg_basebackup'}, /backup/],
    ['a dump under another name', {application_name: 'x', query: 'COPY public.a (id) TO stdout;'}, /dump/],
    ['prisma migrate by its lock', {query: 'SELECT pg_advisory_lock(72707369)'}, /prisma migrate/],
    ['prisma migrate by its table', {query: 'SELECT * FROM "_prisma_migrations"'}, /prisma migrate/],
    ['prisma migrate by its name', {application_name: 'prisma migrate'}, /migration/],
    ['flyway', {application_name: 'Flyway by Redgate'}, /migration/],
    ['a schema change', {query: '/* x */ ALTER TABLE a ADD b int'}, /migration/],
    ['an index build', {query: 'create unique index concurrently i on a (b)'}, /index/],
    ['RDS', {usename: 'rdsadmin'}, /managed/],
    ['Cloud SQL', {usename: 'cloudsqladmin'}, /managed/],
    ['Azure', {usename: 'azuresu'}, /managed/],
    ['Supabase', {usename: 'supabase_admin'}, /managed/],
    [
      'hidden',
      {state: null, backend_start: null, state_change: null, backend_type: null},
      /pg_read_all_stats/,
    ],
  ])('skips: %s', (_, overrides, reason) => {
    const {steps, skipped} = plan(seenByRole({backends: [leaky(1, overrides)]}));
    expect(steps).toEqual([]);
    expect(skipped).toMatchObject([{subject: 'backend:1', reason: expect.stringMatching(reason)}]);
  });

  it('skips a session that the progress view shows building an index', () => {
    const snapshot = createSnapshot({
      backends: [leaky(1)],
      index_builds: [{pid: 1, phase: 'building', relation: 'a'}],
    });
    expect(plan(snapshot).skipped).toMatchObject([{reason: 'it builds an index'}]);
  });

  it.each<[string, Partial<Backend>, boolean]>([
    ['pg_dump', {application_name: 'pg_dump'}, true],
    ['a migration', {query: 'ALTER TABLE a ADD b int'}, true],
    ['a service role', {usename: 'rdsadmin'}, true],
    ['one idle for too short a time', {state_age_ms: 10}, true],
    ["poolctl's own", {application_name: 'poolctl'}, false],
    ["a superuser's", {is_superuser: true}, false],
    ['a walsender', {backend_type: 'walsender'}, false],
    ['hidden', {state: null, backend_start: null, state_change: null}, false],
    ['an active one', {state: 'active'}, false],
  ])('named by pid: %s', (_, overrides, isEnded) => {
    const snapshot = createSnapshot({backends: [leaky(1, overrides), leaky(2)]});
    expect(subjects(snapshot, {pid: '1'})).toEqual(isEnded ? ['backend:1'] : []);
    expect(plan(snapshot, {pid: '1'}).skipped).toHaveLength(isEnded ? 0 : 1);
  });

  it("ends a superuser's session only as a superuser and by name", () => {
    const snapshot = createSnapshot({backends: [leaky(1, {is_superuser: true})]});
    const privileges = {...snapshot.target.privileges, is_superuser: true};
    const asSuperuser = {...snapshot, target: {...snapshot.target, privileges}};
    expect(subjects(asSuperuser)).toEqual([]);
    expect(subjects(asSuperuser, {pid: '1'})).toEqual(['backend:1']);
  });

  it('reports why a named pid is skipped: ended, reused, or a worker', () => {
    const worker = createWorker({backend_type: 'walsender'});
    const snapshot = createSnapshot({backends: [leaky(1)], background_workers: [worker]});
    const reasons = plan(snapshot, {pid: '1@2020-01-01T00:00:00.000000Z, 8 9'}).skipped.map(
      ({reason}) => reason,
    );
    expect(reasons).toEqual([
      expect.stringContaining('its pid was reused'),
      expect.stringContaining('no such session'),
      expect.stringContaining('walsender'),
    ]);
    expect(subjects(snapshot, {pid: '1@2026-01-01T00:00:00.123456Z'})).toEqual(['backend:1']);
  });

  const crowd = createSnapshot({
    backends: [
      leaky(1, {application_name: 'web', usename: 'web', client_addr: '10.0.0.1', state_age_ms: 400_000}),
      leaky(2, {application_name: 'web', usename: 'web', client_addr: null, state_age_ms: 500_000}),
      leaky(3, {application_name: '', usename: 'jobs', datname: 'jobs', state_age_ms: 40_000}),
      leaky(4, {state: 'idle in transaction (aborted)', state_age_ms: 700_000}),
      leaky(5, {state: 'idle', state_age_ms: 900_000}),
      leaky(6, {state: 'active', blocked_by: [1], wait_event_type: 'Lock', state_age_ms: 800_000}),
    ],
  });

  it.each<[ParameterValues, number[]]>([
    [{}, [1, 4, 2]],
    [{older_than: '30s'}, [1, 4, 2, 3]],
    [{older_than: '8min'}, [4, 2]],
    [{states: 'idle'}, [5]],
    [{states: 'idle, idle in transaction', older_than: '0s'}, [1, 5, 2, 3]],
    [{application: 'web'}, [1, 2]],
    [{application: '""', older_than: '0s'}, [3]],
    [{role: 'jobs', older_than: '0s'}, [3]],
    [{database: 'jobs', older_than: '0s'}, [3]],
    [{client: '10.0.0.1'}, [1]],
    [{client: 'local'}, [2]],
    [{client: '10.0.0.1, local'}, [1, 2]],
    [{at_most: '2'}, [1, 4]],
    [{pid: '3,5'}, [3]],
  ])('selects by %j, blockers first, then the oldest', (params, pids) => {
    expect(subjects(crowd, params)).toEqual(pids.map(pid => `backend:${pid}`));
  });

  it.each(['0x10', '1e3', '4711.0', '+4711', '0', '-1', '99999999999', '0x10@2026-01-01T00:00:00Z'])(
    'refuses a pid that is not decimal digits: %s',
    pid => {
      expect(() => plan(crowd, {pid})).toThrow(`pid: "${pid}" is not a pid`);
    },
  );

  it('guards identity and state inside the acting statement', () => {
    const [step] = plan(createSnapshot({backends: [leaky(1)]})).steps;
    if (step?.kind !== 'sql') throw new Error('an SQL step');
    expect(step.apply.text).toBe(
      'SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) AS signalled ' +
        'FROM pg_catalog.pg_stat_get_activity($1::int4) a ' +
        'WHERE a.backend_start = $2::timestamptz AND a.datid = $3::oid AND a.usesysid = $4::oid ' +
        'AND a.state = $5::text AND a.state_change = $6::timestamptz ' +
        'AND a.query_start IS NOT DISTINCT FROM $7::timestamptz ' +
        'AND a.xact_start IS NOT DISTINCT FROM $8::timestamptz ' +
        "AND a.backend_type = 'client backend' AND a.application_name <> 'poolctl' AND a.pid <> pg_catalog.pg_backend_pid()",
    );
    expect(step.apply.values).toEqual([
      1,
      '2026-01-01T00:00:00.123456Z',
      '16384',
      '16385',
      'idle in transaction',
      '2026-01-01T00:00:58.800000Z',
      '2026-01-01T00:00:58.790000Z',
      null,
    ]);
  });

  it('shows statements without literals, and watches the groups whose sessions it ends', () => {
    const {explanation, watch_groups, slots_freed} = plan(crowd);
    const text = explanation.join('\n');
    expect(text).toContain('3 sessions to end');
    expect(text).toContain('blocks 1 session');
    expect(text).toContain('UPDATE orders SET note = ? WHERE id = ?');
    expect(text).not.toContain('private');
    expect(slots_freed).toBe(3);
    expect(watch_groups).toMatchObject([
      {application_name: 'web', client_addr: '10.0.0.1', steps: [0]},
      {application_name: 'shop', client_addr: '10.0.0.7', steps: [1]},
      {application_name: 'web', client_addr: null, steps: [2]},
    ]);
  });
});

it('a plan without steps mentions sessions that match except for older_than', () => {
  const snapshot = createSnapshot({
    backends: [leaky(1, {state_age_ms: 31_000}), leaky(2, {state_age_ms: 9000})],
  });
  expect(plan(snapshot).explanation).toEqual([
    'No session matches. 2 sessions would without older_than=5m00s; the longest has been in that state for 31s.',
  ]);
  expect(plan(createSnapshot()).explanation).toEqual(['No session matches. Nothing to end.']);
  expect(plan(snapshot, {role: 'shop_ap', database: 'shop'}).explanation).toEqual([
    'No session of role shop_ap now: did you mean "shop_app"?',
    'No session matches. Nothing to end.',
  ]);
});

it('a plan describes each session once', () => {
  const made = plan(createSnapshot({backends: [leaky(4711), leaky(4712)]}));
  const text = planText(made, {id: 'here'}, 'hash').replace(/^ *\$1 = .*$/gm, '');
  expect(text.match(/shop\/shop_app/g)).toHaveLength(2);
  expect(text).toMatch(/^1\. terminate 4711$/m);
});
