import type {Role, RoleLimit, RoleSettings, SettingOverride} from '../../model/recipe-data.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query, serverQuery} from '../queries/query.ts';

/** Settings of roles and databases (ALTER ROLE and DATABASE ... SET), in one round trip. Throws the server's errors. */
export async function readRoleSettings({client, server_version_num}: Connection): Promise<RoleSettings> {
  const read = async <Row>(query: Query): Promise<Row[]> =>
    (await client.query<Row>({text: pickVariant(query, server_version_num).text})).rows;
  const [roles, databases, overrides] = await Promise.all([
    read<Role>(rolesQuery),
    read<RoleSettings['databases'][number]>(databaseNamesQuery),
    read<SettingRow>(roleSettingsQuery),
  ]);
  return {
    roles: roles.map(role => ({...role, valid_until: isoTime(role.valid_until)})),
    databases,
    overrides: overrides.map(withTime),
  };
}

type SettingRow = SettingOverride & {set_at: string | null; set_age: number | null};

function withTime({set_at, set_age, ...override}: SettingRow): SettingOverride {
  const at = isoTime(set_at);
  return {...override, ...(at !== null && {set_at: at}), ...(set_age !== null && {set_age})};
}

/** Without predefined roles (pg_*), which have no sessions. Every role may read pg_roles and pg_db_role_setting. */
export const rolesQuery = serverQuery(
  'poolctl_roles',
  `
SELECT /* poolctl */ r.oid::text, r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolcanlogin AS can_login,
  r.rolconnlimit AS connection_limit,
  CASE WHEN isfinite(r.rolvaliduntil) THEN r.rolvaliduntil::text END AS valid_until
FROM pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY r.rolname`,
);

export const roleSettingsQuery = serverQuery(
  'poolctl_role_settings',
  `
SELECT /* poolctl */ r.rolname::text AS role, d.datname::text AS database, lower(split_part(c.setting, '=', 1)) AS name,
  substr(c.setting, strpos(c.setting, '=') + 1) AS value,
  CASE WHEN current_setting('track_commit_timestamp')::bool THEN pg_xact_commit_timestamp(s.xmin)::text END AS set_at,
  nullif(age(s.xmin), 2147483647) AS set_age
FROM pg_db_role_setting s
CROSS JOIN unnest(s.setconfig) c (setting)
LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3`,
);

export const databaseNamesQuery = serverQuery(
  'poolctl_database_names',
  'SELECT /* poolctl */ d.oid::text, d.datname::text AS name FROM pg_database d WHERE d.datallowconn ORDER BY 2',
);

/** Every role that can log in, with its connection limit. Throws the server's errors. */
export async function readRoleLimits({client, server_version_num}: Connection): Promise<RoleLimit[]> {
  const {text} = pickVariant(roleLimitsQuery, server_version_num);
  return (await client.query<RoleLimit>({text})).rows;
}

export const roleLimitsQuery = serverQuery(
  'poolctl_role_limits',
  `
SELECT /* poolctl */ r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolconnlimit AS connection_limit,
  r.oid::text
FROM pg_catalog.pg_roles r
WHERE r.rolcanlogin
ORDER BY r.rolname`,
);
