import {type ExitCode, exitCodes} from '../core/errors.ts';
import type {Output} from '../core/ports.ts';
import type {Recipe} from '../core/recipe.ts';

export type RecipesPorts = {recipes: readonly Recipe[]; output: Output};

/** What can be run, with its parameters; a recipe without a plan is advice. */
export function listRecipes({recipes, output}: RecipesPorts, flags: {json: boolean}): ExitCode {
  output.data(flags.json ? JSON.stringify(toDocument(recipes), null, 2) : recipes.map(toText).join('\n\n'));
  return exitCodes.ok;
}

function toDocument(recipes: readonly Recipe[]) {
  return {
    schema_version: 1,
    recipes: recipes.map(({id, title, summary, parameters, plan}) => ({
      id,
      title,
      summary,
      acts: plan !== undefined,
      parameters: parameters.map(({name, description, kind, default: value}) => ({
        name,
        description,
        kind,
        default: value,
      })),
    })),
  };
}

function toText({id, summary, parameters, plan}: Recipe): string {
  const head = `${id}${plan === undefined ? '  (advice)' : ''}\n  ${summary}`;
  const width = Math.max(0, ...parameters.map(({name}) => name.length));
  const lines = parameters.map(({name, description, default: value}) => {
    const shown = value === '' ? '' : ` [${value}]`;
    return `    ${name.padEnd(width)}  ${description}${shown}`;
  });
  return [head, ...lines].join('\n');
}
