import {describe, expect, test} from 'vitest';
import {createPool, type PoolOptions} from '../../source/kit/kit.ts';

const web: PoolOptions = {application: 'web', platform: 'kubernetes', instances: 4};

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
    ['no instance', {instances: 0}, /instances is 0; it is a whole number from 1/],
    ['an unknown platform', {platform: 'heroku' as 'vercel'}, /platform is "heroku"; it is one of vercel,/],
    ['too many instances', {instances: 100}, /125 instances during a deploy do not fit into 77 connections/],
  ])('refuses %s', (_, options, message) => {
    expect(() => createPool({...web, ...options})).toThrow(message);
  });
});
