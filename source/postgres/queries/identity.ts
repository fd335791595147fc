import type {Query} from './query.ts';

/**
 * What this server is and what this role may do on it, in one row. pg_has_role(..., 'USAGE') is what the server
 * itself asks (has_privs_of_role). pg_stat_statements.max exists only where the library was preloaded, and
 * shared_preload_libraries itself is hidden from ordinary roles.
 */
export const identityQuery: Query = {
  name: 'poolctl_identity',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ current_setting('server_version_num')::int4 AS server_version_num, pg_is_in_recovery() AS is_in_recovery,
  current_user::text AS role_name,
  r.rolsuper AS is_superuser,
  pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE') AS read_all_stats,
  pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS signal_backend,
  coalesce((SELECT pg_has_role(r.oid, p.oid, 'USAGE') FROM pg_roles p
    WHERE p.rolname IN ('pg_use_reserved_connections', 'rds_reserved')
    ORDER BY 1 DESC LIMIT 1), false) AS use_reserved,
  e.extversion AS statements_version, n.nspname::text AS statements_schema,
  current_setting('pg_stat_statements.max', true)::int8 AS statements_max,
  (SELECT array_agg(m.rolname::text ORDER BY m.rolname) FROM pg_roles m WHERE m.rolname IN ('rds_superuser',
    'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin', 'neon_superuser')) AS service_roles,
  to_regproc('pg_catalog.aurora_version') IS NOT NULL AS has_aurora_version,
  to_regnamespace('heroku_ext') IS NOT NULL AS has_heroku_schema
FROM pg_roles r
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE r.rolname = current_user`,
    },
  ],
};

export type IdentityRow = {
  server_version_num: number;
  is_in_recovery: boolean;
  role_name: string;
  is_superuser: boolean;
  read_all_stats: boolean;
  signal_backend: boolean;
  use_reserved: boolean;
  statements_version: string | null;
  statements_schema: string | null;
  statements_max: number | null;
  service_roles: string[] | null;
  has_aurora_version: boolean;
  has_heroku_schema: boolean;
};
