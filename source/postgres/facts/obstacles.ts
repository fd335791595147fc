import type {Obstacles} from '../../model/server-facts.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery, userSchema} from '../queries/query.ts';

/** What the catalog of the connected database has that makes statements fail, in one round trip. Throws the server's errors. */
export async function readObstacles({client, server_version_num}: Connection): Promise<Obstacles> {
  const {text} = pickVariant(obstaclesQuery, server_version_num);
  const [row] = (await client.query<Obstacles>({text})).rows;
  if (row === undefined) throw new Error('the server returned no row');
  return row;
}

/** Of each kind; recorded with the snapshots. */
const most = 30;

/** pg_attribute has no index that finds dropped columns: a larger one (about 200,000 columns) is not read. */
const mostBytes = 32 * 1024 * 1024;

/** Of a table c: search_path cannot make its name mean another relation, a temporary one either. */
export const isOnlyName = `NOT EXISTS (
    SELECT FROM pg_class o WHERE o.relname = c.relname AND o.oid <> c.oid AND o.relkind IN ('r', 'p', 'v', 'm', 'f'))`;

/**
 * - `t`: what a migration or a restore has just made has the highest oids. Privileges are looked up one by one.
 * - `r`: those with most sessions; poolctl's own role counts where others use it, too. A superuser lacks nothing; one that
 *   may SET ROLE to another whose rights it does not inherit lacks nothing for certain.
 * - The default of a serial column depends on its sequence; that of an identity column needs no privilege on it.
 * - xmin of a catalog row is when ALTER TABLE changed it last. age() is for ids of the last 2^31 transactions.
 * - tgtype (pg_trigger.h): 2 BEFORE, 4 INSERT. A domain may have a default of its own.
 */
export const obstaclesQuery = serverQuery(
  'poolctl_obstacles',
  `
WITH /* poolctl */ r AS MATERIALIZED (
  SELECT p.oid, p.rolname
  FROM (
    SELECT a.usesysid, count(*) AS sessions FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() GROUP BY 1) a
  JOIN pg_roles p ON p.oid = a.usesysid
  WHERE NOT p.rolsuper AND NOT EXISTS (
    SELECT FROM (SELECT DISTINCT m.roleid FROM pg_auth_members m) m
    WHERE pg_has_role(p.oid, m.roleid, 'MEMBER') AND NOT pg_has_role(p.oid, m.roleid, 'USAGE'))
  ORDER BY a.sessions DESC LIMIT 8),
t AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relnamespace, c.relhasrules, n.nspname, ${isOnlyName} AS is_only_name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND ${userSchema('n.nspname')}
  ORDER BY c.oid DESC LIMIT 200),
s AS MATERIALIZED (
  SELECT
    t.oid AS table_oid, t.relname AS "table", t.nspname AS table_schema, t.is_only_name, a.attname AS "column",
    c.oid, c.relname, n.nspname
  FROM t
  JOIN pg_attrdef e ON e.adrelid = t.oid
  JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'
  JOIN pg_namespace n ON n.oid = c.relnamespace),
p AS (
  SELECT r.rolname AS role, 'sequence' AS kind, s.nspname AS schema, s.relname AS name, s."table", s.table_schema, s."column", s.is_only_name, s.oid
  FROM r CROSS JOIN s
  WHERE has_any_column_privilege(r.oid, s.table_oid, 'INSERT') AND NOT has_sequence_privilege(r.oid, s.oid, 'USAGE, UPDATE')
  UNION ALL
  SELECT r.rolname, 'table', t.nspname, t.relname, NULL, NULL, NULL, t.is_only_name, t.oid
  FROM r CROSS JOIN t
  WHERE has_schema_privilege(r.oid, t.relnamespace, 'USAGE') AND NOT has_any_column_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE')
    AND NOT has_table_privilege(r.oid, t.oid, 'DELETE')
  UNION ALL
  SELECT r.rolname, 'schema', n.nspname, n.nspname, NULL, NULL, NULL, false, 0
  FROM r CROSS JOIN (SELECT DISTINCT t.relnamespace, t.nspname FROM t) n
  WHERE NOT has_schema_privilege(r.oid, n.relnamespace, 'USAGE')),
q AS (SELECT p.*, row_number() OVER (PARTITION BY p.kind ORDER BY p.oid DESC, p.role, p.name) AS place FROM p)
SELECT
  coalesce((SELECT json_agg(x) FROM (
    SELECT q.role, q.kind, q.schema, q.name, q."table", q.table_schema, q."column", q.is_only_name
    FROM q WHERE q.place <= ${most} ORDER BY q.oid DESC, q.role, q.name) x), '[]') AS privileges,
  coalesce((SELECT json_agg(x) FROM (
    SELECT n.nspname AS schema, c.relname AS "table", ${isOnlyName} AS is_only_name, d.xmin_age
    FROM (
      SELECT a.attrelid, min(age(a.xmin)) AS xmin_age FROM pg_attribute a
      WHERE a.attisdropped AND age(a.xmin) >= 0 AND (SELECT pg_relation_size('pg_attribute')) <= ${mostBytes}
      GROUP BY 1) d
    JOIN pg_class c ON c.oid = d.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND ${userSchema('n.nspname')}
    ORDER BY d.xmin_age LIMIT ${most}) x), '[]') AS dropped_columns,
  coalesce((SELECT json_agg(x) FROM (
    SELECT t.nspname AS schema, t.relname AS "table", a.attname AS name, t.is_only_name
    FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT t.relhasrules AND a.attnotnull AND NOT a.attisdropped AND NOT a.atthasdef AND a.attidentity = '' AND y.typdefault IS NULL
      AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgtype & 6 = 6)
    ORDER BY age(a.xmin), a.attrelid DESC, a.attnum LIMIT ${most}) x), '[]') AS required_columns`,
);
