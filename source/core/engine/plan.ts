import type {ParameterValues} from '../../model/parameter.ts';
import type {Plan} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {Facts} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {counted} from '../format.ts';
import {secretReason} from '../step.ts';
import {withoutSecretUndo} from '../step-secrets.ts';
import {refuseOnStandby} from './standby.ts';

export type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;

export function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

/**
 * Every plan there is comes from here: the recipe's, without what a standby refuses, with what cannot be undone told.
 * Throws what the recipe throws.
 */
export function planRecipe(
  recipe: ActingRecipe,
  snapshot: Snapshot,
  params: ParameterValues,
  facts: Facts,
): Plan {
  const plan = refuseOnStandby(recipe.plan(snapshot, params, facts), snapshot.target);
  const steps = plan.steps.map(withoutSecretUndo);
  const secret = steps.flatMap((step, at) => (step.kind !== 'advice' && step.holds_secret ? [at + 1] : []));
  if (secret.length === 0) return plan;
  const which =
    secret.length === 1 ? `Step ${secret[0]}` : `${counted(secret.length, 'step')} (${secret.join(', ')})`;
  return {...plan, steps, explanation: [...plan.explanation, `${which} cannot be undone: ${secretReason}.`]};
}
