import type {Recipe} from '../core/recipe.ts';

/** What `import {...} from 'poolctl'` gives a team's own recipe in TypeScript. */
export {AbortError, exitCodes} from '../core/errors.ts';
export type {FactNeeds, Facts} from '../core/facts/facts.ts';
export {
  completeParams,
  readChoice,
  readCount,
  readDuration,
  readNumber,
  readValues,
} from '../core/parameters.ts';
export {quoteIdentifier, quoteLiteral} from '../core/quote.ts';
export type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../core/recipe.ts';
export type {Snapshot} from '../core/snapshot.ts';
export type {AdviceStep, FileStep, Sql, SqlStep, Step, Verification} from '../core/step.ts';

/** A recipe, its members checked by the compiler: the default export of a file that bears its id as name. */
export function defineRecipe(recipe: Recipe): Recipe {
  return recipe;
}
