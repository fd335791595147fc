import type {StepProgress} from '../core/ports.ts';
import type {SqlStep} from '../core/step.ts';
import type {Connection} from './connect.ts';
import {type ProgressRow, progressQueries} from './queries/progress.ts';
import {pickVariant} from './queries/query.ts';

/** How far the backend `pid` is, by the progress view of what it does; null where the view does not have it. */
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
    done_ratio: total > 0 ? Math.min(1, done / total) : null,
    waiting_for: locker_pid > 0 ? {pid: locker_pid, description: locker ?? 'unknown'} : null,
  };
}
