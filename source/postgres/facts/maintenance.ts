import {mostFacts} from '../../core/assessment/facts.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {applicationNameSql} from '../../core/pool/reported-pool.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Maintenance, TableFacts, TableUpkeep, XminHolder} from '../../model/maintenance.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery, userSchema} from '../queries/query.ts';
import {isOnlyName} from './obstacles.ts';

type Asked = Pick<Connection, 'client' | 'server_version_num'>;

/** Tables that need vacuum or analyze, and what holds back the xmin horizon, in one round trip. Throws the server's errors. */
export async function readMaintenance({client, server_version_num}: Asked): Promise<Maintenance> {
  const [tables, holders] = await Promise.all([
    client.query<TableUpkeep>({text: pickVariant(tableUpkeepQuery, server_version_num).text}),
    client.query<XminHolder>({text: pickVariant(xminHoldersQuery, server_version_num).text}),
  ]);
  return {tables: tables.rows, xmin_holders: holders.rows.map(withoutSecrets)};
}

/** The same with what findings about slow statements rest on, which the Server view does not show. */
export async function readMaintenanceFacts(connection: Asked): Promise<Maintenance> {
  const {client, server_version_num} = connection;
  const [maintenance, {rows}] = await Promise.all([
    readMaintenance(connection),
    client.query<TableFacts>({text: pickVariant(tableFactsQuery, server_version_num).text}),
  ]);
  const [table_facts] = rows;
  return {...maintenance, ...(table_facts && {table_facts})};
}

/** The description contains names that a session chose. */
function withoutSecrets(holder: XminHolder): XminHolder {
  return {...holder, description: redactSecrets(holder.description)};
}

const option = (name: string, type: string) =>
  `(SELECT o.option_value FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = '${name}')::${type}`;

/** The table's setting, else the server's. */
const setting = (name: string) => `coalesce(${option(name, 'float8')}, current_setting('${name}')::float8)`;

export const isEnabledSql = `coalesce(${option('autovacuum_enabled', 'bool')}, true)`;

const scaled = (kind: 'vacuum' | 'analyze') =>
  `(${setting(`autovacuum_${kind}_threshold`)} + ${setting(`autovacuum_${kind}_scale_factor`)} * greatest(c.reltuples, 0))::float8`;

/** From PostgreSQL 18 on; -1 is none. least() leaves out NULL. */
const most = `nullif(coalesce(${option('autovacuum_vacuum_max_threshold', 'float8')},
    current_setting('autovacuum_vacuum_max_threshold', true)::float8), -1)`;

/** As autovacuum computes it (relation_needs_vacanalyze in autovacuum.c). */
export const thresholdSql = (kind: 'vacuum' | 'analyze') =>
  kind === 'analyze' ? scaled(kind) : `least(${scaled(kind)}, ${most})`;

/**
 * Tables with 1,000 or more changed or dead rows. Only the owner of a table or of its database may ANALYZE it; for other
 * roles the server only warns (vacuum_is_permitted_for_relation in vacuum.c).
 */
const text = (may_maintain: string) => `
SELECT /* poolctl */ c.oid::text, n.nspname::text AS schema, c.relname::text AS name,
  s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows, s.n_mod_since_analyze AS rows_changed_since_analyze,
  ${thresholdSql('analyze')} AS analyze_threshold, ${thresholdSql('vacuum')} AS vacuum_threshold,
  ${isEnabledSql} AS is_autovacuum_enabled,
  (extract(epoch FROM now() - greatest(s.last_analyze, s.last_autoanalyze)) * 1000)::float8 AS analyze_age_ms,
  (extract(epoch FROM now() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8 AS vacuum_age_ms,
  s.analyze_count,
  pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') OR ${may_maintain} AS may_analyze
FROM pg_stat_all_tables s
JOIN pg_class c ON c.oid = s.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_database d ON d.datname = current_database()
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND ${userSchema('n.nspname')}
  AND greatest(s.n_mod_since_analyze, s.n_dead_tup) >= 1000
ORDER BY n.nspname, c.relname`;

export const tableUpkeepQuery = serverQuery('poolctl_table_upkeep', {
  13: text('false'),
  17: text("has_table_privilege(c.oid, 'MAINTAIN')"),
});

/**
 * What keeps dead rows of this database from being removed (GetOldestNonRemovableTransactionId in procarray.c):
 * snapshots and transactions of this database, and slots and standbys with hot_standby_feedback of any database. A
 * slot's catalog_xmin holds back system catalogs only. pg_stat_replication would read every session again for its few rows.
 */
