import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {withRunSession} from '../../cli/execution/engine-context.ts';
import {
  type ConsentFlags,
  type ExecutePorts,
  executePlan,
  readConsentFlags,
  requireConsent,
} from '../../cli/execution/execute-plan.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {loadRecipesAndReport} from '../../cli/recipes.ts';
import {watchHarm} from '../../core/assessment/recovery.ts';
import {createDriftCheck, type DriftPorts} from '../../core/engine/drift.ts';
import {onlySubjects} from '../../core/engine/only.ts';
import {type ActingRecipe, canAct, planRecipe} from '../../core/engine/plan.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {problemOf} from '../../core/recipe/parameters.ts';
import {nearest} from '../../core/text/nearest.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Parameter, ParameterValues, Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {usage} from './flags.ts';

export type RunPorts = ExecutePorts & DriftPorts & {recipes: readonly Recipe[]};

export type RunFlags = ConsentFlags & {
  /** `name=value` each. */
  set: readonly string[];
  /** Subjects of the steps to execute; null for all. */
  only?: readonly string[] | null;
};

/** `poolctl run <recipe> [url]`. */
export async function run(
  context: CliContext,
  {words: [id, url], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  const recipes = await loadRecipesAndReport(context.output, flags, request.settings);
  return withRunSession(context, request, flags, session =>
    runRecipe({...session, recipes}, id, {
      ...readConsentFlags(flags),
      set: flags.set ?? [],
      only: flags.only === undefined ? null : flags.only.split(',').map(subject => subject.trim()),
    }),
  );
}

/** Plans a recipe on a snapshot and executes it with the console's preview, guards, verification and journal. */
export async function runRecipe(ports: RunPorts, id: string | undefined, flags: RunFlags): Promise<ExitCode> {
  const recipe = findRecipe(ports.recipes, id);
  const params = readParams(flags.set);
  requireConsent(ports, flags);
  const snapshot = await ports.read();
  const completed = await askForMissing(ports, recipe, params, snapshot);
  const facts = recipe.planRequires ? await ports.load(recipe.planRequires(completed)) : {};
  const whole = planRecipe(recipe, snapshot, {...recipe.defaults?.(snapshot, facts), ...completed}, facts);
  const plan = flags.only ? onlySubjects(whole, flags.only) : whole;
  const drift = createDriftCheck(recipe, plan.params, ports);
  const reading = {...ports, clock: ports.engine.clock};
  return executePlan(
    ports,
    plan,
    {
      target: snapshot.target,
      drift,
      watchHarm: isAsked => watchHarm(plan, {snapshot, facts, isAsked}, reading),
    },
    flags,
  );
}

function findRecipe(recipes: readonly Recipe[], id: string | undefined): ActingRecipe {
  const recipe = recipes.find(each => each.id === id);
  if (recipe === undefined) {
    const ids = recipes.map(each => each.id);
    const near = id && (ids.find(each => each.startsWith(id)) ?? nearest(id, ids));
    throw usageError(
      id === undefined ? 'run needs a recipe' : `unknown recipe "${id}"`,
      near === undefined || near === ''
        ? "'poolctl recipes' lists the recipes."
        : `Did you mean 'poolctl run ${near}'?`,
    );
  }
  if (!canAct(recipe))
    throw usageError(
      `${recipe.id} only gives advice and cannot be run`,
      "'poolctl recipes' lists the recipes that can.",
    );
  return recipe;
}

function readParams(settings: readonly string[]): ParameterValues {
  return Object.fromEntries(
    settings.map(setting => {
      const at = setting.indexOf('=');
      if (at < 1) throw usageError(`--set ${setting} is not NAME=VALUE`, 'Use --set older_than=10min.');
      return [setting.slice(0, at).trim(), setting.slice(at + 1)];
    }),
  );
}

/** Asks for required parameters that are not set. Throws AbortError (exit 2) without a terminal. */
async function askForMissing(
  {ask, output, load}: RunPorts,
  {parameters, planRequires}: Recipe,
  params: ParameterValues,
  snapshot: Snapshot,
): Promise<ParameterValues> {
  const missing = parameters.filter(({name, is_required}) => is_required && !params[name]?.trim());
  const [first] = missing;
  if (first === undefined) return params;
  if (ask === undefined)
    throw usageError(`${first.name} is not set: ${first.description}`, `Add --set ${first.name}=VALUE.`);
  const facts = await load(suggestionsRequire(planRequires, params));
  const answers: ParameterValues = {};
  for (const parameter of missing) {
    answers[parameter.name] = await askFor(parameter, {ask, output, snapshot, facts});
  }
  return {...params, ...answers};
}

/** The data that suggestions need. Empty if the recipe throws because parameters are missing. */
function suggestionsRequire(planRequires: Recipe['planRequires'], params: ParameterValues): DataRequirements {
  try {
    return planRequires?.(params) ?? {};
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

/** Asks until the answer is valid. An answer with a warning, such as an unknown role, is accepted if repeated. */
async function askFor(parameter: Parameter, {ask, output, snapshot, facts}: Asking): Promise<string> {
  const {name, description, suggest} = parameter;
  const suggested = suggest?.(snapshot, facts).slice(0, 8) ?? [];
  output.stderr(
    sanitise(
      `${name}: ${description}${suggested.length > 0 ? `; suggestions: ${suggested.join('  ')}` : ''}`,
    ),
  );
  let previous: string | null = null;
  for (;;) {
    const answer = await ask(`${name}: `);
    if (answer === null) throw new AbortError('interrupted', {exitCode: exitCodes.interrupted});
    const problem = problemOf(parameter, answer, snapshot, facts);
    if (problem === null || (problem.severity === 'warning' && answer === previous)) return answer;
    const again = problem.severity === 'warning' ? ' (repeat it to use it anyway)' : '';
    output.stderr(sanitise(`${name}: ${problem.text}${again}`));
    previous = answer;
  }
}
