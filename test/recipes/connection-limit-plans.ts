import recipe from '../../recipes/tune-connection-limit.ts';
import type {ParameterValues, Plan} from '../../source/model/recipe.ts';
import type {RecipeData} from '../../source/model/recipe-data.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createSnapshot} from '../helpers/snapshot.ts';

export const role = {oid: '1', name: 'shop_app', is_superuser: false, connection_limit: -1};
export const facts: RecipeData = {
  role_limits: [role, {oid: '10', name: 'postgres', is_superuser: true, connection_limit: -1}],
};

export function planOf(
  params: ParameterValues,
  given: RecipeData = facts,
  snapshot: Snapshot = createSnapshot(),
): Plan {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(snapshot, params, given);
}

export const textOf = ({explanation, figure = []}: Plan) => [...explanation, ...figure].join('\n');
/** The pool parameters that the steps of advice contain. */
export const urlAdvice = (plan: Plan) =>
  plan.steps.flatMap(step =>
    step.kind === 'advice' ? (/connection_limit=\S+/.exec(step.text)?.[0] ?? []) : [],
  );
