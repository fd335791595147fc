import process from 'node:process';
import {describe, expect, test, vi} from 'vitest';
import {createPool, type PoolOptions, poolMetrics, timeoutClasses} from '../../source/kit/kit.ts';

const web: PoolOptions = {
  application: 'web',
  platform: 'kubernetes',
  instances: 4,
  closeOnSigterm: false,
};

describe('createPool', () => {
  test.each<[string, Partial<PoolOptions>, number, number, number]>([
    ['kubernetes: what fits during a rolling update', {}, 15, 10_000, 30_000],
    ['without overlap', {deployOverlap: 1}, 19, 10_000, 30_000],
    ['a larger server', {slots: 397, instances: 10}, 24, 10_000, 30_000],
    ['half of the slots', {share: 0.5, deployOverlap: 1}, 12, 10_000, 30_000],
    ['vercel: its preset', {platform: 'vercel'}, 5, 15_000, 10_000],
    ['vercel, more instances than the preset fits', {platform: 'vercel', instances: 30}, 1, 15_000, 10_000],
    ['lambda: one', {platform: 'lambda'}, 1, 5000, 5000],
    ['a size of its own', {max: 9}, 9, 10_000, 30_000],
    ['a size that does not fit', {max: 50}, 15, 10_000, 30_000],
    [
      'behind PgBouncer the slots do not bound it',
      {platform: 'pgbouncer', instances: 40},
      10,
      10_000,
      30_000,
    ],
  ])('%s', (_, options, max, wait, idle) => {
    const {options: settings} = createPool({...web, ...options});
    expect(settings).toMatchObject({max, connectionTimeoutMillis: wait, idleTimeoutMillis: idle});
    expect(settings).toMatchObject({keepAlive: true, application_name: 'web'});
  });

  test.each<[string, Partial<PoolOptions>, RegExp]>([
    ['no instance', {instances: 0}, /instances must be a whole number of at least 1, not 0/],
    ['an unknown platform', {platform: 'heroku' as 'vercel'}, /platform is "heroku"; it is one of vercel,/],
    ['too many instances', {instances: 100}, /125 instances during a deploy do not fit into 77 connections/],
  ])('refuses %s', (_, options, message) => {
    expect(() => createPool({...web, ...options})).toThrow(message);
  });
});

describe("createPool's connection string", () => {
  const at = (connectionString: string, options: Partial<PoolOptions> = {}) =>
    createPool({...web, connectionString, ...options}).options;

  test.each([
    ['postgresql://a@db/x?application_name=other', 'postgresql://a@db/x'],
    ['postgresql://a@db/x?application_name=other&sslmode=require', 'postgresql://a@db/x?sslmode=require'],
    ['postgresql://a@db/x?sslmode=require&application_name=other', 'postgresql://a@db/x?sslmode=require'],
  ])('does not override the name: %s', (url, connectionString) => {
    expect(at(url)).toMatchObject({connectionString, application_name: 'web'});
  });

  test.each<[string, Partial<PoolOptions>, number | undefined]>([
    ['postgresql://a@db/x', {}, timeoutClasses.report],
    ['postgresql://a@db/x', {timeout: 60_000}, 60_000],
    ['postgresql://a@db/x', {statement_timeout: 10_000}, 10_000],
    ['postgresql://a@db/x', {platform: 'pgbouncer'}, undefined],
    ['postgresql://a@db/x?pgbouncer=true', {}, undefined],
    ['postgresql://a:6432@db:5432/x', {}, timeoutClasses.report],
    ['postgresql://a@db:6432/x', {}, undefined],
    ['postgresql://a@ep-1-pooler.eu.neon.tech/x', {}, undefined],
  ])('%s with %j: a pooler gets no statement_timeout at the start', (url, options, statement_timeout) => {
    expect(at(url, options).statement_timeout).toBe(statement_timeout);
  });

  test('warns once of parameters that a node-postgres pool does not read', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (let time = 0; time < 2; time++)
      at('postgresql://a:secret@db/x?schema=public&connection_limit=9&pool_timeout=5');
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      "The connection string's connection_limit, pool_timeout have no effect on a node-postgres pool. Its size is 15, from createPool's options",
    ]);
    warn.mockRestore();
  });
});

test('OpenMetrics text of two pools', () => {
  const text = poolMetrics([createPool(web), createPool({...web, application: 'a"b', platform: 'lambda'})]);
  expect(text).toContain('# TYPE poolctl_kit_pool_size gauge\n# HELP poolctl_kit_pool_size Most');
  expect(text).toContain('\npoolctl_kit_pool_size{application="web",pool="1"} 15\n');
  expect(text).toContain('\npoolctl_kit_pool_size{application="a\\"b",pool="2"} 1\n');
  expect(text).toContain('\npoolctl_kit_pool_wait_seconds_total{application="web",pool="1"} 0\n');
  expect(text).not.toContain('wait_p95_seconds{');
  expect(text.endsWith('\n# EOF\n')).toBe(true);
});
