import type {TargetSettings} from '../core/configuration.ts';
import {AbortError} from '../core/errors.ts';
import type {Recipe} from '../model/recipe.ts';
import type {TeamFile} from '../team-recipes/folder.ts';
import type {Flags} from './call/parse-call.ts';

export type LoadedRecipes = {
  recipes: Recipe[];
  /** What of a team's folders is left out, and why; a line each. */
  skipped: string[];
};

/**
 * poolctl's own recipes, and those of the folders that the call and the configuration name. A file with a mistake is
 * left out and told of: it must not stand between a person on call and the server. Throws AbortError (exit 2) for a
 * folder of the call that cannot be read.
 */
export async function loadRecipes(
  flags: Pick<Flags, 'recipes'>,
  settings: TargetSettings,
): Promise<LoadedRecipes> {
  const folders = [...settings.recipe_folders, ...(flags.recipes === undefined ? [] : [flags.recipes])];
  const {recipes: own} = await import('../../recipes/index.ts');
  if (folders.length === 0) return {recipes: own, skipped: []};
  const {loadFolder} = await import('../team-recipes/folder.ts');
  const all: LoadedRecipes = {recipes: [...own], skipped: []};
  for (const folder of new Set(folders)) {
    try {
      const files = await loadFolder(
        folder,
        all.recipes.map(({id}) => id),
      );
      all.recipes.push(...files.flatMap(({recipe}) => recipe ?? []));
      all.skipped.push(...files.flatMap(firstProblem));
    } catch (error) {
      if (!(error instanceof AbortError) || folder === flags.recipes) throw error;
      all.skipped.push(error.message);
    }
  }
  return all;
}

function firstProblem({problems}: TeamFile): string[] {
  return problems.slice(0, 1).map(({file, line, message}) => `left out ${file}:${line}: ${message}`);
}
