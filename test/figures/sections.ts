export type Row = Record<string, unknown>;

/** `2026-11-28T06:40:00.123456Z`. */
export const iso = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const age = (time: string) => `floor(extract(epoch FROM clock_timestamp() - ${time}) * 1000)::float8`;

/** In the state that poolctl sees: it reads while the session that asks here is idle. */
export const sessions = `(SELECT a.*, CASE WHEN a.pid = pg_backend_pid() THEN 'idle' ELSE a.state END AS state_then,
    a.application_name LIKE 'poolctl%' AS is_own
  FROM pg_stat_activity a WHERE a.backend_type = 'client backend') a`;
const inState = (state: string) => `count(*) FILTER (WHERE state_then = '${state}')::float8`;

/** Sessions with what the load counts them as; class is null for those that are not busy. */
export const load = `(SELECT a.*, CASE WHEN is_blocker THEN 'idle in transaction' WHEN wait_event_type IS NULL THEN 'CPU'
      ELSE wait_event_type || ':' || wait_event END AS event,
    CASE WHEN is_blocker THEN 'blocker' WHEN state_then <> 'active' THEN NULL WHEN wait_event_type IS NULL THEN 'CPU'
      WHEN wait_event_type IN ('IO', 'Lock', 'LWLock', 'IPC', 'Client') THEN wait_event_type ELSE 'other' END AS class
  FROM (SELECT a.*, state_then LIKE 'idle in transaction%' AND EXISTS (
      SELECT FROM pg_stat_activity w WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_blocking_pids(w.pid))
    ) AS is_blocker FROM ${sessions} WHERE NOT is_own) a) a`;
const loadShare = `count(*)::float8 AS average_active_sessions, count(*) / sum(count(*)) OVER ()::float8 AS share`;

/**
 * A part of `snapshot --json` and the SQL that has the same figures, asked as superuser: each column is the value of the JSON key
 * of its name. A key that is neither a column nor in `own` fails the test, and so does a column without a key.
 */
export type Section = {
  sql: string;
  /** Columns that identify a row; [] for a single row. */
  key: string[];
  /** null for a role that may not see the row's role: what `pg_monitor` is for. */
  hidden: string[];
  /** A role that may not see it gets no row. */
  isLeftOut?: true;
  /** There are rows beside those of the SQL. */
  isPart?: true;
  /** Columns that are no figures: `usename` says whose the row is. */
  helpers?: string[];
  /** Of the address or of poolctl itself, and what is a list with a section of its own. */
  own?: string[];
  /** Per-second rates by the column whose growth they are; of several, their sum. */
  rates?: Record<string, string[]>;
  /** What is over the interval, by the rows that SQL has at both ends of it. */
  over?: Record<string, (from: Row, to: Row) => number>;
  /** May differ by this much: ratios of counters that move. */
  tolerance?: Record<string, number>;
};

const limits = `(SELECT 'role' AS kind, rolname::text AS name, rolconnlimit AS connection_limit,
    (SELECT count(*) FROM ${sessions} WHERE a.usesysid = r.oid) AS used
  FROM pg_roles r WHERE rolconnlimit >= 0 AND NOT rolsuper
  UNION ALL SELECT 'database', datname, datconnlimit, (SELECT count(*) FROM ${sessions} WHERE a.datid = d.oid)
  FROM pg_database d WHERE datconnlimit >= 0) l`;

const slots = `(SELECT current_setting('max_connections')::float8 AS max_connections,
    current_setting('superuser_reserved_connections')::float8 AS superuser_reserved_connections,
    coalesce(current_setting('reserved_connections', true)::float8, 0) AS reserved_connections,
    (SELECT count(*)::float8 FROM ${sessions}) AS used) s`;
const usable = '(max_connections - superuser_reserved_connections - reserved_connections)';

const grown = (column: string) => (from: Row, to: Row) => Number(to[column]) - Number(from[column]);
const calls = grown('calls');
const exec_ms = grown('total_exec_time_ms');
const meanOf = (from: Row, to: Row) => exec_ms(from, to) / calls(from, to);
/** The sum of all calls' squared times. */
const squares = (row: Row) =>
  Number(row.calls) * (Number(row.stddev_exec_time_ms) ** 2 + Number(row.mean_exec_time_ms) ** 2);
