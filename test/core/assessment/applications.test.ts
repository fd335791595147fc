import {describe, expect, it} from 'vitest';
import {applicationsOf} from '../../../source/core/assessment/applications.ts';
import {examinePools} from '../../../source/core/assessment/harms/pools.ts';
import type {ApplicationPool} from '../../../source/model/application-pool.ts';
import type {Backend, Database} from '../../../source/model/snapshot.ts';
import {createBackend} from '../../helpers/snapshot.ts';
import {contextOf} from './harms/readings.ts';

/** A session in a reading, one a second; null: it is not there. */
type SessionOf = (session: number, second: number) => Partial<Backend> | null;

const statements = [
  'a FROM orders',
  'b FROM users',
  'c FROM carts',
  'd FROM items',
  'e FROM mails',
  'f FROM logs',
];

function contextWith(sessions: number, sessionOf: SessionOf, {readings = 30, others = [] as Backend[]} = {}) {
  return contextOf(readings, second => ({
    database: {xact_commit: 1000 + 15 * second, rates: ratesOf(10 + (second % 2))},
    backends: [
      ...Array.from({length: sessions}, (_, session) => {
        const own = sessionOf(session, second);
        return own === null
          ? []
          : [createBackend({pid: session + 1, application_name: 'web', usename: 'app', ...own})];
      }).flat(),
      ...others,
    ],
  }));
}

/** Of the 15 commits a second that the server counts, some are poolctl's own. */
const ratesOf = (commits_per_second: number): NonNullable<Database['rates']> => ({
  ...{interval_ms: 1000, commits_per_second, rollbacks_per_second: 0.5, deadlocks_per_second: 0},
  ...{temp_bytes_per_second: 0, blks_hit_per_second: 0, blks_read_per_second: 0},
});

const idle = (state_age_ms = 400): Partial<Backend> => ({state: 'idle', state_age_ms});

/** Runs one of six kinds of statements, which takes `ms`. */
const active = (session: number, second: number, ms = 300): Partial<Backend> => ({
  state: 'active',
  wait_event_type: null,
  state_age_ms: ms / 2,
  query_age_ms: ms / 2,
  xact_age_ms: ms / 2,
  query: `SELECT ${statements[(session + second) % 6]}`,
  query_id: String((session + second) % 6),
});

const inTransaction = (state_age_ms: number, xact_start: string): Partial<Backend> => ({
  state: 'idle in transaction',
  state_age_ms,
  xact_age_ms: state_age_ms,
  xact_start,
});

const reporting = (
  session: number,
  report: Partial<NonNullable<Backend['pool_report']>>,
): Partial<Backend> => ({
  pool_report: {instance: 'aaa', turn: session, size: 5, busy: 5, waiting: 0, wait_p95_ms: 0, ...report},
});

const hour_ms = 3_600_000;

type Verdict = ApplicationPool['verdict'];
type Situation = [situation: string, Verdict, sessions: number, SessionOf, reason?: string | RegExp];

