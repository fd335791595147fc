import type {PreparedTransaction} from '../../model/recipe-data.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query} from '../queries/query.ts';

/** The prepared transactions of every database, oldest first. Throws the server's errors. */
export async function readPreparedTransactions({
  client,
  server_version_num,
}: Connection): Promise<PreparedTransaction[]> {
  const {text} = pickVariant(preparedTransactionsQuery, server_version_num);
  const {rows} = await client.query<PreparedTransaction>({text});
  return rows.map(row => ({...row, prepared: isoTime(row.prepared) ?? row.prepared}));
}

/**
 * Prepared transactions and the sessions that wait for their locks. These locks have no pid; what they share is the
 * virtual transaction they were prepared in, or -1 and their transaction id after a restart
 * (MarkAsPreparingGuts in twophase.c), and one of them is the lock on their own transaction id.
 */
export const preparedTransactionsQuery: Query = {
  name: 'poolctl_prepared_transactions',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
WITH /* poolctl */ l AS MATERIALIZED (SELECT * FROM pg_locks)
SELECT p.gid, p.transaction::text, p.prepared::text, p.owner::text, p.database::text, (date_part('epoch', now() - p.prepared) * 1000)::int8 AS age_ms,
  ARRAY(SELECT DISTINCT w.pid FROM l x
    JOIN l h ON h.virtualtransaction = x.virtualtransaction AND h.pid IS NULL AND h.granted
    JOIN l w
    ON (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
      IS NOT DISTINCT FROM (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
    WHERE x.locktype = 'transactionid' AND x.transactionid = p.transaction AND x.pid IS NULL AND x.granted
      AND NOT w.granted AND w.pid IS NOT NULL
    ORDER BY w.pid) AS waiters
FROM pg_prepared_xacts p
ORDER BY p.prepared, p.gid`,
    },
  ],
};
