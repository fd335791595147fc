import {describe, expect, it} from 'vitest';
import {flagAsTyped} from '../../source/cli/call/usage.ts';
import {usage} from '../../source/commands/check/flags.ts';
import {readConfiguration} from '../../source/config/configuration.ts';
import {noSettings} from '../../source/core/configuration.ts';
import {AbortError} from '../../source/core/errors.ts';
import {metricByLimitName} from '../../source/core/health/health.ts';
import {metricOf} from '../../source/core/health/metrics.ts';

const place = {file: '/c/config.toml', folder: '/c', home: '/home/ann'};
const read = (text: string) => readConfiguration(text, place);

it('every setting of config.toml is read', () => {
  const {settings, targets} = read(`
    recipes = ["runbooks", "~/mine", "/etc/poolctl"]
    [protected]
    roles = ["replicator"]
    [thresholds]
    max_used = "85%"
    max_blocked = [3, 7]
    [targets.prod]
    environment = "production"
    url_env = "PROD_URL"
    source = "~/shop"
    rescue_url_command = "pass show prod"
    pooler_url_env = "PROD_PGBOUNCER"
    recipes = ["prod"]
    protected = {roles = ["billing"], applications = ["nightly import"]}
    [targets.prod.thresholds]
    max_used = 0.9
    max_mean = "1min 30s"
    [targets."my laptop"]
    url = "postgres://localhost/shop"
  `);
  expect(settings).toEqual({
    limits: {used_ratio: {warning: null, critical: 0.85}, blocked_sessions: {warning: 3, critical: 7}},
    protected_sessions: {roles: ['replicator'], applications: []},
    applications: [],
    recipe_folders: ['/c/runbooks', '/home/ann/mine', '/etc/poolctl'],
  });
  expect(targets.get('prod')).toEqual({
    environment: 'production',
    url: {kind: 'variable', text: 'PROD_URL'},
    rescue_url: {kind: 'command', text: 'pass show prod'},
    pooler_url: {kind: 'variable', text: 'PROD_PGBOUNCER'},
    settings: {
      limits: {
        used_ratio: {warning: null, critical: 0.9},
        blocked_sessions: {warning: 3, critical: 7},
        slowest_mean_exec_time_ms: {warning: null, critical: 90_000},
      },
      protected_sessions: {roles: ['replicator', 'billing'], applications: ['nightly import']},
      applications: [],
      recipe_folders: ['/c/runbooks', '/home/ann/mine', '/etc/poolctl', '/c/prod'],
      source: '/home/ann/shop',
    },
  });
  expect(targets.get('my laptop')).toEqual({
    environment: null,
    url: {kind: 'literal', text: 'postgres://localhost/shop'},
    rescue_url: null,
    pooler_url: null,
    settings,
  });
});

it('a theme is for all targets that name none', () => {
  const {settings, targets} = read(`
    theme = "light"
    [targets.prod]
    url = "postgres://prod/shop"
    theme = "dark"
    [targets.dev]
    url = "postgres://dev/shop"
  `);
  expect([settings.theme, targets.get('prod')?.settings.theme, targets.get('dev')?.settings.theme]).toEqual([
    'light',
    'dark',
    'light',
  ]);
});

it('read_only is for all targets that do not say otherwise', () => {
  const {settings, targets} = read(`
    read_only = true
    [targets.prod]
    url = "postgres://prod/shop"
    [targets.dev]
    url = "postgres://dev/shop"
    read_only = false
  `);
  const values = [settings, targets.get('prod')?.settings, targets.get('dev')?.settings];
  expect(values.map(each => each?.read_only)).toEqual([true, true, false]);
});

it('read_only that is no boolean is a mistake', () => {
  expect(() => read('read_only = "yes"')).toThrow(/:1: read_only must be true or false/);
});

it("a target's cores are a whole number", () => {
  const target = (cores: string) => read(`[targets.prod]\nurl = "postgres://prod/shop"\ncores = ${cores}`);
  expect(target('8').targets.get('prod')?.settings.cores).toBe(8);
  expect(() => target('0')).toThrow(/:3: cores must be a whole number from 1 to 4096/);
  expect(() => target('"8"')).toThrow(/:3: cores must be a whole number/);
});

it('an empty config.toml is read', () => {
  expect(read('# nothing yet\n')).toEqual({file: place.file, targets: new Map(), settings: noSettings});
});

it('limits of one application can be set under [applications], a target’s beside those of every server', () => {
  const {targets} = read(
    [
      '[applications.web]\nmax_used = "60%"',
      '[targets.p]\nurl = "postgres://h/d"',
      '[targets.p.applications]\n"role:app" = {against = "web", max_blocked = 3}',
    ].join('\n'),
  );
  expect(targets.get('p')?.settings.applications).toEqual([
    {name: 'web', against: null, limits: {used_ratio: {warning: null, critical: 0.6}}},
    {name: 'role:app', against: 'web', limits: {blocked_sessions: {warning: null, critical: 3}}},
  ]);
  expect(() => read('[applications]\nweb = {max_mean = "1s"}')).toThrow('unknown key "max_mean"');
});

it('every limit of check can be set under [thresholds], named as its flag', () => {
  const flagsOfCheck: readonly string[] = Object.keys(usage.flags).map(flagAsTyped);
  const named = [...metricByLimitName.keys()].map(name => `--${name.replaceAll('_', '-')}`);
  expect(named.filter(flag => !flagsOfCheck.includes(flag))).toEqual([]);
  const given = [...metricByLimitName].map(([name, metric]) => {
    const {kind} = metricOf(metric);
    return `${name} = "${{ratio: '50%', duration: '1s', count: '7'}[kind]}"`;
  });
  const {settings} = read(`[thresholds]\n${given.join('\n')}`);
  expect(Object.keys(settings.limits)).toEqual([...metricByLimitName.values()]);
});

