import type {RoleLimit} from '../../model/roles.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query} from '../queries/query.ts';

/** Every role that can log in, with its connection limit. Throws the server's errors. */
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

export const roleLimitsQuery: Query = {
  name: 'poolctl_role_limits',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolconnlimit AS connection_limit,
  r.oid::text
FROM pg_catalog.pg_roles r
WHERE r.rolcanlogin
ORDER BY r.rolname`,
    },
  ],
};

type RoleLimitRow = [name: string, is_superuser: boolean, connection_limit: number, oid: string];
