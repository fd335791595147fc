import {isOwnOf, iso, load, type Section, sessions} from './sections.ts';

/** What only views show, each of these in one of them. */
export function viewSections(reader: string, hidesBuilds: boolean): Record<string, Section> {
  const sql = {
    // What recipes find without a session: an index that a build left invalid, and a table whose rows changed since it was analyzed.
    candidates: `SELECT 'repair-invalid-indexes' AS recipe, format('index %s on public.%s (expression) is invalid: '
          'writes maintain it, but no query uses it', i.indexrelid::regclass, i.indrelid::regclass) AS summary
        FROM pg_index i WHERE NOT i.indisvalid AND NOT ${hidesBuilds}
          AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
      UNION ALL SELECT 'analyze-stale-tables', format('%s table has stale statistics, so the planner guesses: %s', count(*),
          string_agg('public.' || relname, ', '))
        FROM pg_stat_user_tables WHERE n_mod_since_analyze >= 1000
          AND n_mod_since_analyze > 2 * (current_setting('autovacuum_analyze_threshold')::float8
            + current_setting('autovacuum_analyze_scale_factor')::float8
              * greatest(0, (SELECT reltuples FROM pg_class WHERE oid = relid)))
        HAVING count(*) > 0`,
    // In the dimensions of Waits, but for the object: that of `lock_waits`.
    busy: `SELECT pid, usename, class, event, coalesce(to_jsonb(a) ->> 'query_id', query) AS query_id,
        regexp_replace(query, '\\s+', ' ', 'g') AS statement,
        coalesce(substring(query FROM 'prismaQuery=''([^'':]*)'), '(no tag)') AS operation,
        coalesce(replace(substring(query FROM 'route=''([^'']*)'), '%2F', '/'), '(no tag)') AS route,
        coalesce(nullif(application_name, ''), '(no name)') AS application, usename AS role, datname AS database,
        coalesce(host(client_addr), 'local') AS client
      FROM ${load} WHERE class IS NOT NULL`,
    progress: `SELECT lockers_done / nullif(lockers_total, 0)::float8 AS done_ratio, pg_blocking_pids(pid) AS blocked_by
      FROM pg_stat_progress_create_index`,
    settings: `SELECT r.rolname::text AS role, split_part(c.setting, '=', 1) AS name, split_part(c.setting, '=', 2) AS value
      FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c (setting) JOIN pg_roles r ON r.oid = s.setrole`,
    applications: `SELECT application_name, usename::text, min(host(client_addr)) AS client, count(*)::float8 AS sessions,
        ${iso('min(backend_start)')} AS first_start
      FROM ${sessions} WHERE NOT is_own GROUP BY 1, 2`,
    statements: `SELECT concat_ws('/', userid, dbid, queryid, to_jsonb(p) ->> 'toplevel') AS id, rolname::text AS usename, query,
        calls::float8, total_exec_time AS total_exec_time_ms, ${iso("(to_jsonb(p) ->> 'stats_since')::timestamptz")} AS stats_since
      FROM pg_stat_statements p JOIN pg_roles r ON r.oid = p.userid WHERE NOT ${isOwnOf(reader)}`,
  };
  return Object.fromEntries(
    Object.entries(sql).map(([name, text]) => [`view.${name}`, {sql: text, key: [], hidden: []}]),
  );
}
