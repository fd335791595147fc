import type {RunIdentity} from '../../core/engine/ports.ts';

import {reconcileIntent} from '../../core/engine/recover-runs.ts';
import {AbortError} from '../../core/errors.ts';
import type {Engine} from './engine-context.ts';

/**
 * Handles the steps of earlier runs that have no recorded outcome. On this target poolctl checks what happened and
 * records it; it reports those of other targets, and those that another process of this machine is executing. Throws
 * AbortError (exit 8) where the journal cannot be read or does not verify; a dry run only reports that.
 */
export async function recoverUnfinishedRuns(
  engine: Engine,
  {isDryRun, ...identity}: RunIdentity & {isDryRun: boolean},
  report: (text: string) => void,
): Promise<void> {
  const {journal} = engine;
  const entries = await journal.read().catch((error: unknown) => {
    if (!isDryRun || !(error instanceof AbortError)) throw error;
    report(error.message);
    return [];
  });
  for (const intent of journal.unfinishedOf(entries)) {
    const what = `run ${intent.run} step ${intent.step + 1} at ${intent.at} on ${intent.target}: ${intent.title}`;
    if (intent.acting_pid !== null) {
      report(`process ${intent.acting_pid} is executing ${what}`);
      continue;
    }
    const isHere = !isDryRun && intent.target === identity.target;
    const outcome = isHere
      ? await reconcileIntent(intent, {...identity, entries}, engine)
      : 'unknown, verify';
    report(`interrupted before its outcome was recorded (${outcome}): ${what}`);
  }
}
