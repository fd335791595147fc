import {shownStatement} from '../../core/sql/shown-sql.ts';
import {formatAge} from '../../core/text/format.ts';
import type {SessionIdentity} from '../../model/snapshot.ts';
import {type PgClient, withDeadline} from '../connect/client.ts';
import {pickVariant, type ServerVersion, serverQuery} from '../queries/query.ts';

type SessionLock = {
  locktype: string;
  mode: string;
  granted: boolean;
  /** A name in the connected database, an oid in another. */
  relation: string | null;
  /** For locktype transactionid: its own transaction, or the one whose end it waits for. */
  transactionid: string | null;
  /** PostgreSQL 14+, of a lock that is awaited. */
  wait_age_ms: number | null;
};

export type SessionDetail = {
  /** The session ended; its pid may belong to a later one. */
  is_gone: boolean;
  query: string | null;
  locks: SessionLock[];
};

/**
 * The text and the locks of one session, in one round trip. Throws the server's errors, and AbortError (exit 3) if it
 * does not answer within `deadline_ms`.
 */
export async function readSessionDetail(
  connection: ServerVersion & {client: PgClient},
  session: {pid: number; backend_start: SessionIdentity['backend_start'] | null},
  deadline_ms = 5000,
): Promise<SessionDetail> {
  const values = [session.pid];
  const {client} = connection;
  const text = (query: typeof sessionLocksQuery) => pickVariant(query, connection).text;
  const answers = Promise.all([
    client.query<SessionQueryRow>({text: text(sessionQueryQuery), values, rowMode: 'array'}),
    client.query<SessionLockRow>({text: text(sessionLocksQuery), values, rowMode: 'array'}),
  ]);
  const [queries, locks] = await withDeadline(answers, deadline_ms);
  const [row] = queries.rows;
  if (row === undefined || !isSame(row[0], session.backend_start))
    return {is_gone: true, query: null, locks: []};
  return {
    is_gone: false,
    query: row[1] === null ? null : shownStatement(row[1].slice(0, maxShownLength)),
    locks: locks.rows.map(toLock),
  };
}

/** More than a screen shows; finding the literals takes a second for a megabyte. */
const maxShownLength = 100_000;

/** A hidden backend_start cannot be compared. Milliseconds distinguish a session from the next one with its pid. */
function isSame(start_us: number | null, backend_start: string | null): boolean {
  if (start_us === null || backend_start === null) return true;
  return Math.abs(start_us / 1000 - Date.parse(backend_start)) < 1;
}

function toLock([
  locktype,
  mode,
  granted,
  relation,
  wait_age_ms,
  transactionid,
]: SessionLockRow): SessionLock {
  return {locktype, mode, granted, relation, transactionid, wait_age_ms};
}

/** Its locks, one a line: what it waits for, then what it holds. */
export function lockLines({is_gone, locks}: SessionDetail): string[] {
  if (is_gone) return ['this session has ended'];
  if (locks.length === 0) return ['no locks held or awaited'];
  return locks.map(({locktype, mode, granted, relation, transactionid, wait_age_ms}) => {
    const waits = wait_age_ms === null ? 'waits' : `waits ${formatAge(wait_age_ms)}`;
    const what = transactionid === null ? (relation ?? locktype) : `transaction ${transactionid}`;
    return `${granted ? 'holds' : waits} ${mode} on ${what}`;
  });
}

/** Locks of one session, awaited ones first, without the lock on its virtual transaction, which every session has. */
const text = (wait_age_ms: string) => `
SELECT /* poolctl */ l.locktype, l.mode, l.granted,
  CASE WHEN l.relation IS NULL THEN NULL
    WHEN l.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    THEN l.relation::regclass::text ELSE l.relation::text END AS relation,
  ${wait_age_ms} AS wait_age_ms, l.transactionid::text AS transactionid
FROM pg_locks l
WHERE l.pid = $1 AND l.locktype <> 'virtualxid'
ORDER BY l.granted, relation NULLS LAST, l.mode
LIMIT 200`;

export const sessionLocksQuery = serverQuery('poolctl_session_locks', {
  13: text('NULL::int8'),
  'pg_locks.waitstart': text("(date_part('epoch', now() - l.waitstart) * 1000)::int8"),
});

type SessionLockRow = [
  locktype: string,
  mode: string,
  granted: boolean,
  relation: string | null,
  wait_age_ms: number | null,
  transactionid: string | null,
];

/** The whole text that one session sent last, as far as track_activity_query_size keeps it. */
export const sessionQueryQuery = serverQuery(
  'poolctl_session_query',
  `
SELECT /* poolctl */ (date_part('epoch', a.backend_start) * 1e6)::int8 AS backend_start_us, a.query
FROM pg_stat_get_activity($1) a`,
);

type SessionQueryRow = [backend_start_us: number | null, query: string | null];