const situations: Situation[] = [
  [
    'all busy all the time with statements of many kinds',
    'saturated',
    9,
    (session, second) => active(session, second),
    "all 9 busy in 100% of 30 readings over 29s; the server has 88 free slots: the application's pool is the limit, not the server",
  ],
  [
    'all busy in most readings',
    'saturated',
    9,
    (session, second) => (session === 0 && second % 8 === 0 ? idle() : active(session, second)),
    /^all 9 busy in 87% of 30 readings/,
  ],
  [
    'all busy at several addresses with one statement',
    'saturated',
    8,
    session => ({...active(0, 0), client_addr: `10.0.0.${session % 2}`}),
  ],
  [
    'requests that wait, as the pool says',
    'saturated',
    5,
    (session, second) => ({
      ...(session === 0 && second % 2 === 0 ? idle(50) : active(0, 0)),
      ...reporting(session, {waiting: 34, wait_p95_ms: 1200}),
    }),
    /^34 requests wait for its pool of 5, at the 95th percentile for 1.20s; the server has 92 free slots: the/,
  ],
  [
    'requests that wait in one of two instances',
    'saturated',
    10,
    (session, second) => ({
      ...active(session, second),
      ...reporting(session, session < 5 ? {} : {instance: 'bbb', waiting: 3, wait_p95_ms: null}),
    }),
    /^3 requests wait for its pool of 10; /,
  ],
  [
    'waits of a moment, as the pool says',
    'fine',
    5,
    (session, second) => ({
      ...active(session, second),
      ...reporting(session, {waiting: 1, wait_p95_ms: 60}),
    }),
    'at most 5 of 5 busy, all of them in 100% of 30 readings over 29s',
  ],
  [
    'no request that waits, as the pool says',
    'fine',
    5,
    (session, second) => ({...active(session, second), ...reporting(session, {})}),
  ],
  [
    'an old report of waiting requests on sessions that are idle since',
    'oversized',
    5,
    session => ({...idle(20_000), ...reporting(session, {waiting: 34, wait_p95_ms: 1200})}),
  ],
  ['all busy with statements of a moment', 'fine', 9, (session, second) => active(session, second, 20)],
  [
    'a free session in a third of the readings',
    'fine',
    9,
    (session, second) => (session === 0 && second % 3 === 0 ? idle() : active(session, second)),
    'at most 9 of 9 busy, all of them in 67% of 30 readings over 29s',
  ],
  [
    'a burst of five seconds',
    'fine',
    9,
    (session, second) => (second > 20 && second < 26 ? active(session, second) : idle()),
  ],
  ['most of them busy', 'fine', 9, (session, second) => (session < 6 ? active(session, second) : idle())],
  ['a batch on one client', 'fine', 4, () => active(0, 0)],
  [
    'a load of rows',
    'fine',
    4,
    (session, second) => ({...active(session, second), query: 'COPY items FROM STDIN', query_age_ms: 9000}),
  ],
  [
    'waits for locks',
    'fine',
    9,
    (session, second) => ({...active(session, second), wait_event_type: 'Lock', blocked_by: [99]}),
  ],
  [
    'a parallel dump',
    'fine',
    9,
    (session, second) => ({...active(session, second), application_name: 'pg_dump'}),
  ],
  ['one session, always busy', 'fine', 1, (session, second) => active(session, second)],
  [
    'few of many busy',
    'oversized',
    20,
    (session, second) => (session < 2 ? active(session, second) : idle(5000)),
    'never more than 2 of 20 busy in 30 readings over 29s: 3 would do',
  ],
  [
    'as few sessions as it has instances',
    'fine',
    12,
    session => ({...idle(5000), client_addr: `10.0.1.${session}`}),
  ],
  [
    'sessions left in a transaction',
    'leaking',
    9,
    (session, second) => (session < 3 ? inTransaction(46_000 + second * 1000, 'then') : idle()),
    '3 sessions left idle in transaction, the longest for 1m15s',
  ],
  [
    'transactions that wait for something else and end',
    'parked',
    5,
    (session, second) =>
      inTransaction(((second + session) % 6) * 1000 + 500, `${Math.floor((second + session) / 6)}`),
    'its sessions are idle inside their transactions, each for 6.0 s on average: they wait for something else',
  ],
  [
    'short transactions of an ORM',
    'fine',
    5,
    (session, second) => (second % 2 === 0 ? inTransaction(10, `${session}/${second}`) : idle(50)),
  ],
  [
    'sessions of before a failover beside those that replaced them',
    'dead_sockets',
    8,
    (session, second) =>
      session < 4
        ? {...idle(hour_ms), backend_age_ms: 2 * hour_ms}
        : {...(session < 6 ? active(session, second) : idle()), backend_age_ms: hour_ms / 2},
    '4 sessions silent for 1h00m and more, while their clients have connected again: perhaps no pool has them, or another process at that address has',
  ],
  [
    'sessions silent for an hour, of which none was replaced',
    'oversized',
    8,
    (session, second) =>
      session < 6 ? idle(hour_ms) : {...active(session, second), backend_age_ms: 2 * hour_ms},
  ],
  [
    'silent sessions without a name beside newer ones',
    'fine',
    6,
    session => ({
      application_name: '',
      ...(session < 3 ? idle(hour_ms / 3) : {...active(0, 0), backend_age_ms: hour_ms / 12}),
    }),
  ],
  [
    'silent sessions of an instance beside newer ones of another',
    'fine',
    6,
    session => ({
      ...(session < 3 ? idle(hour_ms / 3) : {...active(0, 0), backend_age_ms: hour_ms / 12}),
      ...reporting(session, {instance: session < 3 ? 'old' : 'new'}),
    }),
  ],
  [
    'sessions hidden from this role',
    null,
    5,
    () => ({state: null, state_age_ms: null}),
    /hidden from this role/,
  ],
];

