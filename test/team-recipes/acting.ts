import {type RunFlags, runRecipe} from '../../source/commands/run/command.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import type {Finding} from '../../source/model/recipe.ts';
import type {ExitCode} from '../../source/model/run.ts';
import {loadFolder} from '../../source/team-recipes/folder.ts';
import {type Acting, exitCode, noFlags} from '../cli/execution/acting.ts';

/** The run command with the recipes of a team's folder only. */
export async function actingWith(acting: Acting, folder: string) {
  const files = await loadFolder(folder, []);
  const recipes = files.flatMap(({recipe}) => recipe ?? []);
  const ports = {...acting.ports, recipes};
  let runs = 0;
  const fresh = () => ({...ports, identity: {...ports.identity, run: `r${++runs}`}});
  return {
    ...acting,
    run: (id: string, flags: Partial<RunFlags>): Promise<ExitCode> =>
      exitCode(runRecipe(fresh(), id, {...noFlags, ...flags})),
    /** Runs `meanwhile`, then approves on the terminal. */
    runAsked: (id: string, flags: Partial<RunFlags>, meanwhile: () => Promise<void>): Promise<ExitCode> =>
      exitCode(
        runRecipe({...fresh(), ask: async () => meanwhile().then(() => 'yes')}, id, {...noFlags, ...flags}),
      ),
    undo: (run: string): Promise<ExitCode> => exitCode(undoRun(fresh(), run, {...noFlags, yes: true})),
    /** Findings with default parameters, as in the console and `check`. */
    async findings(id: string): Promise<Finding[]> {
      const recipe = recipes.find(each => each.id === id);
      if (recipe === undefined) throw new Error(`no ${id} in ${folder}`);
      return recipe.diagnose(await ports.read(), await ports.load(recipe.diagnoseRequires ?? {}));
    },
  };
}
