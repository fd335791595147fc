import type {RoleLimit} from '../../core/pool/role-limits.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant} from '../queries/query.ts';
import {type RoleLimitRow, roleLimitsQuery} from '../queries/role-limits.ts';

/** Every role that can connect, and its own limit. Throws what the server answers. */
export async function readRoleLimits({client, server_version_num}: Connection): Promise<RoleLimit[]> {
  const {text} = pickVariant(roleLimitsQuery, server_version_num);
  const {rows} = await client.query<RoleLimitRow>({text, rowMode: 'array'});
  return rows.map(([name, is_superuser, connection_limit, oid]) => ({
    oid,
    name,
    is_superuser,
    connection_limit,
  }));
}
