import {extensionQuery, type Query} from './query.ts';

/**
 * The function keeps its rows in memory up to work_mem, and else in temporary files: 11 MB for 20,000 entries. Its argument
 * is evaluated before it is called, and set_config(..., true) lasts as long as the statement's transaction.
 */
const entries = (withTexts: boolean) =>
  `{schema}.pg_stat_statements(set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')), 67108864) / 1024 || 'kB', true) IS ${withTexts ? 'NOT ' : ''}NULL) p`;

type VersionColumns = {toplevel: string; read_time: string; write_time: string; stats_since: string};

const counters = ({toplevel, read_time, write_time, stats_since}: VersionColumns) => [
  ['queryid', 'p.queryid::text'],
  // As numbers in JSON, too: names are found by them.
  ['dbid', 'p.dbid::int8'],
  ['userid', 'p.userid::int8'],
  ['toplevel', toplevel],
  ...[
    'calls',
    'total_exec_time',
    'mean_exec_time',
    'stddev_exec_time',
    'min_exec_time',
    'max_exec_time',
    'total_plan_time',
    'rows',
    'shared_blks_hit',
    'shared_blks_read',
    'shared_blks_dirtied',
    'temp_blks_read',
    'temp_blks_written',
    'wal_bytes',
  ].map(name => [name, `p.${name}`]),
  ['blk_read_time', read_time],
  ['blk_write_time', write_time],
  ['stats_since', `${stats_since}::text`],
];

/**
 * The counters of up to `$1` statements without their texts: those with most execution time. Entries that this role may not see,
 * which have no queryid, come last: they count as entries.
 */
const countersText = (columns: VersionColumns) => `
SELECT /* poolctl */ ${counters(columns)
  .map(([name, value]) => `${value} AS ${name}`)
  .join(', ')}
FROM ${entries(false)}
ORDER BY p.queryid IS NULL, p.total_exec_time DESC
LIMIT $1`;

/**
 * Whether three arrays name a statement. Not a join: PostgreSQL 13 hashes the function's rows for it, and begins so before
 * work_mem is set. IS TRUE keeps WHERE from turning it into one.
 */
const isWanted =
  'p.queryid IS NOT NULL AND (p.queryid, p.dbid, p.userid) IN (SELECT * FROM unnest($1::int8[], $2::oid[], $3::oid[])) IS TRUE';

const wantedText = (columns: VersionColumns) => `
SELECT /* poolctl */ ${counters(columns)
  .map(([name, value]) => `${value} AS ${name}`)
  .join(', ')}
FROM ${entries(false)}
WHERE ${isWanted}`;

const scanText = (columns: VersionColumns) => `
SELECT /* poolctl */ string_agg(concat(p.userid, '/', p.dbid, '/', p.queryid, CASE WHEN ${columns.toplevel} THEN '/true ' ELSE '/false ' END,
    p.calls, ' ', p.total_exec_time, ' ', p.rows), E'\\n') FILTER (WHERE p.queryid IS NOT NULL) AS entries,
  coalesce(json_agg(json_build_array(${counters(columns)
    .map(([, value]) => value)
    .join(', ')})) FILTER (WHERE ${isWanted}), '[]') AS wanted,
  date_part('epoch', clock_timestamp() - now()) * 1000 AS took_ms,
  count(*) FILTER (WHERE p.queryid IS NULL) AS hidden,
  coalesce(sum(p.total_exec_time) FILTER (WHERE p.queryid IS NULL), 0) AS hidden_exec_time
FROM ${entries(false)}`;

const before1_11: VersionColumns = {
  toplevel: 'p.toplevel',
  read_time: 'p.blk_read_time',
  write_time: 'p.blk_write_time',
  stats_since: 'NULL::timestamptz',
};

/** pg_stat_statements 1.10 and 1.12 add columns that are not read here. */
function counterQuery(name: string, text: (columns: VersionColumns) => string): Query {
  return extensionQuery(name, {
    '1.8': text({...before1_11, toplevel: 'true'}),
    '1.9': text(before1_11),
    '1.11': text({
      toplevel: 'p.toplevel',
      read_time: 'p.shared_blk_read_time',
      write_time: 'p.shared_blk_write_time',
      stats_since: 'p.stats_since',
    }),
  });
}

/** Ends with rows whose queryid is null: this role may not see them. */
export const statementsQuery = counterQuery('poolctl_statements', countersText);

/** The same of the statements in `$1` to `$3`: queryids, databases and roles. */
export const wantedStatementsQuery = counterQuery('poolctl_statements_wanted', wantedText);

/**
 * A few figures of every entry, and all of those in `$1` to `$3`, in one call of the function, as that is most of the cost
 * (30 ms for 20,000). Entries are lines of one text: as rows they would cost this process four times as much. Nothing is
 * sorted or grouped, which could need temporary files, too.
 */
export const statementsScanQuery = counterQuery('poolctl_statements_scan', scanText);

export type StatementsScanRow = [
  entries: string | null,
  wanted: StatementRow[],
  took_ms: number,
  hidden: number,
  hidden_exec_time: number,
];

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

/** The tag follows the first words: PostgreSQL 18 keeps no comment before them. */
const ownStarts = ['SELECT', 'WITH', 'WITH RECURSIVE', 'EXPLAIN'];

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
FROM ${entries(true)}
CROSS JOIN LATERAL (
  SELECT (${ownStarts.map(start => `starts_with(p.query, '${start} /* poolctl */')`).join(' OR ')})
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
