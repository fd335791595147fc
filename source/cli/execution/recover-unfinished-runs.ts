import type {RunIdentity} from '../../core/engine/execute.ts';
import {reconcileIntent} from '../../core/engine/recover-runs.ts';
import {AbortError} from '../../core/errors.ts';
import type {Engine} from './engine-context.ts';

/**
 * Acts whose outcome nobody recorded: those on this target are looked at, and what is seen is recorded; the others
 * are told, and so are those that another process of this machine is at. A journal that cannot be read or does not
 * verify ends the run here; a dry run only tells so.
 */
export async function recoverUnfinishedRuns(
  engine: Engine,
  {isDryRun, ...identity}: RunIdentity & {isDryRun: boolean},
  tell: (text: string) => void,
): Promise<void> {
  const {journal} = engine;
  const entries = await journal.read().catch((error: unknown) => {
    if (!isDryRun || !(error instanceof AbortError)) throw error;
    tell(error.message);
    return [];
  });
  for (const intent of journal.unfinishedOf(entries)) {
    const what = `run ${intent.run} step ${intent.step + 1} at ${intent.at} on ${intent.target}: ${intent.title}`;
    if (intent.acting_pid !== null) {
      tell(`an act is under way (pid ${intent.acting_pid}): ${what}`);
      continue;
    }
    const isSettled = !isDryRun && intent.target === identity.target;
    const seen = isSettled
      ? await reconcileIntent(intent, {...identity, entries}, engine)
      : 'unknown, verify';
    tell(`an act of an earlier run never told its outcome (${seen}): ${what}`);
  }
}