export const xminHoldersQuery = serverQuery(
  'poolctl_xmin_holders',
  `
SELECT /* poolctl */ h.kind, h.name, h.description, h.xmin_age,
  (extract(epoch FROM h.age) * 1000)::float8 AS age_ms
FROM (
  SELECT 'backend' AS kind, a.pid::text AS name,
    concat(coalesce(nullif(${applicationNameSql('a.application_name')}, ''), '(no name)'), '/', a.usename) AS description,
    greatest(age(a.backend_xmin), age(a.backend_xid)) AS xmin_age, now() - a.xact_start AS age
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender')
  UNION ALL
  SELECT 'prepared transaction', p.gid, concat('of ', p.owner), age(p.transaction), now() - p.prepared
  FROM pg_prepared_xacts p
  WHERE p.database = current_database()
  UNION ALL
  SELECT 'replication slot', r.slot_name::text, concat(r.slot_type, CASE WHEN r.active THEN ', in use' ELSE ', not in use' END),
    age(r.xmin), NULL
  FROM pg_replication_slots r
  UNION ALL
  SELECT 'standby', coalesce(nullif(r.application_name, ''), r.pid::text), coalesce(r.client_addr::text, 'local'), age(r.backend_xmin), NULL
  FROM pg_stat_get_wal_senders() w CROSS JOIN LATERAL pg_stat_get_activity(w.pid) r
) h
WHERE h.xmin_age IS NOT NULL
ORDER BY h.xmin_age DESC, h.kind, h.name
LIMIT 5`,
);

/**
 * - pg_stats shows a role the statistics of what it may read, and none of a table of which row security hides rows; a column of a table that was never analyzed has none.
 * - tgtype (pg_trigger.h): 1 for each row, 4 INSERT, 8 DELETE, 16 UPDATE. Those of foreign keys are internal.
 * - A policy does not apply to a superuser, a role with BYPASSRLS and, without FORCE, one with the owner's privileges (check_enable_rls in rls.c); its roles are 0 for PUBLIC.
 * - A policy depends on each column that its condition reads (CreatePolicy in policy.c).
 */
export const tableFactsQuery = serverQuery(
  'poolctl_table_facts',
  `
WITH /* poolctl */ s AS MATERIALIZED (
  SELECT DISTINCT usesysid AS oid FROM pg_stat_activity WHERE datname = current_database()),
r AS MATERIALIZED (
  SELECT oid, rolname
  FROM pg_roles
  WHERE NOT rolsuper AND NOT rolbypassrls AND rolname !~ '^pg_'
    AND oid IN (SELECT oid FROM s UNION ALL SELECT m.roleid FROM pg_auth_members m JOIN s ON s.oid = m.member)
  ORDER BY oid LIMIT ${mostFacts})
SELECT
  coalesce((SELECT json_agg(t) FROM (
    SELECT n.nspname AS schema, c.relname AS name, c.reltuples::int8 AS rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.reltuples >= ${thresholds.unindexed_table_rows.warning}
      AND ${userSchema('n.nspname')} AND has_table_privilege(c.oid, 'SELECT')
      AND NOT (c.relrowsecurity AND row_security_active(c.oid))
      AND NOT EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
    ORDER BY c.reltuples DESC LIMIT ${mostFacts}) t), '[]') AS without_statistics,
  coalesce((SELECT json_agg(t) FROM (
    SELECT n.nspname AS schema, c.relname AS "table", g.tgname AS name, p.proname AS function,
      array_remove(ARRAY[CASE WHEN g.tgtype & 4 > 0 THEN 'INSERT' END, CASE WHEN g.tgtype & 16 > 0 THEN 'UPDATE' END,
        CASE WHEN g.tgtype & 8 > 0 THEN 'DELETE' END], NULL) AS events
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_proc p ON p.oid = g.tgfoid
    WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND g.tgtype & 1 > 0
    ORDER BY g.oid DESC LIMIT ${mostFacts}) t), '[]') AS row_triggers,
  coalesce((SELECT json_agg(t) FROM (
    SELECT n.nspname AS schema, c.relname AS "table", p.polname AS name,
      ${isOnlyName} AS is_only_name, coalesce(k.columns, '{}') AS columns,
      EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = ANY (k.numbers)) AS is_indexed,
      ARRAY(
        SELECT r.rolname FROM r
        WHERE (0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) o WHERE o <> 0 AND pg_has_role(r.oid, o, 'USAGE')))
          AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE'))
        ORDER BY 1) AS roles
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
      SELECT array_agg(a.attname ORDER BY a.attnum) AS columns, array_agg(a.attnum) AS numbers
      FROM pg_depend d JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid = c.oid AND d.refobjsubid > 0) k
    WHERE c.relrowsecurity AND p.polcmd IN ('*', 'r')
    ORDER BY p.oid DESC LIMIT ${mostFacts}) t), '[]') AS row_policies`,
);
