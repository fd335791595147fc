import {describe, expect, it} from 'vitest';
import {examineInstances} from '../../../source/core/assessment/harms/instances.ts';
import {examineSlots} from '../../../source/core/assessment/harms/slots.ts';
import {seenInstances} from '../../../source/core/pool/seen.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend} from '../../helpers/snapshot.ts';
import {contextOf} from './harms/readings.ts';

const minute_ms = 60_000;

/** `count` sessions, `pid` by number; createSnapshot has 97 usable slots. */
function sessions(count: number, of: (index: number) => Partial<Backend>): Backend[] {
  return Array.from({length: count}, (_, index) =>
    createBackend({pid: index + 1, application_name: 'web', usename: 'app', ...of(index)}),
  );
}

const contextWith = (backends: Backend[]) => contextOf(3, () => ({backends}));
const examine = (backends: Backend[]) => examineInstances(contextWith(backends));

describe('two revisions of an application', () => {
  /** Eight instances of 8 and `recent` new ones of 1, at addresses of their own. */
  const overlap = (recent: number, of: Partial<Backend> = {}) =>
    sessions(64 + recent, index => ({
      client_addr: index < 64 ? `10.0.0.${index >> 3}` : `10.0.1.${index}`,
      backend_age_ms: index < 64 ? 90 * minute_ms : 20_000,
      ...of,
    }));

  it('are a finding where their pools together are more than the slots', () => {
    expect(examine(overlap(8))).toMatchObject([
      {
        cause: 'deploy-overlap',
        recipe: 'tune-connection-limit',
        params: {role: 'app', instances: '8', deploy_overlap: '2'},
        harm: {kind: 'soon'},
        summary:
          'web/app: 2 revisions overlap: 8 old + 8 new instances of about 8 sessions each, ceiling 128 of 97 slots',
      },
    ]);
  });

  it('are distinguished at one address by what their pools report', () => {
    const report = {turn: 1, size: 30, busy: 0, waiting: 0, wait_p95_ms: 0};
    const backends = sessions(12, index => ({
      backend_age_ms: index < 6 ? 90 * minute_ms : 20_000,
      pool_report: {...report, instance: `${index < 6 ? 'a' : 'b'}${index % 2}0`},
    }));
    expect(examine(backends)).toMatchObject([
      {
        summary: expect.stringMatching(
          /2 old \+ 2 new instances of about 30 sessions each, ceiling 120 of 97/,
        ),
      },
    ]);
  });

  it('are the instances of one, and the factor of a deploy, for tune-connection-limit', () => {
    expect(seenInstances(overlap(8))).toEqual({instances: '8', deploy_overlap: '2'});
    expect(seenInstances(overlap(3))).toEqual({instances: '8', deploy_overlap: '1.4'});
    expect(seenInstances(overlap(8).slice(0, 64))).toEqual({instances: '8'});
  });

  it.each([
    ['a few instances more', overlap(3)],
    ['one revision', overlap(8, {backend_age_ms: 90 * minute_ms})],
    [
      'two of long ago',
      overlap(8).map(each => ({...each, backend_age_ms: (each.backend_age_ms ?? 0) + 90 * minute_ms})),
    ],
    ['pools that fit twice', overlap(8).filter(({pid}) => pid > 40)],
    [
      'a restart of one of two',
      sessions(52, index => ({
        client_addr: `10.0.0.${index < 50 ? 1 : 2}`,
        backend_age_ms: index < 50 ? 4320 * minute_ms : 10 * minute_ms,
      })),
    ],
    [
      'one large pool among the old ones',
      // 50, 2, 2 and 2 of 90 minutes ago, four of 2 since.
      sessions(64, index => ({
        client_addr: `10.0.0.${Math.max(0, index - 48) >> 1}`,
        backend_age_ms: index < 56 ? 90 * minute_ms : 20_000,
      })),
    ],
    [
      'pools that close idle sessions',
      overlap(8).map(each =>
        each.pid % 8 === 0 && each.pid <= 64 ? {...each, backend_age_ms: minute_ms} : each,
      ),
    ],
  ])('are none with %s', (_, backends) => {
    expect(examine(backends)).toEqual([]);
  });
});