const deviationOf = (from: Row, to: Row) =>
  Math.sqrt(Math.max(0, (squares(to) - squares(from)) / calls(from, to) - meanOf(from, to) ** 2));
/** 0 without a call. */
const ifCalled = (figure: (from: Row, to: Row) => number) => (from: Row, to: Row) =>
  calls(from, to) === 0 ? 0 : figure(from, to);

const clock_ms = '(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS clock_ms';

/** Of `pg_stat_statements p` with its role. */
export const isOwnOf = (reader: string) =>
  `(rolname = '${reader}' AND p.query ~ '^(SELECT|WITH|WITH RECURSIVE|EXPLAIN) /\\* poolctl \\*/')`;

/** `hiddenRoles`: an SQL condition on `usename` for roles that the role `reader` may not see. */
export const sectionsOf = (major: number, hiddenRoles: string, reader: string): Record<string, Section> => {
  const isOwn = isOwnOf(reader);
  return {
    '': {
      sql: `SELECT 1 AS schema_version, ${iso('clock_timestamp()')} AS at`,
      key: [],
      hidden: [],
      own: [
        ...['target', 'budget', 'backends', 'background_workers', 'statements', 'statements_info'],
        ...[
          'index_builds',
          'lock_waits',
          'databases',
          'unavailable',
          'cost',
          'applications',
          'waits',
          'load',
          'poolers',
          'server',
        ],
      ],
    },
    target: {
      sql: `SELECT current_database() AS database, current_setting('server_version_num')::int AS server_version_num,
      (SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements') AS statements_version,
      pg_is_in_recovery() AS is_in_recovery`,
      key: [],
      hidden: [],
      own: [
        'id',
        'host',
        'port',
        'user',
        'server',
        'privileges',
        'is_production',
        'managed_service',
        'prisma',
      ],
    },
    'target.server': {
      sql: `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
      (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database_oid,
      pg_is_in_recovery() AS is_in_recovery, ${iso('pg_postmaster_start_time()')} AS started_at`,
      key: [],
      hidden: [],
    },
    budget: {
      sql: `SELECT max_connections, superuser_reserved_connections, reserved_connections, ${usable} AS usable, used,
      greatest(0, ${usable} - used) AS headroom, used / ${usable} AS used_ratio FROM ${slots}`,
      key: [],
      hidden: [],
      own: ['by_state', 'groups', 'role_and_database_limits'],
    },
    'budget.by_state': {
      sql: `SELECT ${['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)']
        .map(state => `${inState(state)} AS "${state}"`)
        .join(', ')}, count(*) FILTER (WHERE ${hiddenRoles})::float8 AS hidden, 'app' AS usename
      FROM ${sessions} WHERE NOT is_own`,
      key: [],
      hidden: ['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)'],
      helpers: ['usename'],
    },
    'budget.groups': {
      sql: `SELECT application_name, usename::text, host(client_addr) AS client_addr, count(*)::float8 AS count,
      ${inState('active')} AS active, ${inState('idle')} AS idle,
      count(*) FILTER (WHERE state_then LIKE 'idle in transaction%')::float8 AS idle_in_transaction,
      count(*) FILTER (WHERE ${hiddenRoles})::float8 AS unknown
      FROM ${sessions} WHERE NOT is_own GROUP BY 1, 2, 3`,
      key: ['application_name', 'usename'],
      hidden: ['client_addr', 'active', 'idle', 'idle_in_transaction'],
    },
    'budget.role_and_database_limits': {
      sql: `SELECT kind, name, connection_limit::float8, used::float8 FROM ${limits}`,
      key: ['kind', 'name'],
      hidden: [],
    },
    backends: {
      sql: `SELECT pid, ${iso('backend_start')} AS backend_start, datid::text, usesysid::text, datname::text, a.usename::text,
      r.rolsuper AS is_superuser, application_name, host(client_addr) AS client_addr, nullif(client_port, -1) AS client_port,
      backend_type, state, wait_event_type, wait_event, ${age('xact_start')} AS xact_age_ms,
      ${age('query_start')} AS query_age_ms, ${age('state_change')} AS state_age_ms, ${age('backend_start')} AS backend_age_ms,
      ${iso('state_change')} AS state_change, ${iso('xact_start')} AS xact_start, ${iso('query_start')} AS query_start,
      backend_xid::text, greatest(age(backend_xid), age(backend_xmin))::float8 AS xmin_age,
      pg_blocking_pids(pid) AS blocked_by, to_jsonb(a) ->> 'query_id' AS query_id, query,
      json_strip_nulls(json_build_object('prismaQuery', substring(query FROM 'prismaQuery=''([^'']*)'),
        'route', replace(substring(query FROM 'route=''([^'']*)'), '%2F', '/'))) AS tags
      FROM ${sessions} JOIN pg_roles r ON r.oid = a.usesysid WHERE NOT is_own AND pid <> pg_backend_pid()`,
      key: ['pid'],
      hidden: [
        ...[
          'backend_start',
          'client_addr',
          'client_port',
          'backend_type',
          'state',
          'wait_event_type',
          'wait_event',
        ],
        ...['xact_age_ms', 'query_age_ms', 'state_age_ms', 'backend_age_ms', 'state_change', 'xact_start'],
        ...['query_start', 'query_id', 'query', 'tags'],
      ],
    },
    // Over one reading; over many, in core/assessment and commands/snapshot.
    applications: {
      sql: `SELECT application_name, a.usename::text, a.datname::text, count(*)::float8 AS sessions, count(*)::float8 AS ceiling,
      1::float8 AS readings, 0::float8 AS window_ms, bool_and(state_then <> 'idle')::int::float8 AS all_busy_ratio,
      count(*) FILTER (WHERE state_then <> 'idle')::float8 AS average_busy,
      count(*) FILTER (WHERE state_then <> 'idle')::float8 AS most_busy,
      count(*) FILTER (WHERE state_then LIKE 'idle in transaction%') / count(*)::float8 AS idle_in_transaction_ratio,
      NULL::float8 AS transactions_per_second, ${iso('min(backend_start)')} AS oldest_start, ${iso('max(backend_start)')} AS newest_start,
      count(DISTINCT coalesce(host(client_addr), ''))::float8 AS instances,
      count(DISTINCT coalesce(host(client_addr), ''))::float8 AS most_instances, 1 AS revisions, NULL AS reported,
      (SELECT json_agg(json_build_object('client_addr', client_addr, 'sessions', n, 'busy', busy, 'instances', 1, 'may_be_instances', NULL,
        'oldest_start', oldest))
        FROM (SELECT host(client_addr) AS client_addr, count(*) AS n, count(*) FILTER (WHERE state_then <> 'idle') AS busy,
          ${iso('min(backend_start)')} AS oldest FROM ${sessions.replace(/a$/, 'b')}
          WHERE (b.application_name, b.usename, b.datname) = (a.application_name, a.usename, a.datname) GROUP BY 1) c) AS clients
      FROM ${sessions} WHERE NOT is_own GROUP BY a.application_name, a.usename, a.datname`,
      key: ['application_name', 'usename'],
      hidden: [
        ...['all_busy_ratio', 'average_busy', 'most_busy', 'idle_in_transaction_ratio', 'oldest_start'],
        ...['newest_start', 'instances', 'most_instances', 'revisions', 'clients'],
      ],
      own: ['verdict', 'may_be', 'reason', 'may_be_instances'],
    },
    waits: {
      sql: `SELECT wait_event_type AS class, wait_event AS event, count(*)::float8 AS average_active_sessions,
      count(*) / sum(count(*)) OVER ()::float8 AS share, 'app' AS usename
      FROM ${sessions} WHERE NOT is_own AND state_then = 'active' GROUP BY 1, 2`,
      key: ['class', 'event'],
      hidden: [],
      isLeftOut: true,
      helpers: ['usename'],
    },
    load: {
      sql: `SELECT count(*) FILTER (WHERE class IS NOT NULL AND NOT (${hiddenRoles}))::float8 AS average_active_sessions,
      count(*) FILTER (WHERE ${hiddenRoles})::float8 AS hidden_sessions, 1::float8 AS readings FROM ${load}`,
      key: [],
      hidden: [],
      // The cores are of the machine, and the server does not show them.
      own: ['from', 'to', 'classes', 'top', 'cores', 'sources'],
    },
    'load.classes': {
      sql: `SELECT class, ${loadShare}, 'app' AS usename FROM ${load} WHERE class IS NOT NULL GROUP BY class`,
      key: ['class'],
      hidden: [],
      isLeftOut: true,
      helpers: ['usename'],
    },
    ...Object.fromEntries(
      Object.entries({event: 'event', application: 'application_name', role: 'usename'}).map(
        ([dimension, column]) => [
          `load.top.${dimension}`,
          {
            sql: `SELECT ${column} AS value, ${loadShare}, 'app' AS usename FROM ${load} WHERE class IS NOT NULL GROUP BY 1`,
            key: ['value'],
            hidden: [],
            isLeftOut: true,
            helpers: ['usename'],
            own: ['classes'],
          } satisfies Section,
        ],
      ),
    ),
    statements: {
      sql: `SELECT queryid::text, dbid::text, userid::text, coalesce((to_jsonb(p) ->> 'toplevel')::bool, true) AS toplevel,
      datname::text, rolname::text AS usename,
      CASE WHEN query LIKE 'DO $$%' THEN 'DO ?' ELSE query END AS query, calls::float8, total_exec_time AS total_exec_time_ms,
      mean_exec_time AS mean_exec_time_ms, stddev_exec_time AS stddev_exec_time_ms, min_exec_time AS min_exec_time_ms,
      max_exec_time AS max_exec_time_ms, total_plan_time AS total_plan_time_ms, p.rows::float8,
      shared_blks_hit::float8, shared_blks_read::float8, shared_blks_dirtied::float8, temp_blks_read::float8,
      temp_blks_written::float8, wal_bytes::float8,
      coalesce(to_jsonb(p) -> 'shared_blk_read_time', to_jsonb(p) -> 'blk_read_time')::float8 AS blk_read_time_ms,
      coalesce(to_jsonb(p) -> 'shared_blk_write_time', to_jsonb(p) -> 'blk_write_time')::float8 AS blk_write_time_ms,
      ${iso("(to_jsonb(p) ->> 'stats_since')::timestamptz")} AS stats_since, ${clock_ms},
      (SELECT sum(total_exec_time) FROM pg_stat_statements p JOIN pg_roles r ON r.oid = p.userid WHERE NOT ${isOwn}) AS all_ms
      FROM pg_stat_statements p JOIN pg_database d ON d.oid = dbid JOIN pg_roles r ON r.oid = userid
      WHERE rolname = 'app'`,
      key: ['queryid', 'dbid', 'userid', 'toplevel'],
      hidden: [],
      isLeftOut: true,
      isPart: true,
      helpers: ['clock_ms', 'all_ms'],
      over: {
        interval_ms: grown('clock_ms'),
        exec_share_ratio: (from, to) => exec_ms(from, to) / grown('all_ms')(from, to),
        interval_mean_exec_time_ms: ifCalled(meanOf),
        interval_stddev_exec_time_ms: ifCalled(deviationOf),
      },
      // The server shows sums of floats with fewer digits than it has.
      tolerance: {
        exec_share_ratio: 1e-6,
        interval_mean_exec_time_ms: 1e-6,
        interval_stddev_exec_time_ms: 1e-3,
      },
      rates: {
        calls_per_second: ['calls'],
        exec_ms_per_second: ['total_exec_time_ms'],
        rows_per_second: ['rows'],
        shared_blks_hit_per_second: ['shared_blks_hit'],
        shared_blks_read_per_second: ['shared_blks_read'],
        temp_blks_per_second: ['temp_blks_read', 'temp_blks_written'],
        wal_bytes_per_second: ['wal_bytes'],
      },
    },
    statements_info: {
      sql: `SELECT ${iso('clock_timestamp()')} AS at, coalesce(i.dealloc, 0)::float8 AS dealloc, ${iso('i.stats_reset')} AS stats_reset,
      (SELECT count(*) FROM pg_stat_statements)::float8 AS entries,
      (SELECT nullif(count(*), 0) FROM (SELECT r.rolname AS usename FROM pg_stat_statements p
        JOIN pg_roles r ON r.oid = p.userid) s WHERE ${hiddenRoles})::float8 AS hidden_entries,
      (SELECT coalesce(sum(s.total_exec_time), 0) FROM (SELECT r.rolname AS usename, p.total_exec_time FROM pg_stat_statements p
        JOIN pg_roles r ON r.oid = p.userid) s WHERE ${hiddenRoles})::float8 AS hidden_exec_time_ms,
      (SELECT count(*) FROM pg_stat_statements p JOIN pg_roles r ON r.oid = p.userid
        WHERE ${isOwn})::float8 AS own_entries,
      current_setting('pg_stat_statements.max')::float8 AS max_entries, false AS is_evicting,
      ${major < 14 ? 'NULL' : '0'} AS evictions_per_minute
      FROM ${major < 14 ? '(SELECT NULL::int8 AS dealloc, NULL::timestamptz AS stats_reset)' : 'pg_stat_statements_info'} i`,
      key: [],
      hidden: [],
    },
    index_builds: {
      sql: `SELECT pid, phase, 'public.' || relid::regclass AS relation, 'app' AS usename FROM pg_stat_progress_create_index`,
      key: ['pid'],
      hidden: [],
      isLeftOut: true,
      helpers: ['usename'],
    },
    lock_waits: {
      sql: `SELECT l.pid, pg_blocking_pids(l.pid) AS blocked_by, l.locktype, l.mode, l.transactionid::text,
      'public.' || t.relation::regclass AS relation,
      CASE l.locktype WHEN 'advisory' THEN 'advisory lock ' || l.objid WHEN 'virtualxid'
        THEN 'virtual transaction ' || l.virtualxid || ' of ' || (pg_blocking_pids(l.pid))[1]
        ELSE 'row of public.' || t.relation::regclass END AS object,
      (SELECT json_agg(json_build_object('pid', h.pid, 'mode', h.mode)) FROM pg_locks h
        WHERE h.granted AND h.pid = ANY (pg_blocking_pids(l.pid)) AND (h.locktype, h.virtualxid, h.transactionid, h.objid)
          IS NOT DISTINCT FROM (l.locktype, l.virtualxid, l.transactionid, l.objid)) AS holders,
      ${age("coalesce((to_jsonb(l) ->> 'waitstart')::timestamptz, a.query_start)")} AS wait_age_ms, a.usename::text
      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      LEFT JOIN pg_locks t ON t.pid = l.pid AND t.locktype = 'tuple' AND t.granted
      WHERE NOT l.granted`,
      key: ['pid'],
      // Before 14 it is the age of the query.
      hidden: major < 14 ? ['wait_age_ms'] : [],
      helpers: ['usename'],
    },
    databases: {
      sql: `SELECT datname::text, numbackends::float8, xact_commit::float8, xact_rollback::float8, blks_hit::float8,
      blks_read::float8, blks_hit / nullif(blks_hit + blks_read, 0)::float8 AS cache_hit_ratio,
      CASE WHEN datname = current_database() THEN (SELECT sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0)::float8
        FROM pg_statio_user_indexes) END AS index_hit_ratio,
      deadlocks::float8, temp_bytes::float8, (to_jsonb(d) ->> 'sessions_fatal')::float8 AS sessions_fatal,
      ${iso('stats_reset')} AS stats_reset, datname = current_database() AS is_connected,
      (SELECT sum(idx_blks_hit)::float8 FROM pg_statio_user_indexes) AS index_hit,
      (SELECT sum(idx_blks_read)::float8 FROM pg_statio_user_indexes) AS index_read, ${clock_ms}
      FROM pg_stat_database d WHERE datname <> 'template0'`,
      key: ['datname'],
      hidden: [],
      // recent_hits is compared in figures.test.ts, as it is over two readings.
      own: ['recent_hits'],
      over: {interval_ms: grown('clock_ms')},
      helpers: ['is_connected', 'index_hit', 'index_read', 'clock_ms'],
      // Beside runs other sessions begin and end; before 15 the collector has their commits up to a second later.
      tolerance: {
        cache_hit_ratio: 0.01,
        index_hit_ratio: 0.01,
        commits_per_second: major < 15 ? 30 : 8,
      },
      rates: {
        commits_per_second: ['xact_commit'],
        rollbacks_per_second: ['xact_rollback'],
        deadlocks_per_second: ['deadlocks'],
        temp_bytes_per_second: ['temp_bytes'],
        blks_hit_per_second: ['blks_hit'],
        blks_read_per_second: ['blks_read'],
        fatal_sessions_per_second: ['sessions_fatal'],
      },
    },
  };
};
