import type {LoggedError} from '../../../model/server-work.ts';
import type {Backend, Snapshot} from '../../../model/snapshot.ts';
import {counted} from '../../text/format.ts';
import type {Context} from '../context.ts';
import type {Pool} from './failing-part.ts';

/** An error of the server's log, how often it came lately, and whose session it was; null where neither the log nor a session says it. */
export type RecentError = Omit<LoggedError, 'recent_count'> & {pool: Pool | null};

/** The log is read up to a minute before a reading, and an incident goes on. */
export const loggedMs = 120_000;

/** Errors that the server logged lately, in a database if one is named; the most frequent first. */
export function recentErrors({snapshot, facts}: Context, datname: string | null = null): RecentError[] {
  const now_ms = Date.parse(snapshot.at);
  return (facts.server_log?.errors ?? [])
    .filter(({last_at}) => last_at !== null && now_ms - Date.parse(last_at) <= loggedMs)
    .flatMap(({recent_count, ...error}) => {
      const session = sessionOf(error, snapshot);
      const database = error.datname ?? session?.datname ?? null;
      if (datname !== null && database !== datname) return [];
      const usename = error.usename ?? session?.usename ?? null;
      const application_name = error.application_name ?? session?.application_name ?? '';
      return [{...error, count: recent_count, pool: usename === null ? null : {application_name, usename}}];
    })
    .sort((a, b) => b.count - a.count);
}

/** The session that met an error, if it is still open. A pid is used again, so it has to be older than the error. */
export function sessionOf(
  {pid, last_at}: Pick<LoggedError, 'pid' | 'last_at'>,
  {backends}: Pick<Snapshot, 'backends'>,
): Backend | undefined {
  return backends.find(
    each => each.pid === pid && Date.parse(each.backend_start ?? '') <= Date.parse(last_at ?? ''),
  );
}

/** `23505 duplicate key value violates unique constraint "users_email_key", 412 times within 2 min in the server log`. */
export function nameError({sqlstate, message, count}: RecentError): string {
  return `${sqlstate === null ? '' : `${sqlstate} `}${message}, ${counted(count, 'time')} within 2 min in the server log`;
}
