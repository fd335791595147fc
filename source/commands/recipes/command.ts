import {recipes as own} from '../../../recipes/index.ts';
import type {Flags} from '../../cli/call/parse-call.ts';
import type {CliContext} from '../../cli/context.ts';
import {readConfigurationFile} from '../../cli/locate-server.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {noSettings} from '../../core/configuration.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {checkRecipes} from './check-recipes.ts';
import {listRecipes} from './list-recipes.ts';

/** What can be run here, a team's own recipes included; or what is wrong with those of a folder. */
export async function runRecipes(context: CliContext, flags: Flags): Promise<ExitCode> {
  const {output} = context;
  const json = flags.json ?? false;
  if (flags.check !== undefined) {
    const {lintFolder} = await import('../../team-recipes/lint.ts');
    const folder = flags.check;
    const taken = own.map(({id}) => id);
    return checkRecipes({lint: () => lintFolder(folder, taken), output}, {folder, json});
  }
  return listRecipes({recipes: await loadConfiguredRecipes(context, flags), output}, {json});
}

/** Those of the program, the folder of the call and the target's profile; what is left out is told. */
export async function loadConfiguredRecipes(
  {env, cwd, output}: CliContext,
  flags: Pick<Flags, 'recipes' | 'target'>,
): Promise<Recipe[]> {
  const configuration = await readConfigurationFile(localMachine(env, cwd));
  const target = configuration?.targets.get(flags.target ?? '');
  const settings = target?.settings ?? configuration?.settings ?? noSettings;
  const {recipes, skipped: left_out} = await loadRecipes(flags, settings);
  for (const text of left_out) output.stderr(sanitise(`poolctl: ${text}`));
  return recipes;
}
