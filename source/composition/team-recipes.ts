import {recipes as own} from '../../recipes/index.ts';
import {checkRecipes} from '../commands/check-recipes.ts';
import type {Flags} from '../commands/parse-call.ts';
import {listRecipes} from '../commands/recipes.ts';
import {noSettings} from '../core/configuration.ts';
import type {ExitCode} from '../core/errors.ts';
import {sanitise} from '../core/sanitise.ts';
import {localMachine} from '../postgres/local-machine.ts';
import {recipesFor} from './recipes.ts';
import {configurationOf} from './request.ts';
import type {Shell} from './shell.ts';

/** What can be run here, a team's own recipes included; or what is wrong with those of a folder. */
export async function runRecipes({env, cwd, output}: Shell, flags: Flags): Promise<ExitCode> {
  const json = flags.json ?? false;
  if (flags.check !== undefined) {
    const {lintFolder} = await import('../runbooks/lint.ts');
    const folder = flags.check;
    const taken = own.map(({id}) => id);
    return checkRecipes({lint: () => lintFolder(folder, taken), output}, {folder, json});
  }
  const configuration = await configurationOf(localMachine(env, cwd));
  const {recipes, left_out} = await recipesFor(flags, configuration?.settings ?? noSettings);
  for (const text of left_out) output.talk(sanitise(`poolctl: ${text}`));
  return listRecipes({recipes, output}, {json});
}
