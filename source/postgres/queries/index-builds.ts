import type {Query} from './query.ts';

/** Index builds in progress. The name of a relation in another database is not visible. */
export const indexBuildsQuery: Query = {
  name: 'poolctl_index_builds',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ p.pid, p.phase, CASE WHEN p.datname = current_database() THEN p.relid::regclass::text END AS relation
FROM pg_stat_progress_create_index p
WHERE p.phase IS NOT NULL`,
    },
  ],
};

export type IndexBuildRow = [pid: number, phase: string, relation: string | null];
