import type {Query} from './query.ts';

/** Roles that can connect, with the limit as it stands: what a change of it is guarded by. */
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

export type RoleLimitRow = [name: string, is_superuser: boolean, connection_limit: number, oid: string];
