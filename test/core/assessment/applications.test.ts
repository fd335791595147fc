import {describe, expect, it} from 'vitest';
import {applicationsOf} from '../../../source/core/assessment/applications.ts';
import {examinePools} from '../../../source/core/assessment/harms/pools.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend} from '../../helpers/snapshot.ts';
import {longSituations} from './pool-situations/five-minutes.ts';
import {instanceSituations} from './pool-situations/instances.ts';
import {situations} from './pool-situations/one-pool.ts';
import {
  active,
  contextWith,
  hour_ms,
  idle,
  inTransaction,
  reporting,
  type Situation,
} from './pool-situations/readings.ts';
import {unseenSituations} from './pool-situations/unseen-use.ts';

type Timed = [readings: number, ...Situation];

describe('the verdict on a pool', () => {
  it.each([
    ...[...situations, ...instanceSituations, ...unseenSituations].map((each): Timed => [30, ...each]),
    ...longSituations.map((each): Timed => [300, ...each]),
  ])('over %s s with %s is %s', (readings, _, verdict, sessions, sessionOf, reason = /./) => {
    const context = contextWith(sessions, sessionOf, {readings});
    const [pool, ...others] = applicationsOf(context);
    expect(others).toEqual([]);
    expect([pool?.verdict, pool?.reason]).toEqual([verdict, expect.stringMatching(reason)]);
    const isDoubtful = pool?.reason.startsWith('may be saturated: ');
    expect(pool?.may_be).toBe(isDoubtful ? 'saturated' : null);
    // What a finding says is what the verdict says.
    const causes = examinePools(context).map(({cause}) => cause);
    expect(causes.includes('pool-saturated')).toBe(verdict === 'saturated');
    expect(causes.includes('outside-call')).toBe(verdict === 'parked');
    expect(causes.includes('leaked-sessions')).toBe(verdict === 'leaking');
  });

  it('is that of the database in which sessions were left in a transaction', () => {
    const context = contextWith(6, session => ({
      ...(session < 2 ? inTransaction(60_000, 'then') : idle()),
      datname: session % 2 === 0 ? 'shop' : session < 2 ? 'archive' : 'reports',
    }));
    expect(applicationsOf(context).map(({datname, verdict, reason}) => [datname, verdict, reason])).toEqual([
      ['shop', 'leaking', expect.stringMatching(/^1 session left/)],
      ['reports', 'fine', expect.anything()],
      ['archive', 'leaking', expect.stringMatching(/^1 session left/)],
    ]);
  });

  it('is leaking after ten seconds while slots are short, as the finding is', () => {
    const context = contextWith(6, session => (session < 4 ? inTransaction(12_000, 'then') : idle()));
    const verdictAt = (used_ratio: number) => {
      const {snapshot} = context;
      const short = {...context, snapshot: {...snapshot, budget: {...snapshot.budget, used_ratio}}};
      return applicationsOf(short).map(({verdict}) => verdict);
    };
    expect(verdictAt(0.5)).toEqual(['fine']);
    expect(verdictAt(0.9)).toEqual(['leaking']);
  });

  it('is a finding of its own in each database', () => {
    const context = contextWith(10, (session, second) => ({
      ...active(session, second),
      datname: session < 5 ? 'shop' : 'archive',
    }));
    expect(examinePools(context).map(({subject}) => subject)).toEqual([
      'application:web/role:app/database:shop',
      'application:web/role:app/database:archive',
    ]);
  });

  it.each([
    ['is not known after a few readings', 5, null],
    ['is known after ten', 10, 'saturated'],
  ] as const)('%s', (_, readings, verdict) => {
    const context = contextWith(9, (session, second) => active(session, second), {readings});
    expect(applicationsOf(context)[0]?.verdict).toBe(verdict);
  });
});

