import type {PgClient, RawPgClient} from './client.ts';
import {beginWatching} from './session-options.ts';

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