it('min_seen, the former name of min_availability, is read', () => {
  const {settings} = read('[thresholds]\nmin_seen = "50%"');
  expect(settings.limits).toEqual({availability_ratio: {warning: null, critical: 0.5}});
});

describe('a mistake in config.toml is reported with its line', () => {
  it.each<[string, string, string]>([
    ['invalid TOML', 'a = 1\nb = secret', '2: invalid TOML at column 5: unexpected character'],
    [
      'a password without quotes',
      '[targets.a]\nurl = postgres://u:secret@h',
      '2: invalid TOML at column 7: unexpected character',
    ],
    [
      'a duplicate key',
      '[targets.a]\nurl = "secret"\nurl = "secret"',
      '3: invalid TOML at column 1: defining a key multiple times is invalid',
    ],
    ['an unknown key', 'recipe = []', '1: unknown key "recipe": did you mean "recipes"?'],
    ['an unknown table', '[target.a]\nurl = "secret"', '1: unknown key "target": did you mean "targets"?'],
    [
      'an unknown key without a near name',
      '[targets.a]\nurl = "secret"\nproduction = true',
      '3: unknown key "production": use environment, cores, url, url_env, url_command, rescue_url, rescue_url_env, rescue_url_command, pooler_url, pooler_url_env, pooler_url_command, recipes, protected, thresholds, applications, theme, read_only, source',
    ],
    [
      'an unknown key of a target',
      '[targets.a]\nurl = "secret"\nenvironmant = "production"',
      '3: unknown key "environmant": did you mean "environment"?',
    ],
    [
      'an invalid environment',
      '[targets.a]\nurl = "secret"\nenvironment = "prodution"',
      '3: invalid environment "prodution": did you mean "production"?',
    ],
    ['no URL', '\n[targets.a]\nenvironment = "staging"', '2: target "a" needs url, url_env or url_command'],
    ['two URLs', '[targets.a]\nurl = "secret"\nurl_env = "B"', '3: url and url_env cannot be used together'],
    ['a URL that is not a string', '[targets.a]\nurl = 1', '2: url must be a string'],
    ['a target that is not a table', 'targets.a = "secret"', '1: target "a" must be a table: [targets.a]'],
    ['a list of tables', '[[targets]]\nurl = "secret"', '1: lists of tables ([[...]]) are not supported'],
    [
      'roles that are not a list',
      '[protected]\nroles = "app"',
      '2: roles must be a list of strings: ["...", "..."]',
    ],
    [
      'a role that is not a string',
      '[protected]\nroles = ["app", 1]',
      '2: roles must be a list of non-empty strings',
    ],
    [
      'an unknown key of protected',
      '[targets.a]\nurl = "secret"\n[targets.a.protected]\nrole = []',
      '4: unknown key "role": did you mean "roles"?',
    ],
    [
      'an unknown threshold',
      '[thresholds]\nmax_use = "80%"',
      '2: unknown key "max_use": did you mean "max_used"?',
    ],
    [
      'an invalid share',
      '[thresholds]\nmax_used = 80',
      '2: max_used must be a share: "80%" or 0.8, or a warning and a critical one: "80%,90%"',
    ],
    [
      'an invalid duration',
      '[thresholds]\nmax_mean = 30',
      '2: max_mean must be a duration as PostgreSQL reads intervals: "30s", or a warning and a critical one: "30s,5min"',
    ],
    [
      'an invalid count',
      '[thresholds]\nmax_blocked = -1',
      '2: max_blocked must be a whole number, or a warning and a critical one: "5,20"',
    ],
  ])('%s', (_, text, message) => {
    let error: unknown;
    try {
      read(text);
    } catch (caught) {
      error = caught;
    }
    if (!(error instanceof AbortError)) throw new Error('it was accepted', {cause: error});
    expect(error.message).toBe(`/c/config.toml:${message}`);
    expect(error.exitCode).toBe(2);
    expect(error.message).not.toContain('secret');
  });
});

it('all mistakes of a file are reported at once', () => {
  const text = [
    '[targets.a]',
    'url = 1',
    'environment = "prodution"',
    'colour = "secret"',
    '[targets.b]',
    '[[lists]]',
    '[thresholds]',
    'max_used = 80',
  ];
  expect(() => read(text.join('\n'))).toThrow(
    expect.objectContaining({
      message: '/c/config.toml:2: url must be a string',
      hint: [
        'And line 3: invalid environment "prodution": did you mean "production"?',
        'line 4: unknown key "colour": use environment, cores, url, url_env, url_command, rescue_url, rescue_url_env, rescue_url_command, pooler_url, pooler_url_env, pooler_url_command, recipes, protected, thresholds, applications, theme, read_only, source',
        'line 5: target "b" needs url, url_env or url_command',
        'line 6: lists of tables ([[...]]) are not supported',
        'line 8: max_used must be a share: "80%" or 0.8, or a warning and a critical one: "80%,90%".',
      ].join('; '),
    }),
  );
});

it.each([
  ['a = "\\uD800secret"', 'invalid code point'],
  ['a = "secret', 'unterminated string constant'],
  ['a = secret\u0001', 'unexpected character'],
])('invalid TOML is explained without quoting it: %j', (text, message) => {
  expect(() => read(text)).toThrow(expect.objectContaining({message: expect.stringContaining(message)}));
  expect(() => read(text)).not.toThrow(/secret|D800/i);
});