/** The first instance has 5 sessions, each of the others one less. */
const ofInstances =
  (first: SessionOf, others: SessionOf = () => idle()): SessionOf =>
  (session, second) =>
    session < 5
      ? {client_addr: '10.0.0.1', ...first(session, second)}
      : {client_addr: `10.0.0.${2 + ((session - 5) >> 2)}`, ...others(session, second)};

const instanceSituations: Situation[] = [
  [
    'one of three instances all busy',
    'saturated',
    13,
    ofInstances(active),
    "all 5 at 10.0.0.1 busy in 100% of 30 readings over 29s; the server has 84 free slots: the application's pool is the limit, not the server",
  ],
  [
    'one instance all busy beside others that report no waiting request',
    'saturated',
    13,
    ofInstances(active, session => ({
      ...idle(),
      ...reporting(session, {instance: `b${session >> 2}`, size: 4}),
    })),
    /^all 5 at 10.0.0.1 busy in 100%/,
  ],
  [
    'a process all busy beside one at its address that reports no waiting request',
    'saturated',
    10,
    (session, second) =>
      session < 5 ? active(session, second) : {...idle(), ...reporting(session, {busy: 0})},
    /^all 5 at 10.0.0.7 busy in 100%/,
  ],
  [
    'a pool all busy beside sessions that an earlier one left at its address',
    'saturated',
    11,
    (session, second) =>
      session < 5
        ? {...active(session, second), backend_age_ms: hour_ms / 12}
        : {...idle(hour_ms / 10), backend_age_ms: hour_ms},
    /^all 5 at 10.0.0.7 busy in 100%/,
  ],
  [
    'one instance all busy in two thirds of the readings',
    'fine',
    13,
    ofInstances((session, second) => (second % 3 === 0 ? idle() : active(session, second))),
  ],
  [
    'one instance all busy with statements of a moment',
    'fine',
    13,
    ofInstances((session, second) => active(session, second, 20)),
  ],
  ['a batch in one of several instances', 'fine', 13, ofInstances(() => active(0, 0))],
  [
    'one instance that waits for locks',
    'fine',
    13,
    ofInstances((session, second) => ({
      ...active(session, second),
      wait_event_type: 'Lock',
      blocked_by: [99],
    })),
  ],
  [
    'one instance that is idle inside its transactions',
    'fine',
    13,
    ofInstances((session, second) => inTransaction(10, `${session}/${second}`)),
  ],
  [
    'a worker of three sessions, all busy, beside a larger pool',
    'fine',
    10,
    (session, second) =>
      session < 3
        ? {...active(session, second), client_addr: '10.0.0.2'}
        : {...(session < 8 ? active(0, 0) : idle()), client_addr: '10.0.0.1'},
  ],
  [
    'sessions all busy that may belong to the pool that reports at their address',
    'fine',
    5,
    (session, second) => ({
      ...active(session, second),
      ...(session < 2 && {...reporting(session, {busy: 3}), ...idle()}),
    }),
  ],
  [
    'as many sessions as a pool opens at once, some of them unused since',
    'fine',
    8,
    (session, second) =>
      session < 5
        ? {...active(session, second), backend_age_ms: hour_ms - session * 100}
        : {...idle(hour_ms), backend_age_ms: hour_ms + session * 100},
  ],
  [
    'older sessions in use from time to time',
    'fine',
    8,
    (session, second) =>
      session < 5
        ? {...active(session, second), backend_age_ms: hour_ms / 12}
        : {...idle(30_000), backend_age_ms: hour_ms},
  ],
];

/** Idle, used at a time of its own. */
const inTurn = (session: number, second: number, of: number): Partial<Backend> => {
  const age_ms = 40 + ((session * 7 + second * 3) % of) * 190;
  return {...idle(age_ms), query_age_ms: age_ms + 1};
};

