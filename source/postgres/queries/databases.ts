import type {Query} from './query.ts';

const text = (sessions_fatal: string) => `
SELECT /* poolctl */ d.datname::text, d.numbackends, d.xact_commit, d.xact_rollback, d.blks_hit, d.blks_read, d.deadlocks,
  d.temp_bytes, d.stats_reset::text, ${sessions_fatal}
FROM pg_stat_database d
WHERE d.datname <> 'template0'
ORDER BY d.datname`;

/** Counters of every database since its statistics were reset. The row of shared relations, which has no name, is left out. */
export const databasesQuery: Query = {
  name: 'poolctl_databases',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('NULL::int8 AS sessions_fatal')},
    {floor: 140_000, text: text('d.sessions_fatal')},
  ],
};

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
