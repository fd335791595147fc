import type {Query} from './query.ts';
import {userSchema} from './user-schema.ts';

const option = (name: string, type: string) =>
  `(SELECT o.option_value FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = '${name}')::${type}`;

/** The table's own setting, or else the server's. */
const setting = (name: string) => `coalesce(${option(name, 'float8')}, current_setting('${name}')::float8)`;

/** As autovacuum reckons it (relation_needs_vacanalyze in autovacuum.c). */
const threshold = (kind: 'vacuum' | 'analyze') =>
  `(${setting(`autovacuum_${kind}_threshold`)} + ${setting(`autovacuum_${kind}_scale_factor`)} * greatest(c.reltuples, 0))::float8`;

/**
 * Tables with a good number of changed or dead rows. Only the owner of a table or of its database may ANALYZE it;
 * for anybody else the server does nothing but warn (vacuum_is_permitted_for_relation in vacuum.c).
 */
const text = (may_maintain: string) => `
SELECT /* poolctl */ c.oid::text, n.nspname::text AS schema, c.relname::text AS name,
  s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows, s.n_mod_since_analyze AS rows_changed_since_analyze,
  ${threshold('analyze')} AS analyze_threshold, ${threshold('vacuum')} AS vacuum_threshold,
  coalesce(${option('autovacuum_enabled', 'bool')}, true) AS is_autovacuum_enabled,
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

export const tableUpkeepQuery: Query = {
  name: 'poolctl_table_upkeep',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('false')},
    {floor: 170_000, text: text("has_table_privilege(c.oid, 'MAINTAIN')")},
  ],
};
