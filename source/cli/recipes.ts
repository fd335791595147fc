import {noSettings, type TargetSettings} from '../core/configuration.ts';
import {AbortError} from '../core/errors.ts';
import type {Recipe} from '../model/recipe.ts';
import {localMachine} from '../postgres/connect/machine.ts';
import type {TeamFile} from '../team-recipes/folder.ts';
import {type CliContext, type Output, printMessage} from './context.ts';
import {readConfigurationFile} from './locate-server.ts';

type LoadedRecipes = {
  recipes: Recipe[];
  /** What of the team's folders was skipped and why, one line each. */
  skipped: string[];
};

/**
 * poolctl's own recipes, and those of the folders that the call and the configuration name. A file with a mistake is
 * skipped: during an incident it must not keep poolctl from starting. Throws AbortError (exit 2) where the folder of
 * the call cannot be read.
 */
export async function loadRecipes(
  flags: {recipes?: string | undefined},
  settings: TargetSettings,
): Promise<LoadedRecipes> {
  const folders = [...settings.recipe_folders, ...(flags.recipes === undefined ? [] : [flags.recipes])];
  const {recipes: own} = await import('../../recipes/index.ts');
  if (folders.length === 0) return {recipes: own, skipped: []};
  const {loadFolder} = await import('../team-recipes/folder.ts');
  const loaded: LoadedRecipes = {recipes: [...own], skipped: []};
  for (const folder of new Set(folders)) {
    try {
      const files = await loadFolder(
        folder,
        loaded.recipes.map(({id}) => id),
      );
      loaded.recipes.push(...files.flatMap(({recipe}) => recipe ?? []));
      loaded.skipped.push(...files.flatMap(firstProblem));
    } catch (error) {
      if (!(error instanceof AbortError) || folder === flags.recipes) throw error;
      loaded.skipped.push(error.message);
    }
  }
  return loaded;
}

/** The same; what was skipped is printed on stderr. */
export async function loadRecipesAndReport(
  output: Output,
  flags: {recipes?: string | undefined},
  settings: TargetSettings,
): Promise<Recipe[]> {
  const {recipes, skipped} = await loadRecipes(flags, settings);
  for (const text of skipped) printMessage(output, text);
  return recipes;
}

/** Those of a call that connects to no server: the configuration of `--target`, else the general one. */
export async function loadConfiguredRecipes(
  {env, cwd, output}: CliContext,
  flags: {recipes?: string | undefined; target?: string | undefined},
): Promise<Recipe[]> {
  const configuration = await readConfigurationFile(localMachine(env, cwd));
  const target = configuration?.targets.get(flags.target ?? '');
  return loadRecipesAndReport(output, flags, target?.settings ?? configuration?.settings ?? noSettings);
}

function firstProblem({problems}: TeamFile): string[] {
  return problems.slice(0, 1).map(({file, line, message}) => `skipped ${file}:${line}: ${message}`);
}
