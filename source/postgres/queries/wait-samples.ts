import type {Query} from './query.ts';

const isBusy =
  "s.event_type IS DISTINCT FROM 'Activity' AND s.event IS DISTINCT FROM 'ClientRead' AND s.pid <> pg_backend_pid()";

/**
 * The history of pg_wait_sampling after `$1`, or of the last second. It is a ring of history_size entries, one for each process each
 * time: of 500 processes a tenth of a second, which is why its oldest time, part of which may be overwritten, is left out. Unlike the
 * profile it does not grow with every process and statement that ever was.
 *
 * After the clock was set back, times are in the future: `$1`, which then counts for nothing, and entries.
 *
 * ClientRead is left out: it is that of idle sessions, and in a transaction they keep the query id of their last portal
 * (ExecutorEnd comes with the next one). So is Activity, which is what background processes do while they have nothing to do. Both
 * are most of the entries, and only count as times at which it looked: they are reduced to a few rows immediately.
 */
export const waitSamplesQuery: Query = {
  name: 'poolctl_wait_samples',
  versioned_by: 'server',
  variants: [
    {
      floor: 0,
      text: `
WITH /* poolctl */ u AS MATERIALIZED (
  SELECT CASE WHEN $1::text::timestamptz <= now() THEN $1::text::timestamptz END AS until),
g AS MATERIALIZED (
  SELECT s.ts, CASE WHEN ${isBusy} THEN s.pid END AS pid, s.event_type, s.event, CASE WHEN ${isBusy} THEN s.queryid END AS queryid,
    count(*) AS count
  FROM {schema}.pg_wait_sampling_history s
  GROUP BY 1, 2, 3, 4, 5),
n AS MATERIALIZED (
  SELECT g.* FROM g
  WHERE g.ts > greatest(coalesce((SELECT u.until FROM u), now() - interval '1 second'), (SELECT min(o.ts) FROM g o))
    AND g.ts <= clock_timestamp()),
p AS (
  SELECT n.pid, n.event_type, n.event, n.queryid, sum(n.count)::int8 AS count
  FROM n
  WHERE n.pid IS NOT NULL
  GROUP BY n.pid, n.event_type, n.event, n.queryid)
SELECT (SELECT coalesce(max(n.ts), (SELECT u.until FROM u))::text FROM n) AS until, (SELECT count(DISTINCT n.ts) FROM n) AS samples,
  current_setting('pg_wait_sampling.history_period')::float8 AS every_ms,
  coalesce(current_setting('pg_wait_sampling.sample_cpu', true)::bool, false) AS has_cpu,
  (SELECT coalesce(json_agg(json_build_array(p.pid, p.event_type, p.event, nullif(p.queryid, 0)::text, p.count)), '[]') FROM p) AS seen,
  date_part('epoch', clock_timestamp() - now()) * 1000 AS took_ms`,
    },
  ],
};

export type WaitSamplesRow = [
  until: string | null,
  samples: number,
  every_ms: number,
  has_cpu: boolean,
  seen: [
    pid: number,
    event_type: string | null,
    event: string | null,
    query_id: string | null,
    count: number,
  ][],
  took_ms: number,
];
