import {wrap} from '../../cli/call/wrap.ts';
import type {Output} from '../../cli/context.ts';
import {exitCodes} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';

import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';

export type RecipesPorts = {recipes: readonly Recipe[]; output: Output};

/** What can be run, with its parameters; a recipe without a plan is advice. */
export function listRecipes({recipes, output}: RecipesPorts, flags: {json: boolean}): ExitCode {
  output.stdout(
    flags.json
      ? jsonText(toDocument(recipes), 2)
      : recipes.map(recipe => recipeText(recipe, output.columns)).join('\n\n'),
  );
  return exitCodes.ok;
}

/** One recipe for people: what it does, and its parameters with what they are unless set. */
export function recipeText({id, summary, parameters, plan}: Recipe, columns: number): string {
  const head = `${id}${plan === undefined ? '  (advice)' : ''}`;
  const width = Math.max(0, ...parameters.map(({name}) => name.length));
  const rows = parameters.map(({name, description, default: value}) => {
    const shown = value === '' ? '' : ` [${value}]`;
    return wrap(`    ${name.padEnd(width)}  `, sanitise(`${description}${shown}`), columns);
  });
  return [head, wrap('  ', sanitise(summary), columns), ...rows].join('\n');
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
