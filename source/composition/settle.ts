import type {RunIdentity} from '../core/engine/engine.ts';
import {settleIntent} from '../core/engine/settle.ts';
import {AbortError} from '../core/errors.ts';
import type {Engine} from './acting.ts';

/**
 * Acts whose outcome nobody recorded: those on this target are looked at, and what is seen is recorded; the others
 * are told, and so are those that another process of this machine is at. A journal that cannot be read is one that cannot be written, which a dry run does not mind.
 */
export async function settleEarlier(
  engine: Engine,
  {isDryRun, ...identity}: RunIdentity & {isDryRun: boolean},
  tell: (text: string) => void,
): Promise<void> {
  const unfinished = await engine.journal.unfinished().catch((error: unknown) => {
    if (!isDryRun || !(error instanceof AbortError)) throw error;
    return [];
  });
  for (const intent of unfinished) {
    const what = `run ${intent.run} step ${intent.step + 1} at ${intent.at} on ${intent.target}: ${intent.title}`;
    if (intent.acting_pid !== null) {
      tell(`an act is under way (pid ${intent.acting_pid}): ${what}`);
      continue;
    }
    const isSettled = !isDryRun && intent.target === identity.target;
    const seen = isSettled ? await settleIntent(intent, identity, engine) : 'unknown, verify';
    tell(`an act of an earlier run never told its outcome (${seen}): ${what}`);
  }
}
