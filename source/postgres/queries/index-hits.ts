import type {Query} from './query.ts';

/** Index blocks found in shared buffers and read, in the connected database. The cost grows with its indexes. */
export const indexHitsQuery: Query = {
  name: 'poolctl_index_hits',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ coalesce(sum(i.idx_blks_hit), 0)::int8 AS hit, coalesce(sum(i.idx_blks_read), 0)::int8 AS read
FROM pg_statio_user_indexes i`,
    },
  ],
};

export type IndexHitsRow = [hit: number, read: number];
