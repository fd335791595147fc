/** A role and its own connection limit, which the server enforces unless it is a superuser. */
export type RoleLimit = {
  oid: string;
  name: string;
  is_superuser: boolean;
  /** pg_roles.rolconnlimit; -1 is none. */
  connection_limit: number;
};
