import type {LockTable} from '../../model/server-facts.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** How full the shared lock table is, in one round trip. Throws the server's errors. */
export async function readLockTable({
  client,
  server_version_num,
}: Pick<Connection, 'client' | 'server_version_num'>): Promise<LockTable> {
  const {text} = pickVariant(lockTableQuery, server_version_num);
  const [row] = (await client.query<LockTable>({text})).rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {at, most, ...rest} = row;
  return {
    at: isoTime(at) ?? at,
    ...rest,
    most: most && {...most, backend_start: isoTime(most.backend_start)},
  };
}

/**
 * - It has room for max_locks_per_transaction of each process and prepared transaction (NLOCKENTS in lock.c; MaxBackends in
 *   postinit.c). One object takes one entry, however many hold it; locks of the fast path take none.
 * - Without a transaction, the second part of virtualtransaction is 0 (lockfuncs.c).
 * - The functions below the views, and no table: the query itself takes no lock, for which there may be no room.
 */
const lockTable = (workers: string) => `
WITH /* poolctl */ l AS MATERIALIZED (
  SELECT l.pid, l.virtualtransaction, concat_ws(' ', l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid,
    l.classid, l.objid, l.objsubid) AS object,
    l.virtualtransaction ~ '/0$' AND l.locktype = 'advisory' AS is_of_session
  FROM pg_lock_status() l WHERE NOT l.fastpath AND l.mode <> 'SIReadLock')
SELECT now()::text AS at, (SELECT count(DISTINCT l.object) FROM l) AS used,
  current_setting('max_locks_per_transaction')::int8 * (1 + current_setting('max_connections')::int8
    + current_setting('${workers}')::int8 + current_setting('max_worker_processes')::int8
    + current_setting('max_wal_senders')::int8 + current_setting('max_prepared_transactions')::int8) AS capacity,
  (SELECT json_build_object('pid', h.pid, 'locks', count(*), 'in_transaction', NOT bool_and(h.is_of_session),
      'backend_start', (SELECT a.backend_start::text FROM pg_stat_get_activity(h.pid) a WHERE h.pid IS NOT NULL))
    FROM l h GROUP BY h.pid, h.virtualtransaction ORDER BY count(*) DESC LIMIT 1) AS most`;

export const lockTableQuery = serverQuery('poolctl_lock_table', {
  13: lockTable('autovacuum_max_workers'),
  18: lockTable('autovacuum_worker_slots'),
});
