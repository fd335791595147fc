import type {Backend} from '../../model/snapshot.ts';
import type {Sql} from '../../model/step.ts';
import {createPlaceholders} from '../sql/quote.ts';

/** A session that can be told apart from any later one with the same pid: what protectionOf has let through. */
export type KnownSession = Backend & {
  backend_start: string;
  state_change: string;
  datid: string;
  usesysid: string;
};

export function isKnownSession(backend: Backend): backend is KnownSession {
  const {backend_start, state_change, datid, usesysid} = backend;
  return [backend_start, state_change, datid, usesysid].every(each => typeof each === 'string');
}

/**
 * What of a session must be as it was read. `session`: it is the same one. `transaction`: and in no other transaction.
 * `statement`: it runs the same statement, in whichever transaction of a procedure that commits. `unchanged`: it has
 * done nothing since.
 */
type SameAs = 'session' | 'transaction' | 'statement' | 'unchanged';

export type Signal = {
  call: 'pg_terminate_backend' | 'pg_cancel_backend';
  same: SameAs;
  /** And only while this condition on session `pid`, an expression of SQL, holds. */
  holding?: (pid: string) => string;
};

/**
 * The one statement that ends a session or cancels its statement. Whatever it means is checked in it, and nothing is
 * looked at after the session itself: `holding` comes first, then pg_stat_get_activity(pid), the function behind
 * pg_stat_activity without the view's joins, and at once the signal. Times are compared with `=`, because a server's
 * clock can step back. What is hidden from the acting role is NULL and equals nothing.
 */
export function signalSql(session: KnownSession, {call, same, holding}: Signal): Sql {
  const {values, put: value} = createPlaceholders<Sql['values'][number]>();
  const {pid, backend_start, datid, usesysid} = session;
  const of = activityOf(value(pid, 'int4'), holding);
  const conditions = [
    `a.backend_start = ${value(backend_start, 'timestamptz')}`,
    `a.datid = ${value(datid, 'oid')}`,
    `a.usesysid = ${value(usesysid, 'oid')}`,
    ...sameConditions(session, same, value),
    "a.backend_type = 'client backend'",
    "a.application_name <> 'poolctl'",
    'a.pid <> pg_catalog.pg_backend_pid()',
  ];
  const name = call === 'pg_terminate_backend' ? 'signalled' : 'cancelled';
  return {
    text: `${of.before}SELECT a.pid, pg_catalog.${call}(a.pid) AS ${name} FROM ${of.from} WHERE ${conditions.join(' AND ')}`,
    values,
  };
}

/** LATERAL on a materialized row: the session is looked at after the condition, not before or beside it. */
function activityOf(pid: string, holding: Signal['holding']): {before: string; from: string} {
  if (holding === undefined) return {before: '', from: `pg_catalog.pg_stat_get_activity(${pid}) a`};
  return {
    before: `WITH meant AS MATERIALIZED (SELECT m.pid FROM (VALUES (${pid})) m (pid) WHERE ${holding('m.pid')}) `,
    from: 'meant CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(meant.pid) a',
  };
}

function sameConditions(
  {state, state_change, query_start, xact_start, backend_xid}: KnownSession,
  same: SameAs,
  value: (of: string | null, type: string) => string,
): string[] {
  switch (same) {
    case 'session':
      return [];
    case 'transaction':
      // Without one it goes on with nothing that was not read of it.
      return [
        `(a.xact_start IS NULL OR a.xact_start = ${value(xact_start, 'timestamptz')})`,
        ...(backend_xid === null
          ? []
          : [`(a.backend_xid IS NULL OR a.backend_xid = ${value(backend_xid, 'xid')})`]),
      ];
    case 'statement':
    case 'unchanged':
      return [
        `a.state = ${value(state, 'text')}`,
        `a.state_change = ${value(state_change, 'timestamptz')}`,
        `a.query_start IS NOT DISTINCT FROM ${value(query_start, 'timestamptz')}`,
        ...(same === 'unchanged'
          ? [`a.xact_start IS NOT DISTINCT FROM ${value(xact_start, 'timestamptz')}`]
          : []),
      ];
  }
}
