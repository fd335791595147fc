import {applicationNameSql} from '../../core/pool/reported-pool.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {StepProgress} from '../../model/run.ts';
import type {SqlStep} from '../../model/step.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query, serverQuery} from '../queries/query.ts';

/** The progress of backend `pid`, from the progress view of its command; null if it runs none. */
export async function readProgress(
  {client, server_version_num}: Connection,
  {view, pid}: {view: NonNullable<SqlStep['progress']>; pid: number},
): Promise<StepProgress | null> {
  const {text} = pickVariant(progressQueries[view], server_version_num);
  const {rows} = await client.query<ProgressRow>({text, values: [pid]});
  const [row] = rows;
  if (row === undefined) return null;
  const {phase, done, total, locker_pid, locker} = row;
  return {
    phase,
    done_ratio: done !== null && total !== null && total > 0 ? Math.min(1, done / total) : null,
    waiting_for: locker_pid === null ? null : {pid: locker_pid, description: describe(locker_pid, locker)},
  };
}

function describe(pid: number, locker: string | null): string {
  // pg_blocking_pids() has 0 for a lock that no session holds.
  return pid === 0 ? 'a prepared transaction' : redactSecrets(locker ?? '') || 'unknown';
}

/**
 * The progress of one long command, in blocks or tuples, whichever its phase counts; and the session it waits for, from
 * the progress view or, where that has none, from the lock. pg_blocking_pids() of one waiting backend is cheap enough
 * for twice a second.
 */
export const progressQueries: Record<NonNullable<SqlStep['progress']>, Query> = {
  create_index: serverQuery(
    'poolctl_progress_create_index',
    `
SELECT /* poolctl */ coalesce(p.phase, s.wait_event_type || ': ' || s.wait_event, 'starting') AS phase,
  CASE WHEN p.blocks_total > 0 THEN p.blocks_done WHEN p.tuples_total > 0 THEN p.tuples_done ELSE p.lockers_done END AS done,
  CASE WHEN p.blocks_total > 0 THEN p.blocks_total WHEN p.tuples_total > 0 THEN p.tuples_total ELSE p.lockers_total END AS total,
  w.pid AS locker_pid, concat_ws(' ', nullif(${applicationNameSql('a.application_name')}, ''), a.usename, a.state) AS locker
FROM pg_catalog.pg_stat_activity s
LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = s.pid
CROSS JOIN LATERAL (
  SELECT coalesce(nullif(p.current_locker_pid, 0)::int4,
    CASE WHEN s.wait_event_type = 'Lock' THEN (pg_catalog.pg_blocking_pids(s.pid))[1] END) AS pid
) w
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid
WHERE s.pid = $1 AND s.state = 'active'`,
  ),
  drop_index: serverQuery(
    'poolctl_progress_drop_index',
    `
SELECT /* poolctl */ coalesce(s.wait_event_type || ': ' || s.wait_event, 'dropping') AS phase,
  NULL::int8 AS done, NULL::int8 AS total,
  w.pid AS locker_pid, concat_ws(' ', nullif(${applicationNameSql('a.application_name')}, ''), a.usename, a.state) AS locker
FROM pg_catalog.pg_stat_activity s
CROSS JOIN LATERAL (
  SELECT CASE WHEN s.wait_event_type = 'Lock' THEN (pg_catalog.pg_blocking_pids(s.pid))[1] END AS pid
) w
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid
WHERE s.pid = $1 AND s.state = 'active'`,
  ),
  analyze: serverQuery(
    'poolctl_progress_analyze',
    `
SELECT /* poolctl */ p.phase, p.sample_blks_scanned AS done, p.sample_blks_total AS total,
  NULL::int4 AS locker_pid, NULL::text AS locker
FROM pg_catalog.pg_stat_progress_analyze p
WHERE p.pid = $1`,
  ),
};

type ProgressRow = {
  phase: string;
  /** Null if the server does not count, or not yet. */
  done: number | null;
  total: number | null;
  locker_pid: number | null;
  locker: string | null;
};
