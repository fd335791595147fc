import type {Recipe} from '../model/recipe.ts';

/** What `import {...} from 'poolctl'` gives a team's own recipe in TypeScript. */
export {AbortError, exitCodes} from '../core/errors.ts';
export {
  completeParams,
  readChoice,
  readCount,
  readDuration,
  readNumber,
  readValues,
} from '../core/recipe/parameters.ts';
export {quoteIdentifier, quoteLiteral} from '../core/sql/quote.ts';
export type {Finding} from '../model/finding.ts';
export type {Parameter, ParameterValues} from '../model/parameter.ts';
export type {Plan} from '../model/plan.ts';
export type {Recipe} from '../model/recipe.ts';
export type {
  DataRequirements,
  /** The names of poolctl 0.1. */
  DataRequirements as FactNeeds,
  RecipeData,
  RecipeData as Facts,
} from '../model/recipe-data.ts';

export type {Snapshot} from '../model/snapshot.ts';

export type {AdviceStep, FileStep, Sql, SqlStep, Step, Verification} from '../model/step.ts';

/** A recipe, its members checked by the compiler: the default export of a file that bears its id as name. */
export function defineRecipe(recipe: Recipe): Recipe {
  return recipe;
}
