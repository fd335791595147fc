import type {Query} from './query.ts';

/**
 * Roles and databases: their names, for activity and statements carry oids; and their own connection limits.
 * A superuser's limit is not enforced (InitializeSessionUserId in miscinit.c), nor is -1 one; a database being
 * dropped has -2. Read rarely, and when an oid turns up that is not among them.
 */
export const catalogQuery: Query = {
  name: 'poolctl_catalog',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ 'role' AS kind, r.oid, r.rolname::text AS name, r.rolsuper AS is_superuser,
  CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END AS connection_limit
FROM pg_roles r
UNION ALL
SELECT 'database', d.oid, d.datname::text, false, d.datconnlimit
FROM pg_database d`,
    },
  ],
};

export type CatalogRow = [
  kind: 'role' | 'database',
  oid: number,
  name: string,
  is_superuser: boolean,
  connection_limit: number,
];
