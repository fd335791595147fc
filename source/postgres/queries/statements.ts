import type {Query} from './query.ts';

/**
 * The counters of up to `$1` statements without their texts: the queryids in `$2` first, then those with most execution
 * time. The function always returns every entry (2.7 ms for 5,000); choosing before casting and sending costs 1.5 ms
 * more, sending all would cost 8.
 *
 * An entry without a queryid is one that this role may not see.
 */
const text = (columns: {toplevel: string; read_time: string; write_time: string; stats_since: string}) => `
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
export const statementsQuery: Query = {
  name: 'poolctl_statements',
  versioned_by: 'pg_stat_statements',
  variants: [
    {floor: 108, text: text({...before1_11, toplevel: 'true'})},
    {floor: 109, text: text(before1_11)},
    {
      floor: 111,
      text: text({
        toplevel: 'p.toplevel',
        read_time: 'p.shared_blk_read_time',
        write_time: 'p.shared_blk_write_time',
        stats_since: 'p.stats_since',
      }),
    },
  ],
};

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
