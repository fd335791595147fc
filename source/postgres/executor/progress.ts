import {redactSecrets} from '../../core/text/redact.ts';
import type {StepProgress} from '../../model/run.ts';
import type {SqlStep} from '../../model/step.ts';
import type {Connection} from '../connect/connect.ts';
import {type ProgressRow, progressQueries} from '../queries/progress.ts';
import {pickVariant} from '../queries/query.ts';

/** How far the backend `pid` is, by the progress view of what it does; null where it does nothing. */
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
  // pg_blocking_pids() has 0 for what no session holds.
  return pid === 0 ? 'a prepared transaction' : redactSecrets(locker ?? '') || 'unknown';
}
