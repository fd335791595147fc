import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {PgClient, RawPgClient} from './client.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {beginWatching} from './session-options.ts';

/** What helps wherever a pooler is in the way. */
export const pastThePooler =
  "Connect past the pooler: DIRECT_URL or POOLCTL_DATABASE_URL with PostgreSQL's own address.";

/** What a reading through a pooler lacks: PgBouncer's transaction mode and its kin do not say which they are. */
export const poolerInBetween: Unavailable = {
  section: 'pooler',
  sqlstate: null,
  reason: 'a connection pooler sits in between: pid and settings are not our own, and poolctl will not act',
  remedy: 'connect past it: DIRECT_URL',
};

/** Neither timeouts nor advisory locks hold there, and the pid is another's. */
export function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl does not act through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: pastThePooler,
      exitCode: exitCodes.connection,
    },
  );
}

/**
 * A client that watches through a pooler, which lends it a session of others for one transaction at a time. Each
 * query brings its settings along in a transaction of its own, read-only and rolled up in the same round trip: a
 * SET would stay behind in a session that an application is lent next.
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
