import {expect, it} from 'vitest';
import {serverRows} from '../../../source/core/server/topics/index.ts';
import type {Verdict} from '../../../source/core/server/topics/topic.ts';
import type {ServerState} from '../../../source/model/server-state.ts';
import type {LoggedError, ServerLog} from '../../../source/model/server-work.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const at = '2026-11-28T13:05:00.000Z';

const logged = (parts: Partial<LoggedError> | null, rest: Partial<ServerLog> = {}): ServerState => ({
  server_log: {
    ...{file: '/log', from: '2026-11-28T13:00:00.000Z', to: at, deadlocks: [], problem: null},
    errors:
      parts === null
        ? []
        : [
            {
              ...{
                count: 31,
                recent_count: 31,
                first_at: at,
                last_at: '2026-11-28T13:04:48.000Z',
                severity: 'ERROR',
                sqlstate: '57014',
              },
              ...{message: 'canceling statement due to statement timeout', pid: 7, application_name: null},
              ...{usename: null, datname: null, statement: null},
              ...parts,
            },
          ],
    ...rest,
  },
});
const states: [
  state: string,
  of: ServerState,
  topic: string,
  verdict: Verdict,
  text: string | RegExp,
  seen?: {backends: Backend[]},
][] = [
  ['a log without an error', logged(null), 'errors', 'ok', 'no error in the server log since 13:00:00Z'],
  [
    'a log that is not read',
    logged(null, {problem: 'logging_collector is off'}),
    'errors',
    'unknown',
    'the server log: logging_collector is off',
  ],
  [
    'an error',
    logged({application_name: 'web', usename: 'app'}),
    'errors',
    'warning',
    '57014 canceling statement due to statement timeout: 31 times, last 12s ago, web/app',
  ],
  [
    'an error of a session',
    logged({}),
    'errors',
    'warning',
    /, last 12s ago, web\/shop_app$/,
    {
      backends: [
        createBackend({pid: 7, application_name: 'web', backend_start: '2026-11-28T12:00:00.000000Z'}),
      ],
    },
  ],
  [
    'refused logins',
    logged({sqlstate: '53300', severity: 'FATAL', message: 'sorry, too many clients already'}),
    'errors',
    'critical',
    /^53300 sorry/,
  ],
  ['an error of long ago', logged({last_at: '2026-11-28T12:00:00.000Z'}), 'errors', 'ok', /last 1h05m ago/],
];

it.each(states)('%s', (_, state, topic, verdict, text, seen = {backends: []}) => {
  const rows = serverRows({snapshot: {...createSnapshot(seen), at}, state}, 'not read').filter(
    row => row.topic === topic,
  );
  expect(rows).toMatchObject([
    {verdict, text: typeof text === 'string' ? text : expect.stringMatching(text)},
  ]);
  expect(rows[0]?.page()).toEqual(expect.any(Array));
});
