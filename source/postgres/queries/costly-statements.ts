import type {Query} from './query.ts';

/**
 * The statements of this database that took most time in all, of whatever role, without those that have no plan.
 * Texts are read from a file, once for all. poolctl's own are left out.
 */
export const costlyStatementsQuery: Query = {
  name: 'poolctl_costly_statements',
  versioned_by: 'pg_stat_statements',
  variants: [
    {
      floor: 108,
      text: `
SELECT /* poolctl */ p.queryid::text, min(p.query), sum(p.calls)::int8, sum(p.total_exec_time)
FROM {schema}.pg_stat_statements(true) p
WHERE p.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND p.queryid IS NOT NULL AND octet_length(p.query) <= 100000
  AND p.query ~* '^(\\s|/\\*.*?\\*/|--[^\\n]*\\n|\\()*(SELECT|WITH|UPDATE|DELETE|INSERT|MERGE)\\M'
  AND p.query !~ '^(SELECT|WITH) /\\* poolctl \\*/'
GROUP BY p.queryid
ORDER BY sum(p.total_exec_time) DESC, p.queryid
LIMIT $1`,
    },
  ],
};

export type CostlyStatementRow = [queryid: string, query: string, calls: number, total_exec_time_ms: number];
