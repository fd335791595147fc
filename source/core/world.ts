import type {EnginePorts, Recheck} from './engine.ts';
import type {ParameterValues, Recipe} from './recipe.ts';
import {slotsOf} from './run-state.ts';
import type {Snapshot} from './snapshot.ts';

/**
 * The engine's eyes, from whole readings: `slots` reads afresh before each batch, and `recheck` diagnoses again
 * on that same reading. A session that came under protection since the preview (it began a dump, a migration, an
 * index build) is skipped; one that changed otherwise is the guard's of the acting statement.
 */
export function watchWorld(
  recipe: Recipe,
  params: ParameterValues,
  read: () => Promise<Snapshot>,
): Pick<EnginePorts, 'slots' | 'recheck'> {
  let protectedNow = new Map<string, string>();
  return {
    async slots() {
      const snapshot = await read();
      const left_alone = recipe.plan?.(snapshot, params).left_alone ?? [];
      protectedNow = new Map(left_alone.map(({subject, reason}) => [subject, reason]));
      return slotsOf(snapshot.budget);
    },
    async recheck({subject}): Promise<Recheck> {
      const reason = protectedNow.get(subject);
      return reason === undefined ? {kind: 'go'} : {kind: 'skip', reason: `protected now: ${reason}`};
    },
  };
}
