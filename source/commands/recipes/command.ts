import {type Call, jsonFlag, recipesFlag, type Usage} from '../../cli/call/usage.ts';
import type {CliContext, Output} from '../../cli/context.ts';
import {loadConfiguredRecipes} from '../../cli/recipes.ts';
import {exitCodes} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';

export const usage = {
  name: 'recipes',
  summary: 'List the recipes and their parameters',
  arguments: [],
  flags: {
    ...recipesFlag,
    check: {
      type: 'string',
      value: 'DIR',
      help: 'Validate the recipe files in a directory; exit 2 on an error',
    },
    ...jsonFlag,
  },
  details: [],
} as const satisfies Usage;

/** `poolctl recipes`: all recipes with their parameters, or with `--check DIR` the errors in a team's own. */
export async function run(context: CliContext, {flags}: Call<typeof usage>): Promise<ExitCode> {
  const json = flags.json ?? false;
  if (flags.check !== undefined) return checkRecipes(context.output, flags.check, json);
  await printRecipes(await loadConfiguredRecipes(context, flags), context.output, json);
  return exitCodes.ok;
}

/** Prints each error with its file and line. Exit 2 if there is one. */
async function checkRecipes(output: Output, folder: string, json: boolean): Promise<ExitCode> {
  const [{lintFolder}, {recipes: own}] = await Promise.all([
    import('../../team-recipes/lint.ts'),
    import('../../../recipes/index.ts'),
  ]);
  const {files, problems} = await lintFolder(
    folder,
    own.map(({id}) => id),
  );
  if (json) output.stdout(jsonText({schema_version: 1, directory: folder, files, problems}, 2));
  else {
    const lines = problems.map(({file, line, message}) => `${file}:${line}: ${message}`);
    const end = problems.length === 0 ? [`${counted(files, 'recipe')}, no errors`] : [];
    output.stdout([...lines, ...end].map(sanitise).join('\n'));
  }
  return problems.length === 0 ? exitCodes.ok : exitCodes.usage;
}

/** Prints recipes with their parameters, and marks those without a plan as advice. */
export async function printRecipes(recipes: readonly Recipe[], output: Output, json: boolean): Promise<void> {
  if (json) return output.stdout(jsonText(toDocument(recipes), 2));
  const {recipeText} = await import('../../cli/call/help-text.ts');
  output.stdout(recipes.map(recipe => recipeText(recipe, output.columns)).join('\n\n'));
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
