import type {RoleOrDatabaseLimit} from '../../model/target.ts';
import type {NameRow} from '../queries/server.ts';

/** The names of the server's oids. */
export type Names = {
  roles: ReadonlyMap<number, {name: string; is_superuser: boolean}>;
  databases: ReadonlyMap<number, string>;
  /** Roles and databases with a connection limit. */
  role_and_database_limits: RoleOrDatabaseLimit[];
};

export const noNames: Names = {roles: new Map(), databases: new Map(), role_and_database_limits: []};

export function toNames(rows: readonly NameRow[]): Names {
  const roles = new Map<number, {name: string; is_superuser: boolean}>();
  const databases = new Map<number, string>();
  const role_and_database_limits: RoleOrDatabaseLimit[] = [];
  for (const [kind, oid, name, is_superuser, connection_limit] of rows) {
    if (kind === 'role') roles.set(oid, {name, is_superuser});
    else databases.set(oid, name);
    if (connection_limit >= 0) role_and_database_limits.push({kind, name, connection_limit});
  }
  return {roles, databases, role_and_database_limits};
}
