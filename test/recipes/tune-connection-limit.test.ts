import {describe, expect, it} from 'vitest';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {facts, planOf, role, textOf, urlAdvice} from './connection-limit-plans.ts';

describe('the limit', () => {
  it.each<[ParameterValues, string]>([
    // 97 usable x 0.8 = 77
    [{instances: '10'}, 'connection_limit=7&pool_timeout=10&connect_timeout=5'],
    [{instances: '4', max_instances: '20'}, 'connection_limit=3&pool_timeout=10&connect_timeout=5'],
    [{instances: '10', deploy_overlap: '2'}, 'connection_limit=3&pool_timeout=10&connect_timeout=5'],
    [{instances: '10', platform: 'kubernetes'}, 'connection_limit=5&pool_timeout=10&connect_timeout=5'],
    [{instances: '2', platform: 'vercel'}, 'connection_limit=5&pool_timeout=15&connect_timeout=5'],
    [{instances: '10', platform: 'vercel'}, 'connection_limit=3&pool_timeout=15&connect_timeout=5'],
    [{instances: '2', platform: 'netlify'}, 'connection_limit=10&pool_timeout=20&connect_timeout=5'],
    [{instances: '20', platform: 'lambda'}, 'connection_limit=1&pool_timeout=5&connect_timeout=10'],
    [{instances: '2', preset: 'high-traffic'}, 'connection_limit=20&pool_timeout=10&connect_timeout=5'],
    [{instances: '2', preset: 'development'}, 'connection_limit=5&pool_timeout=5&connect_timeout=3'],
    [{instances: '10', usable_share: '1'}, 'connection_limit=9&pool_timeout=10&connect_timeout=5'],
    [{instances: '500', platform: 'pgbouncer'}, 'connection_limit=10&pool_timeout=10&connect_timeout=5'],
  ])('%o', (params, expected) => {
    expect(urlAdvice(planOf({...params, prisma_major: '6'}))[0]).toBe(expected);
  });

  it("does not exceed the role's own limit, unless the run sets that too", () => {
    const limited = {role_limits: [{...role, connection_limit: 20}]};
    const params = {instances: '10', prisma_major: '6', role: 'shop_app'};
    expect(urlAdvice(planOf(params, limited))[0]).toContain('connection_limit=2&');
    expect(urlAdvice(planOf({...params, apply: 'role'}, limited))[0]).toContain('connection_limit=7&');
  });

  it('is null if none fits; the plan shows the arithmetic and advises a pooler', () => {
    const plan = planOf({platform: 'lambda', instances: '5', max_instances: '100', deploy_overlap: '1'});
    expect(textOf(plan)).toContain(
      'No connection_limit fits: 100 instances with 1 connection each need 100 of the 77',
    );
    expect(textOf(plan)).toContain('max_connections=128');
    expect(plan.steps).toHaveLength(1);
    expect(plan.steps[0]).toMatchObject({
      kind: 'advice',
      text: expect.stringContaining('default_pool_size = 77'),
    });
    expect(plan.steps[0]).toMatchObject({text: expect.stringContaining('max_client_conn = 110')});
  });
});

describe('the figure', () => {
  const snapshot = createSnapshot({max_connections: 5000});
  it.each<[ParameterValues, Snapshot]>([
    [{}, createSnapshot()],
    [{platform: 'lambda', max_instances: '100000', deploy_overlap: '10'}, snapshot],
    [{platform: 'pgbouncer', instances: '90000'}, snapshot],
    [
      {instances: '123456', preset: 'high-traffic'},
      createSnapshot({
        backends: [createBackend({application_name: 'x'.repeat(63), usename: 'y'.repeat(63)})],
      }),
    ],
  ])('%o is at most 76 columns wide', (params, given) => {
    const wide = (planOf(params, facts, given).figure ?? []).filter(line => line.length > 76);
    expect(wide).toEqual([]);
  });

  it('shows connections now, at peak, in a deploy, and for 1, 10, 100 and 1,000 instances', () => {
    const figure = (planOf({instances: '4', max_instances: '10', deploy_overlap: '2'}).figure ?? []).join(
      '\n',
    );
    expect(figure).toMatch(/^now 4 x 3 .*12 fits$/m);
    expect(figure).toMatch(/^at peak 10 x 3 .*30 fits$/m);
    expect(figure).toMatch(/^in a deploy 20 x 3 .*60 fits$/m);
    expect(figure).toMatch(/^high-traffic +20 +80 tight +200 OVER +400 OVER$/m);
    expect(figure).toMatch(/^ +10 {3}7 \(10 x 7 = 70\) +30 fits$/m);
    expect(figure).toMatch(/^ +1,000 {3}none, 1000 x 1 > 77: a pooler +3,000 OVER by 2,903$/m);
  });
});