describe('pools at one address', () => {
  /** Six pools of 4, one every five minutes; all but the last are idle since the next one began. */
  const pools = (of: (pool: number) => Partial<Backend> = () => ({}), size = 4) =>
    sessions(6 * size, index => {
      const pool = Math.floor(index / size);
      const age_ms = (6 - pool) * 5 * minute_ms;
      const state_age_ms = pool === 5 ? 2000 : age_ms - 5 * minute_ms + 1000;
      return {backend_age_ms: age_ms + (index % size) * 100, state_age_ms, ...of(pool)};
    });

  it('that a reload left are named', () => {
    expect(examine(pools())).toMatchObject([
      {
        cause: 'hot-reload',
        confidence: 'possible',
        recipe: 'kill-idle-sessions',
        summary:
          'web/app has 6 pools at 10.0.0.7, 5 of them (20 sessions) idle since the next one began: a reload left them',
      },
    ]);
  });

  it('are ended but for the newest where slots are short', () => {
    const [finding] = examineSlots(contextWith(pools(undefined, 15)));
    expect(finding).toMatchObject({
      cause: 'hot-reload',
      recipe: 'kill-idle-sessions',
      summary: expect.stringMatching(/^web\/app has 6 pools .*: 90 of 97 slots are in use \(93%\)/),
      acts: [
        {title: 'terminate the 75 sessions of all but the newest pool at 10.0.0.7', frees: 'frees 75 slots'},
        {recipe: null},
      ],
    });
    const pids = finding?.acts?.[0]?.params.pid
      ?.split(',')
      .map(each => Number(each.split('@')[0]))
      .sort((a, b) => a - b);
    expect(pids).toEqual(Array.from({length: 75}, (_, index) => index + 1));
  });

  it('of other databases are not counted among them where slots are short', () => {
    const backends = pools(pool => ({datname: `tenant_${pool}`}), 15);
    expect(examineSlots(contextWith(backends)).map(({cause}) => cause)).not.toContain('hot-reload');
  });

  it.each([
    ['of which an old one works', pools(pool => (pool === 1 ? {state_age_ms: 1000} : {}))],
    [
      'of which an old one is in a transaction',
      pools(pool => (pool === 1 ? {state: 'idle in transaction'} : {})),
    ],
    ['that are all unused', pools(pool => (pool === 5 ? {state_age_ms: 4 * minute_ms} : {}))],
    ['at addresses of their own', pools(pool => ({client_addr: `10.0.0.${pool}`}))],
    [
      'one pool that replaces its sessions by age',
      sessions(10, index => ({
        backend_age_ms: (10 - index) * 3 * minute_ms,
        state_age_ms: index === 9 ? 2000 : (9 - index) * 3 * minute_ms + 1000,
      })),
    ],
    ['of which there is one', sessions(12, index => ({backend_age_ms: minute_ms + index * 50}))],
  ])('are no finding where they are %s', (_, backends) => {
    expect(examine(backends)).toEqual([]);
  });
});

describe('many addresses', () => {
  const functions = (count: number, each: number, state: Backend['state'] = 'idle') =>
    sessions(count * each, index => ({client_addr: `10.0.2.${Math.floor(index / each)}`, state}));

  it('that hold idle sessions are counted', () => {
    const backends = functions(12, 4).filter(({pid}) => pid % 8 !== 0);
    expect(examine(backends)).toMatchObject([
      {
        cause: 'fan-out',
        summary: expect.stringMatching(/^web\/app: 12 addresses hold 3 to 4 idle sessions each, 42/),
      },
    ]);
  });

  it.each([
    ['few of them', functions(6, 4)],
    ['one session each', functions(20, 1)],
    ['busy ones', functions(12, 4, 'active')],
  ])('are no finding with %s', (_, backends) => {
    expect(examine(backends)).toEqual([]);
  });
});
