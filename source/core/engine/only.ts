import type {Plan, WatchedGroup} from '../../model/recipe.ts';
import {usageError} from '../errors.ts';
import {nearest} from '../text/nearest.ts';

/**
 * The plan with the steps of these subjects only (`backend:4711`, `index:public.orders_idx`); the others are listed as
 * skipped. Throws AbortError (exit 2) for a subject that the plan does not have.
 */
export function onlySubjects(plan: Plan, subjects: readonly string[]): Plan {
  const known = [...new Set(plan.steps.map(({subject}) => subject))];
  for (const subject of subjects) if (!known.includes(subject)) throw unknown(subject, known);
  const kept = plan.steps.flatMap((step, index) => (subjects.includes(step.subject) ? [index] : []));
  const left = plan.steps.filter(({subject}) => !subjects.includes(subject));
  return {
    ...plan,
    steps: kept.flatMap(index => plan.steps[index] ?? []),
    skipped: [
      ...plan.skipped,
      ...left.map(({subject, title}) => ({subject, description: title, reason: 'left out by --only'})),
    ],
    // A session frees one slot.
    slots_freed: Math.min(plan.slots_freed, subjects.length),
    watch_groups: plan.watch_groups.flatMap(group => regroup(group, kept)),
  };
}

/** A group refers to steps by index. */
function regroup(group: WatchedGroup, kept: readonly number[]): WatchedGroup[] {
  const steps = group.steps.map(index => kept.indexOf(index)).filter(index => index >= 0);
  return steps.length === 0 ? [] : [{...group, steps}];
}

function unknown(subject: string, known: readonly string[]) {
  const close = nearest(subject, known);
  const listed = known.slice(0, 10).join(', ');
  return usageError(
    `--only ${subject}: the plan has no such subject${close === undefined ? '' : `; did you mean ${close}?`}`,
    known.length === 0 ? 'The plan has no steps.' : `It has: ${listed}${known.length > 10 ? ', ...' : ''}.`,
  );
}