/** What the server cannot show: the verdict says so. */
const unseenSituations: Situation[] = [
  [
    'a pool whose requests keep idle connections',
    null,
    5,
    (session, second) => inTurn(session, second, 5),
    'may be saturated: its 5 sessions at 10.0.0.7 are idle for the most part, yet each was used within 800ms in 100% of 30 readings over 29s: requests may keep them for something else while others wait, or the pool may take them in turn. The server does not show which; poolctl/kit in the application reports it',
  ],
  [
    'a full process beside another in use at its address',
    null,
    7,
    (session, second) =>
      session < 5
        ? {...active(session, second), backend_age_ms: hour_ms + session * 10}
        : {...idle(135 + session), backend_age_ms: hour_ms / 2},
    /^may be saturated: 5 sessions at 10.0.0.7 that began together are all busy in 100% of 30 readings over 29s, beside 2 in use there: they may be all that one of several processes has/,
  ],
  [
    'a full process beside a larger one in use at its address',
    'fine',
    11,
    (session, second) => ({
      ...(session < 5 ? active(session, second) : idle(135)),
      backend_age_ms: session < 5 ? hour_ms : hour_ms / 2,
    }),
  ],
  [
    'some of one burst all busy, the others in use',
    'fine',
    7,
    (session, second) => ({...(session < 5 ? active(session, second) : idle(135)), backend_age_ms: hour_ms}),
  ],
  [
    'pages that send five statements at once',
    'fine',
    5,
    (session, second) => {
      const age_ms = 100 + (second % 4) * 200;
      return {...idle(age_ms - session * 3), query_age_ms: age_ms};
    },
  ],
  [
    'a pool that takes the last session first, all of them in use',
    'fine',
    5,
    (session, second) => {
      const age_ms = 20 * 3 ** ((session + second) % 5);
      return {...idle(age_ms), query_age_ms: age_ms + 1};
    },
  ],
  [
    'many sessions, each used a moment ago, as many as there is work for',
    'fine',
    12,
    (session, second) => ({...idle(60 + 4 ** (session % 6)), query_age_ms: 60 + second}),
  ],
  [
    'a pool whose requests keep idle connections, one of them sometimes free for long',
    'fine',
    5,
    (session, second) => (session === 0 && second % 3 === 0 ? idle(9000) : inTurn(session, second, 5)),
  ],
  [
    'sessions used in turn that report no waiting request',
    'fine',
    5,
    (session, second) => ({...inTurn(session, second, 5), ...reporting(session, {busy: 1})}),
  ],
  [
    'sessions without a name, used in turn',
    'fine',
    5,
    (session, second) => ({...inTurn(session, second, 5), application_name: ''}),
  ],
];

/** Of 300 readings, one a second. */
const longSituations: Situation[] = [
  [
    'all busy in most readings',
    'saturated',
    9,
    (session, second) => (session === 0 && second % 8 === 0 ? idle() : active(session, second)),
    /^all 9 busy in 8\d% of 61 readings over 1m00s, in 87% of \d+ readings over [45]m\d\ds; the server has/,
  ],
  [
    'all busy since a minute ago',
    'saturated',
    9,
    (session, second) => (second < 239 ? idle() : active(session, second)),
    /^all 9 busy in 100% of 61 readings over 1m00s, in 2\d% of \d+ readings over [45]m\d\ds; the server has/,
  ],
  [
    'a burst of twenty seconds just now',
    'fine',
    9,
    (session, second) => (second < 280 ? idle() : active(session, second)),
  ],
  [
    'a peak three minutes ago, and little to do since',
    'fine',
    9,
    (session, second) => (second > 100 && second < 130 ? active(session, second) : idle()),
    /^at most 9 of 9 busy, all of them in 10% of \d+ readings over [45]m\d\ds$/,
  ],
  [
    'few of many busy',
    'oversized',
    20,
    (session, second) => (session < 2 ? active(session, second) : idle(5000)),
    /^never more than 2 of 20 busy in \d+ readings over [45]m\d\ds: 3 would do$/,
  ],
];

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
      reason: 'at most 3 of 5 busy, all of them in 0% of 30 readings over 29s',
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

  it('leave out transactions a second where another application works in the database', () => {
    const others = [createBackend({pid: 99, application_name: 'job', usename: 'app'})];
    const pools = applicationsOf(contextWith(3, () => idle(), {others}));
    expect(pools.map(({transactions_per_second}) => transactions_per_second)).toEqual([null, null]);
  });
});
