import type {PgClient} from '../connect/client.ts';

/** Server settings as pg_settings has them, in base units; null if there is none or this role may not see it. */
type DoctorSettings = {
  track_activities: string | null;
  track_counts: string | null;
  track_io_timing: string | null;
  /** Bytes. */
  track_activity_query_size: string | null;
  compute_query_id: string | null;
  reserved_connections: string | null;
  superuser_reserved_connections: string | null;
  shared_preload_libraries: string | null;
  'pg_stat_statements.track': string | null;
};

export type DoctorFacts = {
  /** Of the session, as a pooler may choose another than the address's. */
  role: string;
  settings: DoctorSettings;
  /** The server computed a query_id for this query; null before PostgreSQL 14. */
  has_query_id: boolean | null;
  /** Whether this role may use the schema of pg_stat_statements; null if that is not installed. */
  statements_schema_usage: boolean | null;
  statements_schema: string | null;
  /** pg_has_role of pg_use_reserved_connections; null before PostgreSQL 16. */
  may_use_reserved: boolean | null;
  /** Of this database, without the system's. */
  tables: number;
  /** Those this role may not read, so that it cannot EXPLAIN their statements. */
  unreadable_tables: number;
  /** The schemas of the unreadable tables. */
  unreadable_schemas: string[];
};

/** What only the doctor needs, in one query. Throws the server's errors. */
export async function readDoctorFacts(client: PgClient): Promise<DoctorFacts> {
  const {rows} = await client.query<DoctorFacts>(text);
  const [facts] = rows;
  if (facts === undefined) throw new Error('the server returned no row');
  return facts;
}

const names: (keyof DoctorSettings)[] = [
  'track_activities',
  'track_counts',
  'track_io_timing',
  'track_activity_query_size',
  'compute_query_id',
  'reserved_connections',
  'superuser_reserved_connections',
  'shared_preload_libraries',
  'pg_stat_statements.track',
];

// query_id came with PostgreSQL 14, so it is read through jsonb; pg_use_reserved_connections with PostgreSQL 16, so it is looked up.
const text = `
SELECT /* poolctl */ current_user::text AS role,
  (SELECT jsonb_object_agg(name, s.setting)
     FROM unnest('{${names.join(',')}}'::text[]) AS wanted(name) LEFT JOIN pg_settings s USING (name)) AS settings,
  (SELECT CASE WHEN row ? 'query_id' THEN row ->> 'query_id' IS NOT NULL END
     FROM (SELECT to_jsonb(a) AS row FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) own) AS has_query_id,
  n.nspname::text AS statements_schema,
  CASE WHEN n.oid IS NOT NULL THEN has_schema_privilege(n.oid, 'USAGE') END AS statements_schema_usage,
  (SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = 'pg_use_reserved_connections') AS may_use_reserved,
  user_table.*
FROM (VALUES (1)) AS one
CROSS JOIN LATERAL (
  SELECT count(*)::int4 AS tables, count(*) FILTER (WHERE NOT is_readable)::int4 AS unreadable_tables,
    coalesce(array_agg(DISTINCT schema) FILTER (WHERE NOT is_readable), '{}') AS unreadable_schemas
  FROM (
    SELECT s.nspname::text AS schema,
      has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND s.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  ) AS each_table
) AS user_table
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace`;
