import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {PgClient, RawPgClient} from './client.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {beginWatching} from './session-options.ts';

/** The hint for every limit of a connection pooler. */
export const pastThePooler =
  "Connect past the pooler: set DIRECT_URL or POOLCTL_DATABASE_URL to PostgreSQL's own address.";

/** What a snapshot through a pooler lacks. Poolers in transaction mode do not name themselves. */
export const poolerInBetween: Unavailable = {
  section: 'pooler',
  sqlstate: null,
  reason:
    'a connection pooler is in between: poolctl has no session of its own there and will change nothing',
  remedy: 'connect past it: DIRECT_URL',
};

/** Through a pooler neither timeouts nor advisory locks hold, and the pid is another session's. */
export function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl changes nothing through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: pastThePooler,
      exitCode: exitCodes.connection,
    },
  );
}

/**
 * A client that watches through a pooler, which assigns it a server session for one transaction at a time. Each query
 * runs in a read-only transaction of its own that sets poolctl's settings, in one round trip: a plain SET would stay in
 * a session that an application gets next.
 */
export function createPooledClient(client: RawPgClient): PgClient {
  const begin = beginWatching();
  const query: PgClient['query'] = async text => {
    const [begun, answered] = await Promise.allSettled([
      client.query(begin),
      client.query(text),
      client.query('COMMIT'),
    ]);
    if (begun.status === 'rejected') throw begun.reason;
    if (answered.status === 'rejected') throw answered.reason;
    return answered.value as never;
  };
  return Object.assign(Object.create(client) as RawPgClient, {query});
}
