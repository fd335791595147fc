import type {Sql, SqlStep, Verification} from '../../model/step.ts';
import {type KnownSession, terminateStep} from '../sessions/session-steps.ts';

/** The sessions of one client together, in a stable order. */
export function orderByClient(sessions: readonly KnownSession[]): KnownSession[] {
  return sessions.toSorted(
    (a, b) => compare(clientOf(a), clientOf(b)) || compare(a.backend_start, b.backend_start) || a.pid - b.pid,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * Ends each session while it is idle, so that its client opens a new one with the current settings. Verified once it is gone
 * and its client has a session; those of the next client are ended only while it has one.
 */
export function recycleSteps(sessions: readonly KnownSession[]): SqlStep[] {
  return sessions.map((session, index) => {
    const step = terminateStep(session, 'idle');
    const previous = sessions.slice(0, index).findLast(each => clientOf(each) !== clientOf(session));
    const title = `terminate ${session.pid} (${session.application_name || '(no name)'}/${session.usename ?? '?'} at ${addressOf(session)}) while it is idle`;
    return {
      ...step,
      title,
      guard: idleGuard(session, previous),
      verify: goneAndBack(session),
    };
  });
}

/** One application of one role in one database at one address. */
function clientOf({application_name, usesysid, datid, client_addr}: KnownSession): string {
  return JSON.stringify([client_addr ?? '', application_name, usesysid, datid]);
}

function addressOf({client_addr}: KnownSession): string {
  return client_addr ?? 'local';
}

/** The reason for skipping: the session is at work, or the client before it has not come back. */
function idleGuard(session: KnownSession, previous: KnownSession | undefined): Verification {
  const own = [session.pid, session.backend_start];
  const idle = `a.state <> 'idle' THEN 'it is ' || a.state || ': left until it reconnects'`;
  const query: Sql =
    previous === undefined
      ? {text: `SELECT CASE WHEN ${idle} ELSE 'idle' END AS guard ${ofSession}`, values: own}
      : {
          text: `SELECT CASE WHEN ${idle} WHEN NOT ${hasSession(3)} THEN 'its clients are left: the client before it has not connected again' ELSE 'idle' END AS guard ${ofSession}`,
          values: [...own, ...clientValues(previous)],
        };
  return {query, expect: {column: 'guard', op: '=', value: 'idle'}};
}

const ofSession = 'FROM pg_catalog.pg_stat_get_activity($1::int4) a WHERE a.backend_start = $2::timestamptz';

/** The session is gone, and its client has one. */
function goneAndBack(session: KnownSession): Verification {
  return {
    query: {
      text: `SELECT NOT EXISTS (SELECT ${ofSession}) AND ${hasSession(3)} AS is_back`,
      values: [session.pid, session.backend_start, ...clientValues(session)],
    },
    expect: {column: 'is_back', op: '=', value: true},
  };
}

/** SQL: the client whose values begin at parameter `first` has a session. poolctl/kit appends its report to the name: `web[1/9 ...]`. */
function hasSession(first: number): string {
  const [application, role, database, address] = [0, 1, 2, 3].map(offset => `$${first + offset}`);
  return `EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(NULL) s WHERE (s.application_name = ${application}::text OR starts_with(s.application_name, ${application}::text || '[')) AND s.usesysid = ${role}::oid AND s.datid = ${database}::oid AND s.client_addr IS NOT DISTINCT FROM ${address}::inet)`;
}

function clientValues({application_name, usesysid, datid, client_addr}: KnownSession): Sql['values'] {
  return [application_name, usesysid, datid, client_addr];
}
