import {active, hour_ms, idle, inTransaction, reporting, type Situation} from './readings.ts';

export const situations: Situation[] = [
  [
    'all busy all the time with statements of many kinds',
    'saturated',
    9,
    (session, second) => active(session, second),
    "all 9 busy in 100% of 30 snapshots over 29s; the server has 88 free slots: the application's pool is the limit, not the server",
  ],
  [
    'all busy in most readings',
    'saturated',
    9,
    (session, second) => (session === 0 && second % 8 === 0 ? idle() : active(session, second)),
    /^all 9 busy in 87% of 30 snapshots/,
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
    /^34 requests wait for its pool of 5 \(p95 wait 1\.20s\); the server has 92 free slots: the/,
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
    'at most 5 of 5 busy; all busy in 100% of 30 snapshots over 29s',
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
    'at most 9 of 9 busy; all busy in 67% of 30 snapshots over 29s',
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
    'never more than 2 of 20 busy in 30 snapshots over 29s: 3 would do',
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
    'its sessions are idle inside their transactions, each for 6.0 s on average: the application waits outside the database',
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
    '4 sessions silent for 1h00m or more, while their clients have connected again: perhaps no pool has them, or another process at that address has',
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
