import {serverQuery} from './query.ts';

/**
 * Names of roles and databases, as activity and statements have oids; and their connection limits. A superuser's limit
 * is not enforced (InitializeSessionUserId in miscinit.c), -1 is none, and a database being dropped has -2. Read rarely,
 * and when an unknown oid appears.
 */
export const namesQuery = serverQuery(
  'poolctl_names',
  `
SELECT /* poolctl */ 'role' AS kind, r.oid, r.rolname::text AS name, r.rolsuper AS is_superuser,
  CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END AS connection_limit
FROM pg_roles r
UNION ALL
SELECT 'database', d.oid, d.datname::text, false, d.datconnlimit
FROM pg_database d`,
);

export type NameRow = [
  kind: 'role' | 'database',
  oid: number,
  name: string,
  is_superuser: boolean,
  connection_limit: number,
];

/**
 * The settings that limit connection slots. They change only with a restart, so they are read rarely. A setting that this
 * server does not have (reserved_connections before 16, RDS's own) counts as 0.
 */
export const slotSettingsQuery = serverQuery(
  'poolctl_slot_settings',
  `
SELECT /* poolctl */ current_setting('max_connections')::int4 AS max_connections,
  current_setting('superuser_reserved_connections')::int4 AS superuser_reserved_connections,
  coalesce(current_setting('reserved_connections', true)::int4, 0)
    + coalesce(current_setting('rds.rds_superuser_reserved_connections', true)::int4, 0) AS reserved_connections`,
);

export type SlotSettingsRow = [
  max_connections: number,
  superuser_reserved_connections: number,
  reserved_connections: number,
];

const databasesText = (sessions_fatal: string) => `
SELECT /* poolctl */ d.datname::text, d.numbackends, d.xact_commit, d.xact_rollback, d.blks_hit, d.blks_read, d.deadlocks,
  d.temp_bytes, d.stats_reset::text, ${sessions_fatal}
FROM pg_stat_database d
WHERE d.datname <> 'template0'
ORDER BY d.datname`;

/** Counters of every database since its statistics were reset. The row of shared relations, which has no name, is left out. */
export const databasesQuery = serverQuery('poolctl_databases', {
  13: databasesText('NULL::int8 AS sessions_fatal'),
  'pg_stat_database.sessions_fatal': databasesText('d.sessions_fatal'),
});

export type DatabaseRow = [
  datname: string,
  numbackends: number,
  xact_commit: number,
  xact_rollback: number,
  blks_hit: number,
  blks_read: number,
  deadlocks: number,
  temp_bytes: number,
  stats_reset: string | null,
  sessions_fatal: number | null,
];

/** Index blocks found in shared buffers and read, in the connected database. The cost grows with its indexes. */
export const indexHitsQuery = serverQuery(
  'poolctl_index_hits',
  `
SELECT /* poolctl */ coalesce(sum(i.idx_blks_hit), 0)::int8 AS hit, coalesce(sum(i.idx_blks_read), 0)::int8 AS read
FROM pg_statio_user_indexes i`,
);

export type IndexHitsRow = [hit: number, read: number];

/** Index builds in progress. The name of a relation in another database is not visible. */
export const indexBuildsQuery = serverQuery(
  'poolctl_index_builds',
  `
SELECT /* poolctl */ p.pid, p.phase, CASE WHEN p.datname = current_database() THEN p.relid::regclass::text END AS relation
FROM pg_stat_progress_create_index p
WHERE p.phase IS NOT NULL`,
);

export type IndexBuildRow = [pid: number, phase: string, relation: string | null];
