import {active, idle, type Situation} from './readings.ts';

/** Of 300 readings, one a second. */
export const longSituations: Situation[] = [
  [
    'all busy in most readings',
    'saturated',
    9,
    (session, second) => (session === 0 && second % 8 === 0 ? idle() : active(session, second)),
    /^all 9 busy in 8\d% of 61 snapshots over 1m00s, in 87% of \d+ snapshots over [45]m\d\ds; the server has/,
  ],
  [
    'all busy since a minute ago',
    'saturated',
    9,
    (session, second) => (second < 239 ? idle() : active(session, second)),
    /^all 9 busy in 100% of 61 snapshots over 1m00s, in 2\d% of \d+ snapshots over [45]m\d\ds; the server has/,
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
    /^at most 9 of 9 busy; all busy in 10% of \d+ snapshots over [45]m\d\ds$/,
  ],
  [
    'few of many busy',
    'oversized',
    20,
    (session, second) => (session < 2 ? active(session, second) : idle(5000)),
    /^never more than 2 of 20 busy in \d+ snapshots over [45]m\d\ds: 3 would do$/,
  ],
];
