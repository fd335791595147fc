import {recipes as own} from '../../../recipes/index.ts';
import type {Flags} from '../../cli/call/parse-call.ts';
import type {Shell} from '../../cli/context.ts';
import {configurationOf} from '../../cli/locate-server.ts';
import {recipesFor} from '../../cli/recipes.ts';
import {noSettings} from '../../core/configuration.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {checkRecipes} from './check-recipes.ts';
import {listRecipes} from './list-recipes.ts';

/** What can be run here, a team's own recipes included; or what is wrong with those of a folder. */
export async function runRecipes(shell: Shell, flags: Flags): Promise<ExitCode> {
  const {output} = shell;
  const json = flags.json ?? false;
  if (flags.check !== undefined) {
    const {lintFolder} = await import('../../team-recipes/lint.ts');
    const folder = flags.check;
    const taken = own.map(({id}) => id);
    return checkRecipes({lint: () => lintFolder(folder, taken), output}, {folder, json});
  }
  return listRecipes({recipes: await recipesToRun(shell, flags), output}, {json});
}

/** Those of the program, the folder of the call and the target's profile; what is left out is told. */
export async function recipesToRun(
  {env, cwd, output}: Shell,
  flags: Pick<Flags, 'recipes' | 'target'>,
): Promise<Recipe[]> {
  const configuration = await configurationOf(localMachine(env, cwd));
  const target = configuration?.targets.get(flags.target ?? '');
  const settings = target?.settings ?? configuration?.settings ?? noSettings;
  const {recipes, left_out} = await recipesFor(flags, settings);
  for (const text of left_out) output.talk(sanitise(`poolctl: ${text}`));
  return recipes;
}
