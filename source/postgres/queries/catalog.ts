import type {Query} from './query.ts';

/**
 * Names of roles and databases, as activity and statements have oids; and their connection limits. A superuser's limit
 * is not enforced (InitializeSessionUserId in miscinit.c), -1 is none, and a database being dropped has -2. Read rarely,
 * and when an unknown oid appears.
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
