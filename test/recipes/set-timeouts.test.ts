import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/set-timeouts.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {RoleSettings, SettingOverride} from '../../source/model/recipe-data.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';

function settings(overrides: SettingOverride[] = []): RoleSettings {
  const role = {is_superuser: false, can_login: true, connection_limit: -1, valid_until: null};
  return {
    roles: [
      {...role, oid: '1', name: 'app'},
      {...role, oid: '2', name: 'we"b'},
      {...role, oid: '3', name: 'owners', can_login: false},
      {...role, oid: '10', name: 'postgres', is_superuser: true},
      {...role, oid: '4', name: 'app '},
    ],
    databases: [
      {oid: '5', name: 'postgres'},
      {oid: '6', name: 'shop'},
    ],
    overrides,
  };
}

const override = (name: string, value: string, database: string | null = null): SettingOverride => ({
  role: 'app',
  database,
  name,
  value,
});

const app = (pid: number, overrides: Partial<Backend>) => createBackend({pid, usename: 'app', ...overrides});

function plan(
  params: ParameterValues,
  role_settings = settings(),
  backends: Backend[] = [],
  version = 180_000,
) {
  if (!recipe.plan) throw new Error('it acts');
  const snapshot = createSnapshot({
    backends,
    statements: [
      createStatement({usename: 'app', max_exec_time_ms: 90_000}),
      createStatement({usename: 'app', max_exec_time_ms: 10}),
    ],
  });
  const target = {...snapshot.target, server_version_num: version};
  return recipe.plan({...snapshot, target}, params, {role_settings});
}

const statements = (...args: Parameters<typeof plan>) =>
  plan(...args).steps.map(step => {
    if (step.kind !== 'sql' || typeof step.undo === 'string')
      throw new Error('an SQL step that can be undone');
    return [step.apply.text, step.undo.apply.text];
  });

