import {describe, expect, it} from 'vitest';
import {noSettings, type TargetSettings} from '../../../source/core/configuration.ts';
import {find} from './fake-machine.ts';

describe("an application's URL", () => {
  const url =
    'postgresql://app:pw@h/d?schema=shop&connection_limit=5&pool_timeout=20&pgbouncer=true&connect_timeout=15' +
    '&application_name=web&target_session_attrs=any&sslidentity=/k.p12';

  it("is used without Prisma's parameters, which are reported", () => {
    const request = find({url});
    expect(request.prisma).toEqual({
      connection_limit: 5,
      pool_timeout: 20,
      connect_timeout: 15,
      socket_timeout: null,
      pgbouncer: true,
      schema: 'shop',
    });
    expect(request.connect_timeout_ms).toBe(15_000);
    expect(request.ignoredParameters).toEqual([
      'schema=shop',
      'connection_limit=5',
      'pool_timeout=20',
      'pgbouncer=true',
      'sslidentity',
      'application_name=web',
      'target_session_attrs',
    ]);
  });

  it("has no Prisma settings unless it has Prisma's parameters", () => {
    expect(find({url: 'postgres://h/d?connect_timeout=3'}).prisma).toBeNull();
  });

  it('shows no password when it is printed', () => {
    const request = find({url});
    expect(JSON.stringify(request)).not.toContain('pw');
  });
});

describe('TLS', () => {
  const tls = (query: string, env: Record<string, string> = {}) =>
    find({url: `postgres://u@h/d?${query}`, env}).tls;

  it.each([
    ['', 'prefer'],
    ['sslmode=disable', 'disable'],
    ['sslmode=verify-ca', 'verify-ca'],
    ['ssl=true', 'require'],
    ['sslmode=no-verify', 'require'],
    ['sslrootcert=system', 'verify-full'],
    ['sslmode=require&sslaccept=strict', 'verify-full'],
    ['sslmode=require&sslaccept=accept_invalid_certs', 'require'],
  ])('%s is %s', (query, mode) => {
    expect(tls(query).mode).toBe(mode);
  });

  it('uses PGSSLMODE if the URL has no sslmode', () => {
    expect(tls('', {PGSSLMODE: 'verify-full'}).mode).toBe('verify-full');
    expect(tls('sslmode=require', {PGSSLMODE: 'verify-full'}).mode).toBe('require');
  });

  it("finds libpq's files, and those named relative to the working folder", () => {
    expect(tls('').root_certificate).toEqual({path: '/home/ann/.postgresql/root.crt', is_named: false});
    expect(tls('sslrootcert=ca.pem').root_certificate).toEqual({path: '/app/ca.pem', is_named: true});
    expect(tls('sslcert=/c&sslkey=/k').certificate).toEqual({path: '/c', is_named: true});
  });

  it("reads Prisma's sslcert as the certificate of the authority", () => {
    const {certificate, root_certificate} = tls('sslaccept=strict&sslcert=/ca.pem');
    expect(root_certificate).toEqual({path: '/ca.pem', is_named: true});
    expect(certificate?.is_named).toBe(false);
  });
});

