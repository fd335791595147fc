import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/tune-connection-limit.ts';
import {readEnvFile} from '../../source/core/pool/env.ts';
import type {Application} from '../../source/model/application.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {StatementRates} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {facts, planOf, textOf} from './connection-limit-plans.ts';

describe('Prisma 7', () => {
  const env_file = readEnvFile(
    '/app/.env',
    'DATABASE_URL',
    'DATABASE_URL=postgres://a:secret@h/d?connection_limit=5\n',
  );
  const application = {
    folder: '/app',
    prisma: {version: '7.1.0', major: 7, source: 'package-lock.json'},
    url_variable: 'DATABASE_URL',
    env_file,
    shadowed_by: [],
    url_readers: [],
    pools: [{path: '/app/db.ts', line: 3, call: 'new PrismaPg({connectionString})', settings: {}}],
    is_partial: false,
  };
  const given = {...facts, application};

  it('names pools beside the adapter, which its figures leave out', () => {
    const other_pools = [{path: '/app/reports.ts', line: 4, settings: {max: 5}}];
    const plan = planOf(
      {app: '/app', instances: '10', prisma_major: '7'},
      {...facts, application: {...application, other_pools}},
    );
    expect(textOf(plan)).toContain('Not in these figures: new Pool at /app/reports.ts:4 (max 5).');
  });

  it('warns of pool parameters in a URL, does not change them, and changes the adapter', () => {
    const plan = planOf({app: '/app', instances: '10', prisma_major: '7'}, given);
    expect(textOf(plan)).toContain('Warning: DATABASE_URL still has connection_limit=5');
    expect(plan.steps.map(({kind, subject}) => [kind, subject])).toEqual([
      ['file', 'file:/app/db.ts'],
      ['advice', 'application'],
    ]);
    expect(plan.steps[0]).toMatchObject({
      diff: [
        '-new PrismaPg({connectionString})',
        '+new PrismaPg({connectionString, max: 7, connectionTimeoutMillis: 10000, idleTimeoutMillis: 30000})',
      ],
    });
    expect(textOf(plan)).toContain(
      'Today each instance may open 10: 100 with 10 instances, 3 more than the server accepts',
    );
  });

  describe('of Prisma 8', () => {
    const pools = [{path: '/app/db.ts', line: 6, call: null, settings: {connectionTimeoutMillis: 20_000}}];
    const prisma = {version: '8.0.0-rc.13', major: 8, source: 'package-lock.json'};
    const planFor = (params: ParameterValues, more: Partial<Application> = {}) =>
      planOf(
        {app: '/app', instances: '10', prisma_major: '8', ...params},
        {...facts, application: {...application, prisma, pools, ...more}},
      );

    it('advises to give it a pool, whose size its own cannot have', () => {
      const plan = planFor({});
      expect(plan.steps.map(({kind, title}) => [kind, title])).toEqual([
        ['advice', 'give Prisma 8 a pool of this size'],
      ]);
      expect(plan.steps[0]).toMatchObject({
        text: expect.stringMatching(
          /new Pool\(\{\n.*DATABASE_URL,\n {2}max: 7,[\s\S]*pg: pool[\s\S]*\/app\/db\.ts:6$/,
        ),
      });
      expect(textOf(plan)).toContain("Prisma 8 has node-postgres's pool: 10 connections and a wait of 20 s");
    });

    it('changes a pool that it is given', () => {
      const call = 'new Pool({max: 20})';
      const [step] = planFor({}, {pools: [{path: '/app/db.ts', line: 4, call, settings: {max: 20}}]}).steps;
      expect(step).toMatchObject({
        kind: 'file',
        diff: [`-${call}`, '+new Pool({max: 7, connectionTimeoutMillis: 10000, idleTimeoutMillis: 30000})'],
      });
    });

    it.each([
      ['a preset of 1', {preset: 'serverless', instances: '2'}],
      ['connection_limit=1', {connection_limit: '1'}],
    ])('has 2 connections at least: %s', (_, params) => {
      expect(textOf(planFor(params))).toContain('connection_limit=2 x ');
    });

    it('does not fit where only 1 would', () => {
      const text = textOf(planFor({instances: '60', deploy_overlap: '1'}));
      expect(text).toContain('No connection_limit fits: 60 instances with 2 connections each need 120 of');
      expect(text).toContain('or at most 38 instances.');
    });
  });

  const site = (line: number, max?: number | null) => ({
    path: '/app/db.ts',
    line,
    call: null,
    settings: max === undefined ? {} : {max},
  });
  const textWith = (more: Partial<Application>) =>
    textOf(
      planOf(
        {app: '/app', instances: '2', prisma_major: '7'},
        {...facts, application: {...application, ...more}},
      ),
    );

  it('adds the pools of a process, and divides what fits by them', () => {
    const text = textWith({pools: [site(3), site(9, 5)]});
    expect(text).toContain('Today each instance may open 15 (10 + 5): 30 with 4 pools');
    expect(text).toContain('connection_limit=19 x 4 pools (during a deploy at peak) = 76 of');
    expect(text).toContain('added: /app/db.ts:3, /app/db.ts:9.');
  });

  it('does not know what a pool opens that takes max from elsewhere', () => {
    const text = textWith({pools: [site(3, 5), site(9, null)]});
    expect(text).toContain('The limit of today is unknown');
    expect(text).not.toMatch(/^today|Today each instance/m);
  });

  it('does not call parameters ignored that the application may read itself', () => {
    const text = textWith({url_readers: ['/app/url.ts']});
    expect(text).toContain(
      'DATABASE_URL has connection_limit=5: the adapter ignores that, but /app/url.ts may',
    );
    expect(text).not.toContain('silently');
  });

  it('leads with what the load needs, and doubts fewer instances than addresses', () => {
    const rates = {calls_per_second: 100, exec_ms_per_second: 220, interval_ms: 60_000} as StatementRates;
    const statement = createStatement({usename: 'shop_app', toplevel: true, rates});
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', null];
    const backends = addresses.map((client_addr, index) =>
      createBackend({pid: index + 1, usename: 'shop_app', client_addr, backend_age_ms: 5_000_000}),
    );
    const snapshot = createSnapshot({statements: [statement], backends});
    const {explanation} = planOf({role: 'shop_app', instances: '2'}, facts, snapshot);
    expect(explanation[0]).toMatch(
      /^The load measured needs connection_limit=2 \(0\.22 connections busy in all now, 1 in 100 waits at most\); up to 38 fits\./,
    );
    expect(explanation).toContainEqual(
      'Warning: role shop_app has 4 clients now (each an application at an address), so instances=2 may be too few: 4 x 38 + 0 used by others = 152 of 97 usable slots, so the server would refuse 55 (53300).',
    );
    expect(explanation.join('\n')).not.toMatch(/fits now|deploy may be/);
  });

  it('counts an application at an address once, and says that a deploy may be under way', () => {
    const clients = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].flatMap((client_addr, index) => [
      // The pool closes idle connections and opens new ones.
      {client_addr, backend_age_ms: 5000},
      {client_addr, backend_age_ms: index < 2 ? 20_000 + 1000 * index : 3_000_000},
    ]);
    const backends = clients.map((client, index) =>
      createBackend({pid: index + 1, usename: 'shop_app', application_name: 'shop', ...client}),
    );
    const snapshot = createSnapshot({backends});
    expect(recipe.defaults?.(snapshot, facts)).toEqual({role: 'shop_app', instances: '4'});
    const {explanation} = planOf({role: 'shop_app', instances: '2', deploy_overlap: '2'}, facts, snapshot);
    expect(explanation.join('\n')).not.toContain('may be too few');
    expect(explanation).toContainEqual(
      '2 of its 4 clients connected first within the last 21s, the others well before: a deploy may be under way, in which old and new instances are counted together.',
    );
  });

  it('counts an instance that was quiet, whose sessions are new', () => {
    const backends = [
      ...[600_000, 300_000].map(age => ({client_addr: '10.0.0.1', backend_age_ms: age})),
      ...[8000, 7000].map(age => ({client_addr: '10.0.0.2', backend_age_ms: age})),
    ].map((of, index) => createBackend({pid: index + 1, usename: 'shop_app', ...of}));
    expect(recipe.defaults?.(createSnapshot({backends}), facts)).toEqual({role: 'shop_app', instances: '2'});
  });

  it('names the files that frameworks read before .env', () => {
    expect(textWith({shadowed_by: ['.env.local']})).toContain('Warning: .env.local also sets DATABASE_URL.');
  });

  it('gives advice if a source file cannot be changed safely', () => {
    const pools = [{path: '/app/db.ts', line: 3, call: null, settings: {}}];
    const plan = planOf({app: '/app', prisma_major: '7'}, {...facts, application: {...application, pools}});
    expect(plan.steps).toMatchObject([
      {kind: 'advice', text: expect.stringMatching(/max: 77,[\s\S]*\/app\/db.ts:3/)},
    ]);
  });

  it('is detected in the folder', () => {
    expect(recipe.defaults?.(createSnapshot(), given)).toMatchObject({prisma_major: '7'});
  });
});

describe('an .env file', () => {
  const before = '# pool\nDATABASE_URL="postgresql://app:p#w@h/d?schema=x&connection_limit=5"\n';
  const env_file = readEnvFile('/app/.env', 'DATABASE_URL', before);

  it('is changed only in its parameters, and its password is not shown', () => {
    const plan = planOf({env_file: '.env', instances: '10', prisma_major: '6'}, {...facts, env_file});
    expect(plan.steps[0]).toMatchObject({
      kind: 'file',
      title: 'set the pool in DATABASE_URL, then restart the application',
      path: '/app/.env',
      change: {
        kind: 'url_query',
        variable: 'DATABASE_URL',
        edits: [
          {before: 'connection_limit=5', after: 'connection_limit=7'},
          {before: '', after: '&pool_timeout=10'},
          {before: '', after: '&connect_timeout=5'},
        ],
      },
      diff: [
        '-DATABASE_URL="postgresql://app:***@h/d?schema=x&connection_limit=5"',
        '+DATABASE_URL="postgresql://app:***@h/d?schema=x&connection_limit=7&pool_timeout=10&connect_timeout=5"',
      ],
    });
    expect(JSON.stringify(plan)).not.toContain('p#w');
  });

  it('determines the role if it exists on the server', () => {
    const app = {oid: '2', name: 'app', is_superuser: false, connection_limit: -1};
    const role_limits = [...(facts.role_limits ?? []), app];
    expect(recipe.defaults?.(createSnapshot(), {role_limits, env_file})).toEqual({role: 'app'});
    expect(recipe.defaults?.(createSnapshot(), {...facts, env_file})).toEqual({});
    expect(recipe.defaults?.(createSnapshot(), facts)).toEqual({role: 'shop_app', instances: '1'});
  });

  it('without a role in its URL uses the busiest role of this database', () => {
    const session = {usename: 'report_app', datname: 'reports'};
    const backends = [1, 2, 3].map(pid => createBackend({pid, ...(pid < 3 && session)}));
    expect(recipe.defaults?.(createSnapshot({backends}), facts)).toMatchObject({role: 'shop_app'});
    const elsewhere = createSnapshot({backends: backends.slice(0, 2)});
    expect(recipe.defaults?.(elsewhere, facts)).toMatchObject({role: 'report_app'});
  });

  it.each<[string, ParameterValues, RegExp[]]>([
    ['app:x@h/d', {}, [/names database d at h:5432, the target is shop at db\.example:5432/]],
    ['app:x@DB.example/shop', {}, []],
    ['app:x@db.example:6432/shop', {}, [/at db\.example:6432/i]],
    ['app:x@db.example:6432/shop', {platform: 'pgbouncer'}, []],
    ['app:x@db.example:6432/shop?pgbouncer=true', {}, []],
    ['app:x@localhost/shop?host=/run/pg', {}, [/shop at \/run\/pg:5432/]],
    ['$' + '{USER}:x@h/d', {}, []],
    ['app:x@db.example/shop', {role: 'shop_app'}, [/connects as app, not as role=shop_app/]],
  ])('warns if %s is not the target, %o', (rest, params, warnings) => {
    const file = readEnvFile('/app/.env', 'DATABASE_URL', `DATABASE_URL="postgresql://${rest}"\n`);
    const {explanation} = planOf({env_file: '.env', ...params}, {...facts, env_file: file});
    const found = explanation.slice(0, warnings.length);
    for (const [index, warning] of warnings.entries()) expect(found[index]).toMatch(warning);
    expect(explanation.filter(line => line.startsWith('Warning:'))).toEqual(found);
  });

  it.each([
    [
      'NOPE',
      {env_file: readEnvFile('/app/.env', 'NOPE', before)},
      /variable=NOPE: it must set NOPE exactly once.*\/app\/\.env/,
    ],
    ['NOPE', {}, /variable=NOPE: there is no \.env file/],
  ])('refuses variable=%s, %o', (variable, given, message) => {
    const plan = () => planOf({env_file: '.env', variable}, {...facts, ...given});
    expect(plan).toThrow(expect.objectContaining({exitCode: 2, message: expect.stringMatching(message)}));
  });

  it('is read for the named variable, in the folder too', () => {
    expect(recipe.planRequires?.({app: '/app', variable: 'NOPE'})).toMatchObject({
      application: {folder: '/app', variable: 'NOPE'},
    });
  });

  it.each([
    ['ep-cool-1-pooler.eu-central-1.aws.neon.tech/d', /leads to Neon's pooler/],
    ['aws-0-eu-west-1.pooler.supabase.com:6543/d', /leads to Supabase's pooler/],
    ['shop.proxy-c1x2y3.eu-west-1.rds.amazonaws.com/d', /leads to RDS Proxy/],
    ['pooled.db.prisma.io/d', /leads to Prisma's pooler/],
    ['h/d?pgbouncer=true', /leads to a pooler \(pgbouncer=true\)/],
  ])('names the pooler of %s', (rest, named) => {
    const file = readEnvFile('/app/.env', 'MY_URL', `MY_URL=postgresql://app:x@${rest}\n`);
    expect(textOf(planOf({env_file: '.env'}, {...facts, env_file: file}))).toMatch(named);
  });

  it("is not changed, and gets no advice, with a URL of Prisma's proxy", () => {
    const text = 'DATABASE_URL="prisma+postgres://accelerate.prisma-data.net/?api_key=secret"\n';
    const file = readEnvFile('/app/.env', 'DATABASE_URL', text);
    const plan = planOf({env_file: '.env', prisma_major: '6'}, {...facts, env_file: file});
    expect(plan.steps).toEqual([]);
    expect(textOf(plan)).toContain("DATABASE_URL leads to Prisma's proxy (Accelerate)");
  });

  it('is named in advice by its own variable', () => {
    const file = readEnvFile('/app/.env', 'SHOP_URL', 'SHOP_URL=postgresql://app:x@h/d\n');
    const [step] = planOf(
      {env_file: '.env', prisma_major: '6', apply: 'none'},
      {...facts, env_file: file},
    ).steps;
    expect(step).toMatchObject({text: expect.stringContaining("the application's SHOP_URL")});
  });

  it('is not changed with apply=none', () => {
    const plan = planOf({env_file: '.env', prisma_major: '6', apply: 'none'}, {...facts, env_file});
    expect(plan.steps.map(({kind}) => kind)).toEqual(['advice']);
  });
});
