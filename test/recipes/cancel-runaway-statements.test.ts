import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/cancel-runaway-statements.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

function running(pid: number, seconds: number, overrides: Partial<Backend> = {}): Backend {
  const age_ms = seconds * 1000;
  const ages = {query_age_ms: age_ms, state_age_ms: age_ms, xact_age_ms: age_ms};
  return createBackend({
    pid,
    state: 'active',
    wait_event_type: null,
    wait_event: null,
    ...ages,
    ...overrides,
  });
}

function plan(backends: Backend[], params: ParameterValues = {}) {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(createSnapshot({backends}), params, {});
}

const crowd = [
  running(1, 31, {application_name: 'metabase', usename: 'bi'}),
  running(2, 16, {application_name: 'web', usename: 'web', query: 'SELECT count(*)\n  FROM orders'}),
  running(3, 6, {application_name: 'web', usename: 'web'}),
  running(4, 2, {
    application_name: 'web-admin',
    usename: 'admin',
    query: 'SELECT * FROM users WHERE id = $1',
  }),
  running(5, 0.5, {application_name: 'web', usename: 'web'}),
];

describe('plan', () => {
  it.each<[ParameterValues, number[]]>([
    [{}, [1]],
    [{otherwise: 'complex'}, [1, 2]],
    [{otherwise: 'standard'}, [1, 2, 3]],
    [{otherwise: 'simple'}, [1, 2, 3, 4]],
    [{otherwise: 'none'}, []],
    [{otherwise: 'none', simple: 'role:admin'}, [4]],
    [{otherwise: 'none', simple: 'application:web*'}, [2, 3, 4]],
    [{otherwise: 'none', standard: 'application:web'}, [2, 3]],
    [{otherwise: 'none', complex: 'pattern:select COUNT(*) from'}, [2]],
    [{otherwise: 'none', simple: 'pattern:from users * id'}, [4]],
    [{otherwise: 'none', simple: 'role:nobody, role:admin,role:web'}, [2, 3, 4]],
    // If several classes match, the one with the longest limit applies.
    [{otherwise: 'simple', standard: 'role:web', report: 'pattern:count('}, [1, 3, 4]],
    [{otherwise: 'simple', older_than: '10s'}, [1, 2]],
    [{otherwise: 'simple', role: 'web'}, [2, 3]],
    [{otherwise: 'simple', at_most: '2'}, [1, 2]],
  ])('selects by %j, the longest first', (params, pids) => {
    expect(plan(crowd, params).steps.map(({subject}) => subject)).toEqual(pids.map(pid => `backend:${pid}`));
  });

  it.each<[string, Partial<Backend>, RegExp]>([
    ['a dump', {application_name: 'pg_dump'}, /dump/],
    ['a migration', {query: 'ALTER TABLE a ADD b int'}, /migration/],
    ['an index build', {query: 'CREATE INDEX CONCURRENTLY i ON a (b)'}, /index/],
    ["a superuser's", {is_superuser: true}, /superuser/],
    ['RDS', {usename: 'rdsadmin'}, /managed/],
    [
      'one that waits for a lock',
      {wait_event_type: 'Lock', blocked_by: [9]},
      /lock held by backend:9: see release-blockers/,
    ],
  ])('skips: %s', (_, overrides, reason) => {
    expect(plan([running(1, 600, overrides)])).toMatchObject({
      steps: [],
      skipped: [{subject: 'backend:1', reason: expect.stringMatching(reason)}],
    });
  });

  it('cancels the previewed statement, not a later one', () => {
    const [step] = plan(crowd).steps;
    if (step?.kind !== 'sql') throw new Error('an SQL step');
    expect(step.apply.text).toContain('pg_cancel_backend');
    expect(step.apply.text).toContain('a.state_change = $6::timestamptz');
    expect(step.apply.text).toContain('a.query_start IS NOT DISTINCT FROM $7::timestamptz');
  });

  it('names the class of each statement', () => {
    expect(plan(crowd, {otherwise: 'standard', complex: 'role:bi'}).explanation[0]).toBe(
      '3 statements to cancel (2 of web/web, 1 of metabase/bi): 2 standard (over 5s), 1 complex (over 15s).',
    );
  });

  it.each<[ParameterValues, string[]]>([
    [{simple: 'role:nobody'}, ['No session of role nobody now.', expect.stringMatching(/^1 statement to/)]],
    [
      {otherwise: 'none', simple: 'application:wbe, role:web'},
      ['No session of application wbe now: did you mean "web"?', expect.stringMatching(/^2 statements to/)],
    ],
    [{role: 'nobody'}, ['No session of role nobody now.', 'Nothing to cancel.']],
    [
      {application: 'web*'},
      ['No session of application web* now: did you mean "web"?', 'Nothing to cancel.'],
    ],
    [{application: '""'}, ['No session of application "" now.', 'Nothing to cancel.']],
    [
      {otherwise: 'none', simple: 'pattern:nowhere'},
      [expect.stringMatching(/^No statement exceeds its class/)],
    ],
  ])('reports the names in %j that match no session', (params, lines) => {
    expect(plan(crowd, params).explanation.slice(0, lines.length)).toEqual(lines);
  });

  it('reports protected statements over the limit of their class', () => {
    const overdue = running(1, 600, {
      is_superuser: true,
      query: `SELECT '${'x'.repeat(90)}', ${'a + '.repeat(30)}`,
    });
    expect(plan([overdue])).toMatchObject({
      explanation: ['1 statement exceeds its class; all are skipped.'],
      skipped: [
        {description: expect.stringMatching(/^shop\/shop_app active for 10m00s, SELECT \?, a \+ .{40,}…$/)},
      ],
    });
    expect(plan([overdue, {...overdue, pid: 2}]).explanation).toEqual([
      '2 statements exceed their class; all are skipped.',
    ]);
  });

  it.each([
    [{simple: 'web'}, /simple: "web" is not a selector/],
    [{report: 'client:10.0.0.1'}, /report: "client:10.0.0.1" is not a selector/],
    [{otherwise: 'huge'}, /otherwise: no "huge"/],
    [{older_than: 'soon'}, /older_than=soon/],
  ])('refuses %j', (params, message) => {
    expect(() => plan(crowd, params)).toThrow(message);
  });
});
