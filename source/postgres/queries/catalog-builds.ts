import type {Query} from './query.ts';

/** Indexes being built in this database, by whom; `index_relid` is 0 until there is an entry. */
export const catalogBuildsQuery: Query = {
  name: 'poolctl_catalog_builds',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ p.pid, a.backend_start::text, coalesce(p.index_relid, 0)::text, p.relid::text, p.phase, p.command
FROM pg_stat_progress_create_index p
JOIN pg_stat_activity a ON a.pid = p.pid
WHERE p.datname = current_database() AND p.phase IS NOT NULL AND a.backend_start IS NOT NULL
ORDER BY p.pid`,
    },
  ],
};

export type CatalogBuildRow = [
  pid: number,
  backend_start: string,
  index_oid: string,
  table_oid: string,
  phase: string,
  command: string,
];
