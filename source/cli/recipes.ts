import {noSettings, type TargetSettings} from '../core/configuration.ts';
import {AbortError} from '../core/errors.ts';
import type {Recipe} from '../model/recipe.ts';
import {localMachine} from '../postgres/connect/machine.ts';
import type {TeamFile} from '../team-recipes/folder.ts';
import {type CliContext, type Output, printMessage} from './context.ts';
import {readConfigurationFile} from './locate-server.ts';

type LoadedRecipes = {
  recipes: Recipe[];
  /** The files and folders that were skipped, with the reason, one line each. */
  skipped: string[];
};

/**
 * Loads poolctl's own recipes and those of the folders in --recipes and config.toml. Skips an invalid file, as poolctl
 * must start during an incident. Throws AbortError (exit 2) if the folder of --recipes cannot be read.
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

/** As `loadRecipes`; prints what was skipped on stderr. */
export async function loadRecipesAndReport(
  output: Output,
  flags: {recipes?: string | undefined},
  settings: TargetSettings,
): Promise<Recipe[]> {
  const {recipes, skipped} = await loadRecipes(flags, settings);
  for (const text of skipped) printMessage(output, text);
  return recipes;
}

/** For a command without a server: uses the settings of `--target`, or the general ones. */
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
