import type {PreparedTransaction} from '../../core/server/prepared-transactions.ts';
import type {Connection} from '../connect/connect.ts';
import {isoTime} from '../iso-time.ts';
import {preparedTransactionsQuery} from '../queries/prepared-transactions.ts';
import {pickVariant} from '../queries/query.ts';

/** Of every database; the oldest first. Throws what the server answers. */
export async function readPreparedTransactions({
  client,
  server_version_num,
}: Connection): Promise<PreparedTransaction[]> {
  const {text} = pickVariant(preparedTransactionsQuery, server_version_num);
  const {rows} = await client.query<PreparedTransaction>({text});
  return rows.map(row => ({...row, prepared: isoTime(row.prepared) ?? row.prepared}));
}
