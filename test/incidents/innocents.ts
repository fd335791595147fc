import {recipes} from '../../recipes/index.ts';
import type {Act, Finding} from '../../source/model/recipe.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import type {Moment} from './watch-story.ts';

/** Recipes that end sessions, and plan from the snapshot alone. */
const enders = new Set(['kill-idle-sessions', 'terminate-sessions', 'release-blockers']);

/** Applications of `innocents` with sessions that a finding of the moment offers to end. */
export function innocentsOffered(
  {assessment: {findings}, snapshot}: Moment,
  innocents: readonly string[],
): string[] {
  const ended = new Set(findings.flatMap(actsOf).flatMap(act => applicationsEnded(act, snapshot)));
  return innocents.filter(name => ended.has(name));
}

function actsOf({acts, recipe, params = {}}: Finding): Pick<Act, 'recipe' | 'params'>[] {
  return acts ?? [{recipe, params}];
}

function applicationsEnded(
  {recipe: id, params}: Pick<Act, 'recipe' | 'params'>,
  snapshot: Snapshot,
): string[] {
  if (id === null || !enders.has(id)) return [];
  const plan = recipes
    .find(recipe => recipe.id === id)
    ?.plan?.(snapshot, params, {prepared_transactions: []});
  const subjects = new Set(plan?.steps.map(({subject}) => subject));
  return snapshot.backends
    .filter(({pid}) => subjects.has(`backend:${pid}`))
    .map(({application_name}) => application_name);
}