describe('the figures of a pool', () => {
  it('are those of its readings', () => {
    const others = [createBackend({pid: 99, application_name: 'job', usename: 'app', datname: 'other'})];
    const context = contextWith(
      6,
      (session, second) =>
        session === 5 && second !== 7
          ? null
          : {
              ...(session < 2
                ? active(session, second)
                : session === 2
                  ? inTransaction(100, `${second}`)
                  : idle()),
              client_addr: session < 2 ? '10.0.0.2' : session < 4 ? '10.0.0.1' : null,
              backend_start: `2026-01-01T00:00:0${session}.000000Z`,
            },
      {others},
    );
    const [web, job] = applicationsOf(context);
    expect(web).toEqual({
      application_name: 'web',
      usename: 'app',
      datname: 'shop',
      clients: [
        {
          client_addr: '10.0.0.1',
          sessions: 2,
          busy: 1,
          instances: 1,
          may_be_instances: null,
          oldest_start: '2026-01-01T00:00:02.000000Z',
        },
        {
          client_addr: '10.0.0.2',
          sessions: 2,
          busy: 2,
          instances: 1,
          may_be_instances: null,
          oldest_start: '2026-01-01T00:00:00.000000Z',
        },
        {
          client_addr: null,
          sessions: 1,
          busy: 0,
          instances: 1,
          may_be_instances: null,
          oldest_start: '2026-01-01T00:00:04.000000Z',
        },
      ],
      sessions: 5,
      ceiling: 5,
      readings: 30,
      window_ms: 29_000,
      all_busy_ratio: 0,
      average_busy: 3,
      most_busy: 3,
      idle_in_transaction_ratio: expect.closeTo(0.2, 2),
      transactions_per_second: expect.closeTo(11, 1),
      oldest_start: '2026-01-01T00:00:00.000000Z',
      newest_start: '2026-01-01T00:00:04.000000Z',
      instances: 3,
      most_instances: 3,
      revisions: 1,
      reported: null,
      verdict: 'fine',
      may_be: null,
      reason: 'at most 3 of 5 busy; all busy in 0% of 30 snapshots over 29s',
    });
    expect(job).toMatchObject({application_name: 'job', datname: 'other', verdict: 'fine', sessions: 1});
  });

  it('count pools at one address by what they report, and two revisions by when they began', () => {
    const context = contextWith(8, session => ({
      ...idle(),
      ...reporting(session, {instance: session < 4 ? 'old' : 'new'}),
      backend_age_ms: session < 4 ? hour_ms : 20_000,
    }));
    expect(applicationsOf(context)).toMatchObject([
      {instances: 2, revisions: 2, reported: {size: 10}, clients: [{sessions: 8, instances: 2}]},
    ]);
  });

  it.each<[string, number | null, number, (session: number) => Partial<Backend>]>([
    [
      'two bursts of one size',
      2,
      10,
      session => ({...idle(), backend_age_ms: session < 5 ? hour_ms : 90_000}),
    ],
    [
      'bursts of two sizes',
      null,
      9,
      session => ({...idle(), backend_age_ms: session < 5 ? hour_ms : 90_000}),
    ],
    ['one burst', null, 10, session => ({...idle(), backend_age_ms: hour_ms + session * 100})],
    [
      'a burst that is not used any more',
      null,
      10,
      session => (session < 5 ? idle(hour_ms / 2) : {...idle(), backend_age_ms: 90_000}),
    ],
    [
      'processes that report',
      null,
      10,
      session => ({
        ...{...idle(), backend_age_ms: session < 5 ? hour_ms : 90_000},
        ...reporting(session, {instance: session < 5 ? 'aaa' : 'bbb'}),
      }),
    ],
  ])('say that there may be more processes at an address: %s', (_, may_be_instances, sessions, sessionOf) => {
    const context = contextWith(sessions, session => sessionOf(session));
    expect(applicationsOf(context)).toMatchObject([{clients: [{may_be_instances}]}]);
  });

  it('count the instances of one revision, the most that there were', () => {
    const context = contextWith(
      8,
      (session, second) =>
        session === 7 && second > 5
          ? null
          : {...idle(), client_addr: `10.0.0.${session}`, backend_age_ms: session < 4 ? hour_ms : 20_000},
      {readings: 20},
    );
    expect(applicationsOf(context)).toMatchObject([{instances: 7, most_instances: 4, revisions: 2}]);
  });

  it('take no instance for a new revision while sessions of the others are recycled', () => {
    const ages = [600_000, 300_000, 8000, 7000];
    const context = contextWith(4, session => ({
      ...idle(),
      backend_age_ms: ages[session] ?? null,
      client_addr: session < 2 ? '10.0.0.1' : '10.0.0.2',
    }));
    expect(applicationsOf(context)).toMatchObject([{instances: 2, revisions: 1}]);
  });

  it('leave out transactions/s where another application works in the database', () => {
    const others = [createBackend({pid: 99, application_name: 'job', usename: 'app'})];
    const pools = applicationsOf(contextWith(3, () => idle(), {others}));
    expect(pools.map(({transactions_per_second}) => transactions_per_second)).toEqual([null, null]);
  });
});
