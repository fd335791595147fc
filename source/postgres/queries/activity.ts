import {serverQuery} from './query.ts';

const unchanged = (process: string) =>
  `${process}.state = 'idle' AND ${process}.wait_event = 'ClientRead' AND ${process}.state_change < to_timestamp($1::float8)`;

/**
 * Every process of pg_stat_activity, background processes included. It calls the function behind the view, without the
 * view's joins: names come from `namesQuery`. At 500 sessions the function takes 0.9 ms, the query 2.3 ms.
 *
 * - Ages use the server's clock. Only the row of poolctl's own session has the time, which also identifies it: through a
 *   pooler, the pid known from connecting is the pooler's.
 * - Times are microseconds since 1970: a float8 of this size is exact to a quarter of one, and to_char() for 500 rows
 *   would take as long as the rest of the query.
 * - pg_blocking_pids() locks the lock manager exclusively, so it is called only for processes that wait for a lock. Those that
 *   are hidden have no wait event, but every role may read pg_locks; where none is hidden, the subquery is not executed.
 * - A session's text changes only with its state_change. Texts of sessions unchanged since `$1` (seconds since 1970,
 *   NULL for all) are not sent again: most sessions are idle, and texts are most of the bytes.
 * - Nothing of an idle session changes before its state_change does: of those unchanged since `$1`, only the pids are sent, as
 *   one text in poolctl's own row. The function reads the sessions once for a transaction, so both calls agree
 *   (pgstat_read_current_status in backend_status.c).
 * - pg_stat_force_next_flush() makes the commits of poolctl's own session visible to what follows in the same round trip,
 *   so that they can be taken out (`readDatabases`). Before PostgreSQL 15 they appear up to half a second later.
 * - left() counts characters and costs 0.9 ms for 500 texts of 1 kB; octet_length() costs nothing.
 */
const text = ({query_id, flush}: {query_id: string; flush: string}) => `
SELECT /* poolctl */ a.pid, a.datid, a.usesysid, a.application_name, a.client_addr, a.client_port,
  a.backend_type, a.state,
  a.wait_event_type, a.wait_event,
  (date_part('epoch', a.xact_start) * 1e6)::int8 AS xact_start_us,
  (date_part('epoch', a.query_start) * 1e6)::int8 AS query_start_us,
  (date_part('epoch', a.state_change) * 1e6)::int8 AS state_change_us,
  (date_part('epoch', a.backend_start) * 1e6)::int8 AS backend_start_us,
  greatest(age(a.backend_xid), age(a.backend_xmin)) AS xmin_age,
  ${query_id} AS query_id,
  CASE WHEN a.state_change < to_timestamp($1::float8) THEN NULL
    WHEN octet_length(a.query) > 2048 THEN left(a.query, 2048) ELSE a.query END AS query,
  CASE WHEN a.wait_event_type = 'Lock' OR a.backend_type IS NULL AND a.pid IN (SELECT l.pid FROM pg_locks l WHERE NOT l.granted)
    THEN pg_blocking_pids(a.pid) END AS blocked_by,
  CASE WHEN a.pid = pg_backend_pid() THEN (date_part('epoch', now()) * 1e6)::int8 END AS own_now_us,
  a.backend_xid::text AS backend_xid, a.leader_pid,
  CASE WHEN a.pid = pg_backend_pid() THEN (SELECT string_agg(b.pid::text, ' ')
    FROM pg_stat_get_activity(NULL) b WHERE ${unchanged('b')}) END AS unchanged_pids,
  CASE WHEN a.pid = pg_backend_pid() THEN ${flush} END AS is_flushed
FROM pg_stat_get_activity(NULL) a
WHERE a.pid = pg_backend_pid() OR (${unchanged('a')}) IS NOT TRUE`;

export const activityQuery = serverQuery('poolctl_activity', {
  13: text({query_id: 'NULL::text', flush: 'false'}),
  'pg_stat_activity.query_id': text({query_id: 'a.query_id::text', flush: 'false'}),
  'pg_stat_force_next_flush()': text({
    query_id: 'a.query_id::text',
    flush: 'pg_stat_force_next_flush() IS NOT NULL',
  }),
});

/**
 * `query` is null if it is not repeated (see `$1`). Without pg_read_all_stats all but pid, datid, usesysid,
 * application_name, xmin_age and backend_xid of others is NULL.
 */
export type ActivityRow = [
  pid: number,
  datid: number | null,
  usesysid: number | null,
  application_name: string | null,
  client_addr: string | null,
  client_port: number | null,
  backend_type: string | null,
  state: string | null,
  wait_event_type: string | null,
  wait_event: string | null,
  xact_start_us: number | null,
  query_start_us: number | null,
  state_change_us: number | null,
  backend_start_us: number | null,
  xmin_age: number | null,
  query_id: string | null,
  query: string | null,
  /** null: it does not wait for a lock. */
  blocked_by: number[] | null,
  own_now_us: number | null,
  backend_xid: string | null,
  /** Of a parallel worker, and of a parallel apply worker. */
  leader_pid: number | null,
  /** In poolctl's own row: pids of idle sessions that are not sent again (see `$1`). */
  unchanged_pids: string | null,
  is_flushed: boolean | null,
];

/** The index of each column of an ActivityRow that is read by name. */
export const activityColumns = {
  pid: 0,
  datid: 1,
  usesysid: 2,
  application_name: 3,
  backend_type: 6,
  state: 7,
  wait_event_type: 8,
  wait_event: 9,
  xact_start_us: 10,
  query_start_us: 11,
  state_change_us: 12,
  backend_start_us: 13,
  xmin_age: 14,
  query_id: 15,
  query: 16,
  blocked_by: 17,
  own_now_us: 18,
  backend_xid: 19,
  leader_pid: 20,
  unchanged_pids: 21,
} as const;
