import {redactSecrets} from '../../core/redact.ts';
import type {Maintenance, TableUpkeep, XminHolder} from '../../core/server/maintenance.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant} from '../queries/query.ts';
import {tableUpkeepQuery} from '../queries/table-upkeep.ts';
import {xminHoldersQuery} from '../queries/xmin-holders.ts';

/** Of the connected database, in one round trip. Throws what the server answers. */
export async function readMaintenance({client, server_version_num}: Connection): Promise<Maintenance> {
  const [tables, holders] = await Promise.all([
    client.query<TableUpkeep>({text: pickVariant(tableUpkeepQuery, server_version_num).text}),
    client.query<XminHolder>({text: pickVariant(xminHoldersQuery, server_version_num).text}),
  ]);
  return {tables: tables.rows, xmin_holders: holders.rows.map(withoutSecrets)};
}

/** Its description has the names that a session chose. */
function withoutSecrets(holder: XminHolder): XminHolder {
  return {...holder, description: redactSecrets(holder.description)};
}
