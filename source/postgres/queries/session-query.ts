import type {Query} from './query.ts';

/** The whole text that one session sent last, as far as track_activity_query_size keeps it. */
export const sessionQueryQuery: Query = {
  name: 'poolctl_session_query',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ (date_part('epoch', a.backend_start) * 1e6)::int8 AS backend_start_us, a.query
FROM pg_stat_get_activity($1) a`,
    },
  ],
};

export type SessionQueryRow = [backend_start_us: number | null, query: string | null];