describe('slots used by others', () => {
  const others = Array.from({length: 32}, (_, index) => createBackend({pid: index + 1, usename: 'other'}));
  const snapshot = createSnapshot({backends: others});
  const params = {role: 'shop_app', prisma_major: '6', connection_limit: '70'};

  it('count in the verdict and in the figure', () => {
    const {explanation, figure = []} = planOf(params, facts, snapshot);
    expect(explanation[1]).toBe(
      'It does not fit now: 70 + 32 used by others = 102 of 97 usable slots, so the server would refuse 5 (53300); connection_limit=65 fits until others disconnect: 65 x 1 + 32 = 97.',
    );
    expect(figure).toContain('now 1 x 70             [#############xoo:ooo] 70 tight: 32 used by others');
    expect(figure).toContain('o: 32 used by others; x: both');
    expect(figure.join('\n')).toMatch(/^proposed +70 +70 tight/m);
    expect(figure.filter(line => line.length > 76)).toEqual([]);
  });

  it('do not change the proposal', () => {
    const {steps, params: read} = planOf(params, facts, snapshot);
    expect(planOf(params)).toMatchObject({steps, params: read});
    expect(textOf(planOf(params))).not.toContain('tight: others');
  });

  it.each<[ParameterValues, string]>([
    [{connection_limit: '60'}, 'It fits now: 60 + 32 used by others = 92 of 97 usable slots.'],
    [
      {instances: '70'},
      'It does not fit now: 70 + 32 used by others = 102 of 97 usable slots, so the server would refuse 5 (53300); no limit fits until others disconnect.',
    ],
    [
      {platform: 'pgbouncer'},
      'It does not fit now: 77 + 32 used by others = 109 of 97 usable slots, so the server would refuse 12 (53300); usable_share=0.65 fits until others disconnect.',
    ],
  ])('are explained in one sentence with a sum, %o', (given, expected) => {
    const {explanation} = planOf({role: 'shop_app', ...given}, facts, snapshot);
    expect(explanation.filter(line => line.includes('fit'))).toContain(expected);
  });

  it('are explained in the singular for one instance', () => {
    expect(planOf(params, facts, snapshot).explanation[0]).toBe(
      'connection_limit=70 x 1 instance (during a deploy at peak) = 70 of the 77 connections allotted to them (97 usable x 0.8).',
    );
  });
});

describe('the load', () => {
  const rates = {
    interval_ms: 5000,
    calls_per_second: 800,
    exec_ms_per_second: 4000,
    exec_share_ratio: 1,
    rows_per_second: 0,
    shared_blks_hit_per_second: 0,
    shared_blks_read_per_second: 0,
    temp_blks_per_second: 0,
    wal_bytes_per_second: 0,
    mean_exec_time_ms: 5,
    stddev_exec_time_ms: 0,
  };
  it('is estimated from rates', () => {
    const snapshot = createSnapshot({statements: [createStatement({rates})]});
    const text = textOf(planOf({instances: '4'}, facts, snapshot));
    expect(text).toContain('800 statements per second of 5.00ms each keep 4.00 connections busy');
    expect(text).toMatch(/^ +1 +100% +the queue grows without limit$/m);
    expect(text).toMatch(/^ +2 +50% +33.3% +1.67ms/m);
  });

  it("is computed from the role's statements only", () => {
    const other = createStatement({usename: 'other', rates: {...rates, calls_per_second: 9}});
    const snapshot = createSnapshot({statements: [createStatement({rates}), other]});
    expect(textOf(planOf({role: 'shop_app'}, facts, snapshot))).toContain('800 statements per second');
  });

  it('is an average since the last reset for a single snapshot', () => {
    const snapshot = createSnapshot();
    const info = {
      dealloc: 0,
      stats_reset: '2026-01-01T00:00:50.000000Z',
      entries: 1,
      max_entries: 5000,
      is_evicting: false,
    };
    const text = textOf(planOf({}, facts, {...snapshot, statements_info: info}));
    expect(text).toContain('since statistics were reset 10s ago');
    expect(text).toContain('100 statements per second of 0.50ms each keep 0.05 connections busy');
  });

  it.each([
    ['no time', createSnapshot(), 'read once'],
    ['no statement', createSnapshot({statements: []}), 'has none of its statements'],
  ])('is unknown: %s', (_, snapshot, reason) => {
    expect(textOf(planOf({}, facts, snapshot))).toMatch(new RegExp(`Wait time unknown: .*${reason}`));
  });
});

describe('a role', () => {
  it('is limited to the share, guarded by its current limit', () => {
    const [step] = planOf({role: 'shop_app', apply: 'role'}).steps;
    expect(step).toMatchObject({
      kind: 'sql',
      apply: {text: 'ALTER ROLE "shop_app" CONNECTION LIMIT 77'},
      guard: {expect: {value: -1}},
      undo: {apply: {text: 'ALTER ROLE "shop_app" CONNECTION LIMIT -1'}},
    });
  });

  it('is skipped if it is a superuser', () => {
    const plan = planOf({role: 'postgres', apply: 'role'});
    expect(plan.steps.filter(({kind}) => kind === 'sql')).toEqual([]);
    expect(plan.skipped).toMatchObject([{subject: 'role:postgres'}]);
  });
});

it.each<[ParameterValues, RegExp]>([
  [{platform: 'heroku'}, /platform/],
  [{instances: '0'}, /instances/],
  [{instances: '5', max_instances: '4'}, /max_instances=4/],
  [{deploy_overlap: '0.5'}, /deploy_overlap/],
  [{usable_share: '80'}, /usable_share/],
  [{role: 'nobody'}, /role "nobody" does not exist/],
  [{apply: 'role'}, /apply=role needs a role/],
  [{apply: 'server'}, /apply/],
])('refuses %o', (params, message) => expect(() => planOf(params)).toThrow(message));
