import {active, hour_ms, idle, inTransaction, reporting, type SessionOf, type Situation} from './readings.ts';

/** The first instance has 5 sessions, each of the others one less. */
const ofInstances =
  (first: SessionOf, others: SessionOf = () => idle()): SessionOf =>
  (session, second) =>
    session < 5
      ? {client_addr: '10.0.0.1', ...first(session, second)}
      : {client_addr: `10.0.0.${2 + ((session - 5) >> 2)}`, ...others(session, second)};

export const instanceSituations: Situation[] = [
  [
    'one of three instances all busy',
    'saturated',
    13,
    ofInstances(active),
    "all 5 at 10.0.0.1 busy in 100% of 30 snapshots over 29s; the server has 84 free slots: the application's pool is the limit, not the server",
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
