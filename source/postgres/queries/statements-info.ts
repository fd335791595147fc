import type {Query} from './query.ts';

/** The size of pg_stat_statements, its evictions and the server's clock. Extension 1.8 does not count evictions. */
const text = (dealloc: string, stats_reset: string, from: string) => `
SELECT /* poolctl */ ${dealloc} AS dealloc, ${stats_reset} AS stats_reset,
  coalesce(current_setting('pg_stat_statements.max', true)::int8, 0) AS max_entries,
  date_part('epoch', now()) * 1000 AS at_ms${from}`;

export const statementsInfoQuery: Query = {
  name: 'poolctl_statements_info',
  versioned_by: 'pg_stat_statements',
  variants: [
    {floor: 108, text: text('NULL::int8', 'NULL::text', '')},
    {
      floor: 109,
      text: text('i.dealloc', 'i.stats_reset::text', '\nFROM {schema}.pg_stat_statements_info() i'),
    },
  ],
};

export type StatementsInfoRow = [
  dealloc: number | null,
  stats_reset: string | null,
  max_entries: number,
  at_ms: number,
];
