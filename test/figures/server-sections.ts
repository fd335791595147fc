import type {Row, Section} from './sections.ts';

const iso = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const age = (time: string) => `(extract(epoch FROM clock_timestamp() - ${time}) * 1000)::float8`;
const bytes = (setting: string) =>
  `(SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = '${setting}')`;
const grown = (column: string) => (from: Row, to: Row) => Number(to[column]) - Number(from[column]);

const wal = `pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS written_bytes,
  pg_snapshot_xmax(pg_current_snapshot())::text::float8 AS next_xid, m.next_multixact_id::text::float8 AS next_multixact`;
const usersTables = `pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid`;
/** No table of the test has settings of its own. */
const threshold = (kind: string) =>
  `(current_setting('autovacuum_${kind}_threshold')::float8 + current_setting('autovacuum_${kind}_scale_factor')::float8
    * greatest(c.reltuples, 0))::float8`;

/** The parts of `server` that say what holds back vacuum, what retains WAL and how checkpoints come. */
export function serverSections(major: number, isPlain: boolean): Record<string, Section> {
  const counters =
    major >= 17
      ? 'SELECT num_timed::float8 AS timed, num_requested::float8 AS requested, stats_reset FROM pg_stat_checkpointer'
      : 'SELECT checkpoints_timed::float8 AS timed, checkpoints_req::float8 AS requested, stats_reset FROM pg_stat_bgwriter';
  const one = {key: [], hidden: []};
  return {
    server: {
      sql: 'SELECT 1 AS one',
      ...one,
      helpers: ['one'],
      own: [
        'maintenance',
        'replication',
        'write_state',
        'wal',
        'autovacuum',
        'io',
        'progress',
        'host',
        'server_log',
      ],
    },
    // The control file has the multixact of the last checkpoint: none is made after it.
    'server.wal': {
      sql: `SELECT ${iso('clock_timestamp()')} AS at, ${wal}, NULL AS archive, NULL AS recovery FROM pg_control_checkpoint() m`,
      ...one,
      own: ['settings', 'directory', 'checkpoints', 'rates'],
    },
    'server.wal.settings': {
      sql: `SELECT ${bytes('max_wal_size')} AS max_wal_size_bytes, ${bytes('wal_keep_size')} AS wal_keep_size_bytes,
        NULL AS max_slot_wal_keep_size_bytes,
        (SELECT setting::float8 * 1000 FROM pg_settings WHERE name = 'checkpoint_timeout') AS checkpoint_timeout_ms`,
      ...one,
    },
    'server.wal.checkpoints': {
      sql: `SELECT timed, requested, ${iso('stats_reset')} AS stats_reset FROM (${counters}) c`,
      ...one,
    },
    ...(!isPlain && {
      'server.wal.directory': {
        sql: 'SELECT count(*)::float8 AS files, sum(size)::float8 AS bytes FROM pg_ls_waldir()',
        ...one,
      },
    }),
    'server.wal.rates': {
      sql: `SELECT ${wal}, timed, requested, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS clock_ms
        FROM pg_control_checkpoint() m, (${counters}) c`,
      ...one,
      helpers: ['written_bytes', 'next_xid', 'next_multixact', 'timed', 'requested', 'clock_ms'],
      rates: {
        written_bytes_per_second: ['written_bytes'],
        xids_per_second: ['next_xid'],
        multixacts_per_second: ['next_multixact'],
      },
      over: {
        interval_ms: grown('clock_ms'),
        checkpoints_timed: grown('timed'),
        checkpoints_requested: grown('requested'),
        // Nothing is archived, and no replay cancels anything.
        archived_count: () => 0,
        failed_count: () => 0,
        conflicts: () => 0,
      },
      tolerance: {written_bytes_per_second: 1, xids_per_second: 1, multixacts_per_second: 1, interval_ms: 1},
    },
    'server.autovacuum': {
      sql: `SELECT ${iso('clock_timestamp()')} AS at, false AS is_on, current_setting('autovacuum_max_workers')::float8 AS max_workers,
        60000 AS naptime_ms, current_setting('autovacuum_freeze_max_age')::float8 AS freeze_max_age,
        current_setting('autovacuum_multixact_freeze_max_age')::float8 AS multixact_freeze_max_age,
        ${isPlain ? 'NULL' : "'{}'::text[]"} AS workers`,
      ...one,
      own: ['databases', 'oldest_tables', 'due'],
    },
    'server.autovacuum.databases': {
      sql: `SELECT datname::text AS name, age(datfrozenxid)::float8 AS xid_age, mxid_age(datminmxid)::float8 AS multixact_age
        FROM pg_database`,
      key: ['name'],
      hidden: [],
    },
    'server.autovacuum.oldest_tables': {
      sql: `SELECT relnamespace::regnamespace::text AS schema, relname::text AS name, age(relfrozenxid)::float8 AS xid_age,
        mxid_age(relminmxid)::float8 AS multixact_age, relpages::float8 * 8192 AS size_bytes
        FROM pg_class WHERE relkind IN ('r', 't', 'm') ORDER BY age(relfrozenxid) DESC, relpages DESC, oid LIMIT 5`,
      key: ['schema', 'name'],
      hidden: [],
    },
    'server.autovacuum.due': {
      sql: `SELECT c.oid::text, s.schemaname::text AS schema, s.relname::text AS name, n_dead_tup::float8 AS dead_rows,
        ${threshold('vacuum')} AS vacuum_threshold, autovacuum_count::float8,
        ${age('greatest(s.last_vacuum, s.last_autovacuum)')} AS vacuum_age_ms
        FROM ${usersTables} WHERE n_dead_tup > ${threshold('vacuum')}`,
      key: ['oid'],
      hidden: [],
      // How long it has been due is of the readings alone: server-verdicts.test.ts.
      own: ['due_ms', 'unfinished_workers'],
    },
    'server.maintenance': {sql: 'SELECT 1 AS one', ...one, helpers: ['one'], own: ['tables', 'xmin_holders']},
    'server.maintenance.tables': {
      sql: `SELECT c.oid::text, s.schemaname::text AS schema, s.relname::text AS name, n_live_tup::float8 AS live_rows,
        n_dead_tup::float8 AS dead_rows, n_mod_since_analyze::float8 AS rows_changed_since_analyze,
        ${threshold('analyze')} AS analyze_threshold, ${threshold('vacuum')} AS vacuum_threshold,
        true AS is_autovacuum_enabled, ${age('greatest(s.last_analyze, s.last_autoanalyze)')} AS analyze_age_ms,
        ${age('greatest(s.last_vacuum, s.last_autovacuum)')} AS vacuum_age_ms, analyze_count::float8
        FROM ${usersTables} WHERE greatest(n_mod_since_analyze, n_dead_tup) >= 1000`,
      key: ['oid'],
      hidden: [],
      own: ['may_analyze'],
    },
    'server.maintenance.xmin_holders': {
      sql: `SELECT 'backend' AS kind, pid::text AS name,
        coalesce(nullif(application_name, ''), '(no name)') || '/' || usename AS description, usename::text,
        greatest(age(backend_xid), age(backend_xmin))::float8 AS xmin_age, ${age('xact_start')} AS age_ms
        FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
          AND application_name NOT LIKE 'poolctl%' AND greatest(age(backend_xid), age(backend_xmin)) IS NOT NULL
        ORDER BY xmin_age DESC, pid LIMIT 5`,
      key: ['kind', 'name'],
      hidden: ['age_ms'],
      helpers: ['usename'],
    },
    'server.replication': {sql: 'SELECT 1 AS one', ...one, helpers: ['one'], own: ['slots', 'standbys']},
    'server.replication.slots': {
      sql: `SELECT slot_name::text AS name, slot_type AS kind, database::text, plugin::text, active AS is_active, active_pid,
        age(xmin)::float8 AS xmin_age, age(catalog_xmin)::float8 AS catalog_xmin_age,
        pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS retained_bytes, wal_status,
        safe_wal_size::float8 AS safe_wal_bytes, temporary AS is_temporary, restart_lsn::text, xmin::text, catalog_xmin::text,
        ${major >= 17 ? age('inactive_since') : 'NULL'} AS inactive_ms,
        ${major >= 17 ? `to_char(inactive_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')` : 'NULL'} AS inactive_since, NULL AS invalidation_reason,
        false AS is_synced
        FROM pg_replication_slots`,
      key: ['name'],
      hidden: [],
    },
    'server.write_state': {
      sql: `SELECT false AS is_in_recovery, (SELECT 2147483647 - ${major >= 14 ? 3_000_000 : 1_000_000} - max(age(datfrozenxid)))::float8 AS xids_left,
        (2147483647 - ${major >= 14 ? 3_000_000 : 100} - max(mxid_age(datminmxid)))::float8 AS multixacts_left,
        '' AS synchronous_standby_names, 0 AS synchronous_standbys, 0 AS notify_queue_ratio, NULL AS archive,
        NULL AS read_only_source FROM pg_database`,
      ...one,
      own: ['default_read_only', 'oldest_database', 'oldest_multixact_database', 'ids'],
    },
    'server.write_state.ids': {
      sql: `SELECT ${iso('clock_timestamp()')} AS at, pg_snapshot_xmax(pg_current_snapshot())::text::float8 AS next_xid,
        m.next_multixact_id::text::float8 AS next_multixact FROM pg_control_checkpoint() m`,
      ...one,
      own: ['since'],
    },
  };
}
