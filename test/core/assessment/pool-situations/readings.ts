import type {ApplicationPool} from '../../../../source/model/application-pool.ts';
import type {Backend, Database} from '../../../../source/model/snapshot.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {contextOf} from '../harms/readings.ts';

/** A session in a reading, one a second; null: it is not there. */
export type SessionOf = (session: number, second: number) => Partial<Backend> | null;

const statements = [
  'a FROM orders',
  'b FROM users',
  'c FROM carts',
  'd FROM items',
  'e FROM mails',
  'f FROM logs',
];

export function contextWith(
  sessions: number,
  sessionOf: SessionOf,
  {readings = 30, others = [] as Backend[]} = {},
) {
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

export const idle = (state_age_ms = 400): Partial<Backend> => ({state: 'idle', state_age_ms});

/** Runs one of six kinds of statements, which takes `ms`. */
export const active = (session: number, second: number, ms = 300): Partial<Backend> => ({
  state: 'active',
  wait_event_type: null,
  state_age_ms: ms / 2,
  query_age_ms: ms / 2,
  xact_age_ms: ms / 2,
  query: `SELECT ${statements[(session + second) % 6]}`,
  query_id: String((session + second) % 6),
});

export const inTransaction = (state_age_ms: number, xact_start: string): Partial<Backend> => ({
  state: 'idle in transaction',
  state_age_ms,
  xact_age_ms: state_age_ms,
  xact_start,
});

export const reporting = (
  session: number,
  report: Partial<NonNullable<Backend['pool_report']>>,
): Partial<Backend> => ({
  pool_report: {instance: 'aaa', turn: session, size: 5, busy: 5, waiting: 0, wait_p95_ms: 0, ...report},
});

export const hour_ms = 3_600_000;

type Verdict = ApplicationPool['verdict'];
export type Situation = [situation: string, Verdict, sessions: number, SessionOf, reason?: string | RegExp];
