import type {RoleLimit} from '../../core/role-limits.ts';
import type {Connection} from '../connect.ts';
import {pickVariant} from '../queries/query.ts';
import {type RoleLimitRow, roleLimitsQuery} from '../queries/role-limits.ts';
import {createRun} from '../run-query.ts';

/** Every role that can connect, and its own limit. */
export async function readRoleLimits(connection: Connection): Promise<RoleLimit[]> {
  const run = createRun(connection.client, connection);
  const rows = await run<RoleLimitRow>(pickVariant(roleLimitsQuery, connection.server_version_num));
  return rows.map(([name, is_superuser, connection_limit]) => ({name, is_superuser, connection_limit}));
}
