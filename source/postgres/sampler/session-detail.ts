import {shownStatement} from '../../core/sql/shown-sql.ts';
import {formatAge} from '../../core/text/format.ts';
import type {SessionIdentity} from '../../model/snapshot.ts';
import type {PgClient} from '../connect/client.ts';
import {inTime} from '../deadline.ts';
import {pickVariant} from '../queries/query.ts';
import {type SessionLockRow, sessionLocksQuery} from '../queries/session-locks.ts';
import {type SessionQueryRow, sessionQueryQuery} from '../queries/session-query.ts';

type SessionLock = {
  locktype: string;
  mode: string;
  granted: boolean;
  /** By name in the database connected to, by oid elsewhere. */
  relation: string | null;
  /** Where `locktype` is transactionid: its own, or the one whose end it waits for. */
  transactionid: string | null;
  /** PG14+, of a lock that is awaited. */
  wait_age_ms: number | null;
};

export type SessionDetail = {
  /** It is gone: its pid belongs to nobody, or to a session that began later. */
  is_gone: boolean;
  query: string | null;
  locks: SessionLock[];
};

/**
 * What one session's detail adds to the snapshot, in one round trip. Throws what the server answers, and AbortError
 * where it does not within `deadline_ms`.
 */
export async function readSessionDetail(
  client: PgClient,
  session: {pid: number; backend_start: SessionIdentity['backend_start'] | null; server_version_num: number},
  deadline_ms = 5000,
): Promise<SessionDetail> {
  const values = [session.pid];
  const text = (query: typeof sessionLocksQuery) => pickVariant(query, session.server_version_num).text;
  const answers = Promise.all([
    client.query<SessionQueryRow>({text: text(sessionQueryQuery), values, rowMode: 'array'}),
    client.query<SessionLockRow>({text: text(sessionLocksQuery), values, rowMode: 'array'}),
  ]);
  const [queries, locks] = await inTime(answers, deadline_ms);
  const [row] = queries.rows;
  if (row === undefined || !isSame(row[0], session.backend_start))
    return {is_gone: true, query: null, locks: []};
  return {
    is_gone: false,
    query: row[1] === null ? null : shownStatement(row[1].slice(0, mostShown)),
    locks: locks.rows.map(toLock),
  };
}

/** More than a screen ever shows: telling literals apart takes a second for a megabyte. */
const mostShown = 100_000;

/** A hidden backend_start cannot be compared; milliseconds tell one session of a pid from the next. */
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

/** Its locks as lines for people: what it waits for, then what it holds. */
export function lockLines({is_gone, locks}: SessionDetail): string[] {
  if (is_gone) return ['this session is gone'];
  if (locks.length === 0) return ['it holds no lock and waits for none'];
  return locks.map(({locktype, mode, granted, relation, transactionid, wait_age_ms}) => {
    const waits = wait_age_ms === null ? 'waits' : `waits ${formatAge(wait_age_ms)}`;
    const what = transactionid === null ? (relation ?? locktype) : `transaction ${transactionid}`;
    return `${granted ? 'holds' : waits} ${mode} on ${what}`;
  });
}
