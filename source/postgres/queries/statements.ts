import {extensionQuery} from './query.ts';

/**
 * The counters of up to `$1` statements without their texts: the queryids in `$2` first, then those with most execution
 * time. The function always returns every entry (2.7 ms for 5,000); choosing before casting and sending costs 1.5 ms
 * more, sending all would cost 8.
 *
 * An entry without a queryid is one that this role may not see.
 */
const countersText = (columns: {
  toplevel: string;
  read_time: string;
  write_time: string;
  stats_since: string;
}) => `
SELECT /* poolctl */ s.queryid::text, s.dbid, s.userid, s.toplevel, s.calls, s.total_exec_time, s.mean_exec_time,
  s.stddev_exec_time, s.min_exec_time, s.max_exec_time, s.total_plan_time, s.rows, s.shared_blks_hit,
  s.shared_blks_read, s.shared_blks_dirtied, s.temp_blks_read, s.temp_blks_written, s.wal_bytes,
  s.blk_read_time, s.blk_write_time, s.stats_since::text
FROM (
  SELECT p.queryid, p.dbid, p.userid, ${columns.toplevel} AS toplevel, p.calls, p.total_exec_time,
    p.mean_exec_time, p.stddev_exec_time, p.min_exec_time, p.max_exec_time, p.total_plan_time, p.rows,
    p.shared_blks_hit, p.shared_blks_read, p.shared_blks_dirtied, p.temp_blks_read, p.temp_blks_written,
    p.wal_bytes, ${columns.read_time} AS blk_read_time, ${columns.write_time} AS blk_write_time,
    ${columns.stats_since} AS stats_since
  FROM {schema}.pg_stat_statements(false) p
  LEFT JOIN unnest($2::int8[]) AS watched(id) ON watched.id = p.queryid
  WHERE p.queryid IS NOT NULL
  ORDER BY watched.id IS NULL, p.total_exec_time DESC
  LIMIT $1
) s`;

const before1_11 = {
  toplevel: 'p.toplevel',
  read_time: 'p.blk_read_time',
  write_time: 'p.blk_write_time',
  stats_since: 'NULL::timestamptz',
};

/** pg_stat_statements 1.10 and 1.12 add columns that are not read here. */
export const statementsQuery = extensionQuery('poolctl_statements', {
  '1.8': countersText({...before1_11, toplevel: 'true'}),
  '1.9': countersText(before1_11),
  '1.11': countersText({
    toplevel: 'p.toplevel',
    read_time: 'p.shared_blk_read_time',
    write_time: 'p.shared_blk_write_time',
    stats_since: 'p.stats_since',
  }),
});

export type StatementRow = [
  queryid: string,
  dbid: number,
  userid: number,
  toplevel: boolean,
  calls: number,
  total_exec_time: number,
  mean_exec_time: number,
  stddev_exec_time: number,
  min_exec_time: number,
  max_exec_time: number,
  total_plan_time: number,
  rows: number,
  shared_blks_hit: number,
  shared_blks_read: number,
  shared_blks_dirtied: number,
  temp_blks_read: number,
  temp_blks_written: number,
  wal_bytes: number,
  blk_read_time: number,
  blk_write_time: number,
  stats_since: string | null,
];

/** The size of pg_stat_statements, its evictions and the server's clock. Extension 1.8 does not count evictions. */
const infoText = (dealloc: string, stats_reset: string, from: string) => `
SELECT /* poolctl */ ${dealloc} AS dealloc, ${stats_reset} AS stats_reset,
  coalesce(current_setting('pg_stat_statements.max', true)::int8, 0) AS max_entries,
  date_part('epoch', now()) * 1000 AS at_ms${from}`;

export const statementsInfoQuery = extensionQuery('poolctl_statements_info', {
  '1.8': infoText('NULL::int8', 'NULL::text', ''),
  '1.9': infoText('i.dealloc', 'i.stats_reset::text', '\nFROM {schema}.pg_stat_statements_info() i'),
});

export type StatementsInfoRow = [
  dealloc: number | null,
  stats_reset: string | null,
  max_entries: number,
  at_ms: number,
];

/**
 * Three figures of every entry, to find those that became busy among thousands that are not read at each refresh: one
 * text of `queryid calls total_exec_time` triples. As rows, 5,000 entries would cost this process 4 ms instead of 1. One
 * queryid may have several roles or databases, which `statementsQuery` separates.
 */
export const statementsScanQuery = extensionQuery('poolctl_statements_scan', {
  '1.8': `
SELECT /* poolctl */ count(*)::int8 AS entries,
  coalesce(string_agg(p.queryid || ' ' || p.calls || ' ' || p.total_exec_time, ' '), '') AS triples
FROM {schema}.pg_stat_statements(false) p
WHERE p.queryid IS NOT NULL`,
});

export type StatementsScanRow = [entries: number, triples: string];

/**
 * The texts of the statements in `$1`. Reading any text reads the file of all texts (10 ms for 5,000), so only visible
 * ones are requested, once each. poolctl's own are returned too, so that they can be left out: on an idle server they
 * would be the costliest.
 */
export const statementTextsQuery = extensionQuery('poolctl_statement_texts', {
  '1.8': `
SELECT /* poolctl */ p.queryid::text, p.dbid, p.userid,
  CASE WHEN octet_length(p.query) > 100000 THEN left(p.query, 100000) ELSE p.query END AS query,
  o.is_own
FROM {schema}.pg_stat_statements(true) p
CROSS JOIN LATERAL (
  SELECT (starts_with(p.query, 'SELECT /* poolctl */') OR starts_with(p.query, 'WITH /* poolctl */'))
    AND p.userid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user) AS is_own
) o
WHERE p.queryid = ANY ($1::int8[]) OR o.is_own`,
});

export type StatementTextRow = [
  queryid: string,
  dbid: number,
  userid: number,
  query: string | null,
  is_own: boolean | null,
];
