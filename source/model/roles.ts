/** Roles, databases and their settings by ALTER ROLE and ALTER DATABASE (pg_db_role_setting). */
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
  /** Null means every role, or every database. */
  role: string | null;
  database: string | null;
  /** The setting's name. */
  name: string;
  /** As it was written: `30s`, `30000`. */
  value: string;
};

/** A role and its own connection limit, which the server enforces unless it is a superuser. */
export type RoleLimit = {
  oid: string;
  name: string;
  is_superuser: boolean;
  /** pg_roles.rolconnlimit; -1 is none. */
  connection_limit: number;
};
