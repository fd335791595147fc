import type {OwnLimit} from '../../model/target.ts';
import type {CatalogRow} from '../queries/catalog.ts';

/** What the server's oids stand for. */
export type Names = {
  roles: ReadonlyMap<number, {name: string; is_superuser: boolean}>;
  databases: ReadonlyMap<number, string>;
  /** Roles and databases with a connection limit of their own. */
  own_limits: OwnLimit[];
};

export const noNames: Names = {roles: new Map(), databases: new Map(), own_limits: []};

export function toNames(rows: readonly CatalogRow[]): Names {
  const roles = new Map<number, {name: string; is_superuser: boolean}>();
  const databases = new Map<number, string>();
  const own_limits: OwnLimit[] = [];
  for (const [kind, oid, name, is_superuser, connection_limit] of rows) {
    if (kind === 'role') roles.set(oid, {name, is_superuser});
    else databases.set(oid, name);
    if (connection_limit >= 0) own_limits.push({kind, name, connection_limit});
  }
  return {roles, databases, own_limits};
}
