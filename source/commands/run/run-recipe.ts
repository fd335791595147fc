import {
  type ConsentFlags,
  type ExecutePorts,
  executePlan,
  requireConsent,
} from '../../cli/execution/execute-plan.ts';
import {createDriftCheck, type DriftPorts} from '../../core/engine/drift.ts';
import {type ActingRecipe, canAct, planRecipe} from '../../core/engine/plan.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {problemOf} from '../../core/recipe/parameter-problem.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Parameter, ParameterValues} from '../../model/parameter.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type RunPorts = ExecutePorts & DriftPorts & {recipes: readonly Recipe[]};

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
  const facts = recipe.planRequires ? await ports.load(recipe.planRequires(asked)) : {};
  const plan = planRecipe(recipe, snapshot, {...recipe.defaults?.(snapshot, facts), ...asked}, facts);
  const world = createDriftCheck(recipe, plan.params, ports);
  return executePlan(ports, plan, {target: snapshot.target, world}, flags);
}

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

function readParams(settings: readonly string[]): ParameterValues {
  return Object.fromEntries(
    settings.map(setting => {
      const at = setting.indexOf('=');
      if (at < 1) throw usageError(`--set ${setting}: not name=value`, 'write --set older_than=10min');
      return [setting.slice(0, at).trim(), setting.slice(at + 1)];
    }),
  );
}

/** Asks for what the recipe cannot do without; where nobody can be asked, that is told (exit 2). */
async function askForMissing(
  {ask, output, load: gather}: RunPorts,
  {parameters, planRequires: needs}: Recipe,
  params: ParameterValues,
  snapshot: Snapshot,
): Promise<ParameterValues> {
  const missing = parameters.filter(({name, is_required}) => is_required && !params[name]?.trim());
  const [first] = missing;
  if (first === undefined) return params;
  if (ask === undefined)
    throw usageError(`${first.name} is not set: ${first.description}`, `add --set ${first.name}=VALUE`);
  const facts = await gather(needsBefore(needs, params));
  const answers: ParameterValues = {};
  for (const parameter of missing) {
    answers[parameter.name] = await askFor(parameter, {ask, output, snapshot, facts});
  }
  return {...params, ...answers};
}

/** What can be known before all parameters are: one that is missing may be needed for more. */
function needsBefore(needs: Recipe['planRequires'], params: ParameterValues): DataRequirements {
  try {
    return needs?.(params) ?? {};
  } catch {
    return {};
  }
}

type Asking = {
  ask: NonNullable<RunPorts['ask']>;
  output: RunPorts['output'];
  snapshot: Snapshot;
  facts: RecipeData;
};

/** Until the answer can be read; a name that nobody bears now counts when it is given twice. */
async function askFor(parameter: Parameter, {ask, output, snapshot, facts}: Asking): Promise<string> {
  const {name, description, suggest} = parameter;
  const seen = suggest?.(snapshot, facts).slice(0, 8) ?? [];
  output.stderr(
    sanitise(`${name}: ${description}${seen.length > 0 ? `; seen now: ${seen.join('  ')}` : ''}`),
  );
  let before: string | null = null;
  for (;;) {
    const answer = await ask(`${name}: `);
    if (answer === null) throw new AbortError('interrupted', {exitCode: exitCodes.interrupted});
    const problem = problemOf(parameter, answer, snapshot, facts);
    if (problem === null || (problem.severity === 'warning' && answer === before)) return answer;
    const again = problem.severity === 'warning' ? ' (the same again keeps it)' : '';
    output.stderr(sanitise(`${name}: ${problem.text}${again}`));
    before = answer;
  }
}
