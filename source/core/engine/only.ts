import type {Plan, WatchedGroup} from '../../model/recipe.ts';
import {usageError} from '../errors.ts';
import {nearest} from '../text/nearest.ts';

/**
 * The plan with the steps of these subjects only (`backend:4711`, `index:public.orders_idx`); the others are listed as
 * skipped. Throws AbortError (exit 2) for a subject that the plan does not have.
 */
export function onlySubjects(plan: Plan, subjects: readonly string[]): Plan {
  const known = [...new Set(plan.steps.map(({subject}) => subject))];
  for (const subject of subjects) if (!known.includes(subject)) throw unknown(subject, known, plan);
  const kept = plan.steps.flatMap((step, index) => (subjects.includes(step.subject) ? [index] : []));
  const left = plan.steps.filter(({subject}) => !subjects.includes(subject));
  const chosen = known.filter(subject => subjects.includes(subject)).length;
  return {
    ...plan,
    explanation: [
      ...(left.length === 0 ? [] : [`Only ${chosen} of ${known.length} chosen: the others are left out.`]),
      ...plan.explanation,
    ],
    steps: kept.flatMap(index => plan.steps[index] ?? []),
    skipped: [
      ...plan.skipped,
      ...left.map(({subject, title}) => ({subject, description: title, reason: leftOut})),
    ],
    // A session frees one slot.
    slots_freed: Math.min(plan.slots_freed, subjects.length),
    watch_groups: plan.watch_groups.flatMap(group => regroup(group, kept)),
  };
}

const leftOut = 'not chosen';

/** What can be left out by itself: sessions, indexes and tables, of which no step needs another's. [] for fewer than two. */
export function choicesOf({steps}: Plan): string[] {
  const subjects = [...new Set(steps.map(({subject}) => subject))];
  const choices = subjects.filter(subject => /^(?:backend|index|table):/.test(subject));
  return choices.length < 2 || steps.some(({kind, subject}) => kind === 'sql' && !choices.includes(subject))
    ? []
    : choices;
}

/** The plan without these of its choices. A file names every index: it is left out with the first of them. */
export function withoutChoices(plan: Plan, left: readonly string[]): Plan {
  if (left.length === 0) return plan;
  const choices = choicesOf(plan).filter(subject => !left.includes(subject));
  return onlySubjects(plan, choices);
}

/** A group refers to steps by index. */
function regroup(group: WatchedGroup, kept: readonly number[]): WatchedGroup[] {
  const steps = group.steps.map(index => kept.indexOf(index)).filter(index => index >= 0);
  return steps.length === 0 ? [] : [{...group, steps}];
}

function unknown(subject: string, known: readonly string[], {recipe, params, skipped}: Plan) {
  const skip = skipped.find(each => each.subject === subject);
  const pid = /^backend:(\d+)$/.exec(subject)?.[1];
  if (skip !== undefined)
    return usageError(
      `--only ${subject}: ${recipe} skips it: ${skip.reason}`,
      pid === undefined || params.pid !== '' || skip.is_final
        ? undefined
        : `To include it anyway: --set pid=${pid}.`,
    );
  const close = nearest(subject, known);
  const listed = known.slice(0, 10).join(', ');
  return usageError(
    `--only ${subject}: the plan has no such subject${close === undefined ? '' : `; did you mean ${close}?`}`,
    known.length === 0 ? 'The plan has no steps.' : `It has: ${listed}${known.length > 10 ? ', ...' : ''}.`,
  );
}
