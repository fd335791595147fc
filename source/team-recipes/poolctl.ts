import type {Recipe} from '../model/recipe.ts';

/** What a team's TypeScript recipe imports from 'poolctl'. */
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
export type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../model/recipe.ts';
export type {
  DataRequirements,
  /** The names of poolctl 0.1. */
  DataRequirements as FactNeeds,
  RecipeData,
  RecipeData as Facts,
} from '../model/recipe-data.ts';
export type {Snapshot} from '../model/snapshot.ts';
export type {AdviceStep, FileStep, Sql, SqlStep, Step, Verification} from '../model/step.ts';

/** Gives a recipe its type. It is the default export of a file whose name is the recipe's id. */
export function defineRecipe(recipe: Recipe): Recipe {
  return recipe;
}
