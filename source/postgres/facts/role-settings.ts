import type {Role, RoleSettings, SettingOverride} from '../../core/roles/role-settings.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query} from '../queries/query.ts';
import {databaseNamesQuery, roleSettingsQuery, rolesQuery} from '../queries/role-settings.ts';

/** In one round trip. Throws what the server answers. */
export async function readRoleSettings({client, server_version_num}: Connection): Promise<RoleSettings> {
  const read = async <Row>(query: Query): Promise<Row[]> =>
    (await client.query<Row>({text: pickVariant(query, server_version_num).text})).rows;
  const [roles, databases, overrides] = await Promise.all([
    read<Role>(rolesQuery),
    read<RoleSettings['databases'][number]>(databaseNamesQuery),
    read<SettingOverride>(roleSettingsQuery),
  ]);
  return {roles, databases, overrides};
}