describe('plan', () => {
  it.each<[string, ParameterValues, SettingOverride[], [string, string][]]>([
    [
      'no value was set',
      {role: 'app', statement_timeout: '30s'},
      [],
      [[`ALTER ROLE "app" SET "statement_timeout" = '30s'`, 'ALTER ROLE "app" RESET "statement_timeout"']],
    ],
    [
      'a value was set, in another unit',
      {role: 'app', lock_timeout: '2s'},
      [override('lock_timeout', '1500'), override('statement_timeout', '1min')],
      [[`ALTER ROLE "app" SET "lock_timeout" = '2s'`, `ALTER ROLE "app" SET "lock_timeout" = '1500'`]],
    ],
    [
      'in one database, where the role has another value',
      {role: 'app', database: 'shop', statement_timeout: '5min'},
      [override('statement_timeout', '1min')],
      [
        [
          `ALTER ROLE "app" IN DATABASE "shop" SET "statement_timeout" = '5min'`,
          'ALTER ROLE "app" IN DATABASE "shop" RESET "statement_timeout"',
        ],
      ],
    ],
    [
      'a value is reset',
      {role: 'app', reset: 'transaction_timeout'},
      [override('transaction_timeout', '1h')],
      [['ALTER ROLE "app" RESET "transaction_timeout"', `ALTER ROLE "app" SET "transaction_timeout" = '1h'`]],
    ],
    [
      'the value is set already',
      {role: 'app', statement_timeout: '30s', reset: 'lock_timeout'},
      [override('statement_timeout', '30000')],
      [],
    ],
    [
      'a name that needs its quotes',
      {role: 'we"b', statement_timeout: '0'},
      [],
      [[`ALTER ROLE "we""b" SET "statement_timeout" = '0'`, 'ALTER ROLE "we""b" RESET "statement_timeout"']],
    ],
  ])('%s', (_, params, overrides, expected) => {
    expect(statements(params, settings(overrides))).toEqual(expected);
  });

  it('guards the current value, and its undo the new one', () => {
    const [step] = plan(
      {role: 'app', statement_timeout: '30s'},
      settings([override('statement_timeout', '1min')]),
    ).steps;
    expect(step).toMatchObject({
      guard: {
        expect: {column: 'value', op: '=', value: '1min'},
        query: {values: ['1', 'app', null, null, 'statement_timeout']},
      },
      verify: {expect: {value: '30s'}},
      undo: {guard: {expect: {value: '30s'}}, verify: {expect: {value: '1min'}}},
      transaction: true,
    });
  });

  it.each<[ParameterValues, RegExp]>([
    [{statement_timeout: '30s'}, /role is not set/],
    [{role: 'nobody', statement_timeout: '30s'}, /role "nobody" does not exist/],
    [{role: 'app', database: 'none', statement_timeout: '30s'}, /database "none" does not exist/],
    [{role: 'app'}, /no timeout given/],
    [{role: 'app', reset: 'timeout'}, /reset: unknown timeout "timeout"/],
    [{role: 'app', lock_timeout: '2s', reset: 'lock_timeout'}, /lock_timeout is both set and reset/],
    [{role: 'app', statement_timeout: '30'}, /statement_timeout=30 is not a valid timeout/],
  ])('refuses %j', (params, message) => {
    expect(() => plan(params)).toThrow(
      expect.objectContaining({message: expect.stringMatching(message), exitCode: 2}),
    );
  });

  it.each([
    ['transaction_timeout', 160_004, /needs PostgreSQL 17 or later; this is 16/],
    ['idle_session_timeout', 130_010, /needs PostgreSQL 14 or later; this is 13/],
  ])('refuses %s before the version that has it', (name, version, message) => {
    expect(() => plan({role: 'app', [name]: '1min'}, settings(), [], version)).toThrow(message);
  });

  it("changes a superuser's settings only as a superuser", () => {
    expect(plan({role: 'postgres', statement_timeout: '30s'})).toMatchObject({
      steps: [],
      skipped: [{is_forbidden: true, reason: expect.stringContaining('superuser')}],
    });
  });

  it('explains which sessions it affects, which not, and what may fail', () => {
    const backends = [
      app(1, {state: 'idle', state_age_ms: 700_000, application_name: 'PgBouncer'}),
      app(2, {state: 'idle in transaction', state_age_ms: 90_000}),
      app(3, {state: 'active', query_age_ms: 40_000}),
    ];
    const {explanation, figure} = plan(
      {
        role: 'app',
        statement_timeout: '30s',
        idle_in_transaction_session_timeout: '1min',
        idle_session_timeout: '10min',
        lock_timeout: '30s',
      },
      settings([override('statement_timeout', '5min', 'shop')]),
      backends,
    );
    const text = explanation.join('\n');
    expect(text).toContain('Only new sessions get it: 3 open sessions keep their values');
    expect(text).toContain('1 statement running, 1 of its 2 known statements once took longer');
    expect(text).toContain('(25P03); affected now: 1 session.');
    expect(text).toContain('Idle now as this role: PgBouncer.');
    expect(text).toContain('In database shop, statement_timeout stays 5min');
    expect(text).toContain('lock_timeout has no effect');
    expect(figure?.[1]).toBe('statement_timeout                    not set  30s');
  });
});

describe('diagnose', () => {
  const leak = app(1, {state: 'idle in transaction', state_age_ms: 400_000});
  const diagnose = (backend: Backend, role_settings?: RoleSettings) =>
    recipe.diagnose(createSnapshot({backends: [backend]}), role_settings ? {role_settings} : {});

  it('reports a role with long idle transactions, and the missing timeout', () => {
    expect(diagnose(leak, settings())).toMatchObject([
      {subject: 'role:app', params: {role: 'app', idle_in_transaction_session_timeout: '1min'}},
    ]);
  });

  it.each<[string, Backend, RoleSettings | undefined]>([
    ['before the settings are read', leak, undefined],
    [
      'where a timeout is set for new sessions',
      leak,
      settings([override('idle_in_transaction_session_timeout', '1min', 'shop')]),
    ],
    ['for a session idle for a minute', {...leak, state_age_ms: 60_000}, settings()],
    ['of a dump', {...leak, application_name: 'pg_dump'}, settings()],
    ["of a superuser's sessions", {...leak, usename: 'postgres'}, settings()],
  ])('reports nothing %s', (_, backend, role_settings) => {
    expect(diagnose(backend, role_settings)).toEqual([]);
  });
});
