import type {MissingPartition} from '../../model/server-facts.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** Tables of the connected database that take no row of now. Throws the server's errors. */
export async function readMissingPartitions({
  client,
  server_version_num,
}: Connection): Promise<MissingPartition[]> {
  const {text} = pickVariant(missingPartitionsQuery, server_version_num);
  const {rows} = await client.query<MissingPartition>({text});
  return rows.map(row => ({...row, ended_at: isoTime(row.ended_at) ?? row.ended_at}));
}

/**
 * - Of tables partitioned by ranges of one column of a time type, and without a default partition; not those that are partitions
 *   themselves, as each covers its own time only.
 * - A bound without a time zone is read in that of this session.
 * - pg_get_expr() without a table (0) locks none; a bound has no columns.
 */
export const missingPartitionsQuery = serverQuery(
  'poolctl_missing_partitions',
  `
WITH /* poolctl */ p AS MATERIALIZED (
  SELECT p.partrelid, c.relnamespace, c.relname, a.attname
  FROM pg_partitioned_table p
  JOIN pg_class c ON c.oid = p.partrelid
  JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
  WHERE p.partstrat = 'r' AND p.partnatts = 1 AND p.partdefid = 0 AND NOT c.relispartition
    AND a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)),
b AS MATERIALIZED (
  SELECT p.partrelid, pg_get_expr(x.relpartbound, 0) AS bound
  FROM p
  JOIN pg_inherits i ON i.inhparent = p.partrelid
  JOIN pg_class x ON x.oid = i.inhrelid
  WHERE x.relpartbound IS NOT NULL),
r AS (
  SELECT b.partrelid,
    coalesce(substring(b.bound FROM 'FROM \\(''([^'']+)''\\)'), '-infinity')::timestamptz AS starts_at,
    coalesce(substring(b.bound FROM 'TO \\(''([^'']+)''\\)'), 'infinity')::timestamptz AS ends_at
  FROM b)
SELECT n.nspname::text AS schema, p.relname::text AS table, p.attname::text AS column, max(r.ends_at)::text AS ended_at
FROM p
JOIN pg_namespace n ON n.oid = p.relnamespace
JOIN r ON r.partrelid = p.partrelid
GROUP BY 1, 2, 3
HAVING max(r.ends_at) <= now()
ORDER BY 4 DESC`,
);
