import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import type {ParameterValues, Recipe} from '../core/recipe.ts';
import {type WorldPorts, watchWorld} from '../core/world.ts';
import {type CarryOutPorts, type ConsentFlags, carryOutPlan, requireConsent} from './carry-out.ts';

export type RunPorts = CarryOutPorts & WorldPorts & {recipes: readonly Recipe[]};

export type RunFlags = ConsentFlags & {
  /** `name=value`, one each. */
  set: readonly string[];
};

/** Carries out a recipe without the console: previewed, approved, guarded, verified and journaled as there. */
export async function runRecipe(ports: RunPorts, id: string | undefined, flags: RunFlags): Promise<ExitCode> {
  const recipe = findRecipe(ports.recipes, id);
  const params = readParams(flags.set);
  requireConsent(ports, flags);
  const snapshot = await ports.read();
  const facts = recipe.needs ? await ports.gather(recipe.needs(params)) : {};
  const plan = recipe.plan(snapshot, {...recipe.defaults?.(snapshot, facts), ...params}, facts);
  const world = watchWorld(recipe, plan.params, ports);
  return carryOutPlan(ports, plan, {target: snapshot.target, world}, flags);
}

type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;

function findRecipe(recipes: readonly Recipe[], id: string | undefined): ActingRecipe {
  const recipe = recipes.find(each => each.id === id);
  if (recipe === undefined) {
    throw usage(
      id === undefined ? 'run: which recipe?' : `no recipe "${id}"`,
      "'poolctl recipes' lists them",
    );
  }
  if (!canAct(recipe))
    throw usage(`${recipe.id} is advice: it changes nothing`, "'poolctl recipes' lists those that act");
  return recipe;
}

function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

function readParams(settings: readonly string[]): ParameterValues {
  return Object.fromEntries(
    settings.map(setting => {
      const at = setting.indexOf('=');
      if (at < 1) throw usage(`--set ${setting}: not name=value`, 'write --set older_than=10min');
      return [setting.slice(0, at).trim(), setting.slice(at + 1)];
    }),
  );
}

function usage(message: string, hint?: string): AbortError {
  return new AbortError(message, {exitCode: exitCodes.usage, ...(hint !== undefined && {hint})});
}
