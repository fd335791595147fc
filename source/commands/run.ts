import {type WorldPorts, watchWorld} from '../core/engine/world.ts';
import {AbortError, type ExitCode, exitCodes, usageError} from '../core/errors.ts';
import type {ParameterValues, Recipe} from '../core/recipe.ts';
import {sanitise} from '../core/sanitise.ts';
import type {Snapshot} from '../core/snapshot.ts';
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
  const asked = await askForMissing(ports, recipe, params, snapshot);
  const facts = recipe.needs ? await ports.gather(recipe.needs(asked)) : {};
  const plan = recipe.plan(snapshot, {...recipe.defaults?.(snapshot, facts), ...asked}, facts);
  const world = watchWorld(recipe, plan.params, ports);
  return carryOutPlan(ports, plan, {target: snapshot.target, world}, flags);
}

type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;

function findRecipe(recipes: readonly Recipe[], id: string | undefined): ActingRecipe {
  const recipe = recipes.find(each => each.id === id);
  if (recipe === undefined) {
    throw usageError(
      id === undefined ? 'run: which recipe?' : `no recipe "${id}"`,
      "'poolctl recipes' lists them",
    );
  }
  if (!canAct(recipe))
    throw usageError(`${recipe.id} is advice: it changes nothing`, "'poolctl recipes' lists those that act");
  return recipe;
}

function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

function readParams(settings: readonly string[]): ParameterValues {
  return Object.fromEntries(
    settings.map(setting => {
      const at = setting.indexOf('=');
      if (at < 1) throw usageError(`--set ${setting}: not name=value`, 'write --set older_than=10min');
      return [setting.slice(0, at).trim(), setting.slice(at + 1)];
    }),
  );
}

/** Asks for what the recipe cannot do without; where nobody can be asked, planning says what is missing (exit 2). */
async function askForMissing(
  {ask, output}: RunPorts,
  {parameters}: Recipe,
  params: ParameterValues,
  snapshot: Snapshot,
): Promise<ParameterValues> {
  const missing = parameters.filter(({name, is_required}) => is_required && !params[name]?.trim());
  const answers: ParameterValues = {};
  for (const {name, description, suggest} of missing) {
    if (ask === undefined) throw usageError(`${name} is not set: ${description}`, `add --set ${name}=VALUE`);
    const seen = suggest?.(snapshot, {}).slice(0, 8) ?? [];
    output.talk(
      sanitise(`${name}: ${description}${seen.length > 0 ? `; seen now: ${seen.join('  ')}` : ''}`),
    );
    const answer = await ask(`${name}: `);
    if (answer === null) throw new AbortError('interrupted', {exitCode: exitCodes.interrupted});
    answers[name] = answer;
  }
  return {...params, ...answers};
}
