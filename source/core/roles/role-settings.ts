/** Roles and databases, and what ALTER ROLE and ALTER DATABASE have set for their sessions (pg_db_role_setting). */
export type RoleSettings = {
  roles: Role[];
  databases: {oid: string; name: string}[];
  overrides: SettingOverride[];
};

export type Role = {
  oid: string;
  name: string;
  is_superuser: boolean;
  can_login: boolean;
  /** rolconnlimit; -1 is none. Not enforced for superusers. */
  connection_limit: number;
};

export type SettingOverride = {
  /** null is every role, or every database. */
  role: string | null;
  database: string | null;
  /** The setting's name. */
  name: string;
  /** As it was written: `30s`, `30000`. */
  value: string;
};

/** What is set for exactly this role and database; null where nothing is. */
export function overrideOf(
  {overrides}: RoleSettings,
  {role, database, name}: Omit<SettingOverride, 'value'>,
): string | null {
  const found = overrides.find(
    each => each.role === role && each.database === database && each.name === name,
  );
  return found?.value ?? null;
}
