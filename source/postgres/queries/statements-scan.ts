import type {Query} from './query.ts';

/**
 * Three figures of every entry, to find those that became busy among thousands that are not read at each refresh: one
 * text of `queryid calls total_exec_time` triples. As rows, 5,000 entries would cost this process 4 ms instead of 1. One
 * queryid may have several roles or databases, which `statementsQuery` separates.
 */
export const statementsScanQuery: Query = {
  name: 'poolctl_statements_scan',
  versioned_by: 'pg_stat_statements',
  variants: [
    {
      floor: 108,
      text: `
SELECT /* poolctl */ count(*)::int8 AS entries,
  coalesce(string_agg(p.queryid || ' ' || p.calls || ' ' || p.total_exec_time, ' '), '') AS triples
FROM {schema}.pg_stat_statements(false) p
WHERE p.queryid IS NOT NULL`,
    },
  ],
};

export type StatementsScanRow = [entries: number, triples: string];
