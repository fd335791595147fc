import type {SqlStep} from '../../core/step.ts';
import type {Query} from './query.ts';

/** How far one backend is with a long act: blocks where the phase counts blocks, tuples where it counts those. */
export const progressQueries: Record<NonNullable<SqlStep['progress']>, Query> = {
  create_index: {
    name: 'poolctl_progress_create_index',
    versioned_by: 'server',
    variants: [
      {
        floor: 130_000,
        text: `
SELECT /* poolctl */ p.phase,
  CASE WHEN p.blocks_total > 0 THEN p.blocks_done WHEN p.tuples_total > 0 THEN p.tuples_done ELSE p.lockers_done END AS done,
  CASE WHEN p.blocks_total > 0 THEN p.blocks_total WHEN p.tuples_total > 0 THEN p.tuples_total ELSE p.lockers_total END AS total,
  p.current_locker_pid::int4 AS locker_pid,
  concat_ws(' ', nullif(a.application_name, ''), a.usename, a.state) AS locker
FROM pg_catalog.pg_stat_progress_create_index p
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.current_locker_pid AND p.current_locker_pid <> 0
WHERE p.pid = $1`,
      },
    ],
  },
  analyze: {
    name: 'poolctl_progress_analyze',
    versioned_by: 'server',
    variants: [
      {
        floor: 130_000,
        text: `
SELECT /* poolctl */ p.phase, p.sample_blks_scanned AS done, p.sample_blks_total AS total,
  0 AS locker_pid, NULL::text AS locker
FROM pg_catalog.pg_stat_progress_analyze p
WHERE p.pid = $1`,
      },
    ],
  },
};

export type ProgressRow = {
  phase: string;
  done: number;
  total: number;
  locker_pid: number;
  locker: string | null;
};