describe('production and rescue', () => {
  it('POOLCTL_RESCUE_URL is used if exported, not from ./.env', () => {
    const env = {DATABASE_URL: 'postgres://u@h/d', POOLCTL_RESCUE_URL: 'postgres://root@h/d'};
    expect(find({env}).rescue?.user).toBe('root');
    const files = {'/app/.env': 'POOLCTL_RESCUE_URL=postgres://file@h/d'};
    expect(find({files})).toMatchObject({
      rescue: null,
      pooler: null,
      warnings: ['POOLCTL_RESCUE_URL in ./.env is ignored: export it instead'],
    });
    expect(find({files, env})).toMatchObject({rescue: {user: 'root'}, warnings: []});
    expect(find({}).rescue).toBeNull();
  });

  it("PgBouncer's console is that of --pooler, of the target or of POOLCTL_POOLER_URL, not of ./.env", () => {
    const env = {DATABASE_URL: 'postgres://u@h/d', POOLCTL_POOLER_URL: 'postgres://env@p:6432/pgbouncer'};
    const files = {'/app/.env': 'POOLCTL_POOLER_URL=postgres://file@p/pgbouncer'};
    expect(find({env}).pooler).toMatchObject({user: 'env', host: 'p', port: 6432, database: 'pgbouncer'});
    expect(find({env, flags: {pooler: 'postgres://flag@p/pgbouncer'}}).pooler?.user).toBe('flag');
    expect(find({files})).toMatchObject({
      pooler: null,
      warnings: ['POOLCTL_POOLER_URL in ./.env is ignored: export it instead'],
    });
  });

  it('POOLCTL_PRODUCTION in ./.env marks a server as production, and cannot unmark one', () => {
    const marked = {'/app/.env': 'POOLCTL_PRODUCTION=1\nDATABASE_URL=postgres://u@h/d'};
    const unmarked = {'/app/.env': 'POOLCTL_PRODUCTION=0\nDATABASE_URL=postgres://u@h/d'};
    expect(find({files: marked}).is_production).toBe(true);
    expect(find({files: marked, env: {POOLCTL_PRODUCTION: ''}}).is_production).toBe(true);
    expect(find({files: unmarked, env: {POOLCTL_PRODUCTION: '1'}}).is_production).toBe(true);
    expect(find({files: unmarked}).is_production).toBe(false);
  });

  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['no', false],
    ['', false],
  ])('POOLCTL_PRODUCTION=%s', (value, expected) => {
    expect(find({env: {POOLCTL_PRODUCTION: value}}).is_production).toBe(expected);
  });
});

describe('read-only', () => {
  const file = '/home/ann/config.toml';
  const configured = (settings: Partial<TargetSettings>, isTarget = true) => {
    const all = {...noSettings, ...settings};
    const target = {
      environment: null,
      url: {kind: 'literal', text: 'postgres://u@h/d'},
      rescue_url: null,
      pooler_url: null,
    } as const;
    const targets = new Map(isTarget ? [['shop', {...target, settings: all}]] : []);
    return {configuration: {file, targets, settings: isTarget ? noSettings : all}};
  };
  const url = 'postgres://u@h/d';

  it.each<[string, Parameters<typeof find>[0], string | null]>([
    ['nothing', {url}, null],
    ['the flag', {url, flags: {readOnly: true}}, '--read-only'],
    [
      'the configuration of every server',
      {url, ...configured({read_only: true}, false)},
      `read_only in ${file}`,
    ],
    ['the configuration of its address', {url, ...configured({read_only: true})}, `read_only in ${file}`],
    ['that of another address', {url: 'postgres://u@i/d', ...configured({read_only: true})}, null],
    ['the environment', {url, env: {POOLCTL_READ_ONLY: '1'}}, 'POOLCTL_READ_ONLY'],
    ['the environment, empty', {url, env: {POOLCTL_READ_ONLY: '0'}}, null],
    [
      "the folder's .env, which the environment cannot lift",
      {url, env: {POOLCTL_READ_ONLY: '0'}, files: {'/app/.env': 'POOLCTL_READ_ONLY=1'}},
      'POOLCTL_READ_ONLY',
    ],
    [
      'the configuration, which no flag lifts',
      {url, flags: {readOnly: false}, ...configured({read_only: true})},
      `read_only in ${file}`,
    ],
  ])('by %s', (_, options, expected) => {
    expect(find(options).read_only).toBe(expected);
  });
});

it('a skipped password file is reported with the reason', () => {
  const files = {'/home/ann/.pgpass': {text: '*:*:*:*:x', mode: 0o100640}};
  expect(find({url: 'postgres://u@h/d', files}).warnings).toEqual([
    '/home/ann/.pgpass is ignored because other users can read it (chmod 0600 /home/ann/.pgpass)',
  ]);
});

it("the user's own startup options are kept", () => {
  expect(find({env: {PGOPTIONS: '-c geqo=off'}}).options).toBe('-c geqo=off');
  expect(find({url: 'postgres://h/d?options=endpoint%3Dep-1'}).options).toBe('endpoint=ep-1');
});

it('PGHOSTADDR does not apply to a URL with a host', () => {
  expect(find({env: {PGHOSTADDR: '10.0.0.1'}}).hostaddr).toBe('10.0.0.1');
  expect(find({url: 'postgres://h/d', env: {PGHOSTADDR: '10.0.0.1'}}).hostaddr).toBeNull();
});
