import type {Backend} from '../../../../source/model/snapshot.ts';
import {active, hour_ms, idle, reporting, type Situation} from './readings.ts';

/** Idle, used at a time of its own. */
const inTurn = (session: number, second: number, of: number): Partial<Backend> => {
  const age_ms = 40 + ((session * 7 + second * 3) % of) * 190;
  return {...idle(age_ms), query_age_ms: age_ms + 1};
};

/** What the server cannot show: the verdict says so. */
export const unseenSituations: Situation[] = [
  [
    'a pool whose requests keep idle connections',
    null,
    5,
    (session, second) => inTurn(session, second, 5),
    'may be saturated: its 5 sessions at 10.0.0.7 are idle for the most part, yet each was used within 800ms in 100% of 30 snapshots over 29s: requests may keep them for something else while others wait, or the pool may take them in turn. The server does not show which; poolctl/kit in the application reports it',
  ],
  [
    'a full process beside another in use at its address',
    null,
    7,
    (session, second) =>
      session < 5
        ? {...active(session, second), backend_age_ms: hour_ms + session * 10}
        : {...idle(135 + session), backend_age_ms: hour_ms / 2},
    /^may be saturated: 5 sessions at 10.0.0.7 that began together are all busy in 100% of 30 snapshots over 29s, beside 2 in use there: they may be all that one of several processes has/,
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
