import type {Query} from './query.ts';

/**
 * Every entry in the fewest words, to find those that have become busy among thousands that are not read at each
 * refresh: one text of `queryid calls total_exec_time` triples. As rows, 5,000 of them would cost this process
 * 4 ms instead of 1. Entries of several roles or databases for one queryid are told apart by the numbers query.
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
