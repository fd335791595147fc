import type {Plan} from '../../model/recipe.ts';

/** Of a plan whose steps follow each other without a pause, and free no slots by themselves. */
export function oneBatch(
  steps: readonly unknown[],
): Pick<Plan, 'batch_size' | 'pause_ms' | 'slots_freed' | 'watch_groups'> {
  return {batch_size: Math.max(1, steps.length), pause_ms: 0, slots_freed: 0, watch_groups: []};
}
