import {canAct, planRecipe} from '../../core/engine/plan.ts';
import {hasFolded} from '../../core/engine/step-preview.ts';
import {AbortError} from '../../core/errors.ts';
import {type ParameterProblem, problemOf} from '../../core/recipe/parameters.ts';
import type {Parameter, Recipe} from '../../model/recipe.ts';
import type {Event} from './messages.ts';
import type {ConsoleState, DataRequest, RecipeWizard} from './state.ts';
import {noEffects, type UpdateResult} from './update-result.ts';
import {dataOf, recipeOf, showWizard, valuesOf, withWizard, wizardOf} from './wizard.ts';

/** Loads the data that the defaults of parameters depend on, if the recipe requires any. */
export function loadForDefaults(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const recipe = recipeOf(state, wizard);
  if (recipe?.plan === undefined || state.snapshot === null) return showWizard(state, wizard);
  if (recipe.planRequires !== undefined) return requestData(state, wizard, recipe, false);
  return showWizard(state, withDefaults(state, wizard, recipe));
}

/** Makes the plan: at once, or after the data it requires has been read again. */
export function planWizard(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const recipe = recipeOf(state, wizard);
  if (recipe?.plan === undefined || state.snapshot === null)
    return showWizard(state, {...wizard, error: 'there is no snapshot to plan with yet'});
  if (recipe.planRequires === undefined) return makePlan(state, wizard, recipe);
  // Until the data is loaded a parameter may lack its default.
  return (wizard.data && refuse(state, wizard, recipe)) ?? requestData(state, wizard, recipe, true);
}

/** Takes loaded data into the wizard; data that it no longer waits for is ignored. */
export function handleRecipeData(
  state: ConsoleState,
  event: Extract<Event, {kind: 'data-loaded' | 'data-failed'}>,
): UpdateResult {
  const wizard = wizardOf(state);
  if (wizard === null || wizard.dataRequest !== event.dataRequest) return noEffects(state);
  const arrived = {...wizard, dataRequest: null};
  if (event.kind === 'data-failed') return showWizard(state, {...arrived, error: event.message});
  const recipe = recipeOf(state, wizard);
  if (recipe === undefined) return noEffects(withWizard(state, arrived));
  const informed = withDefaults(state, {...arrived, data: event.facts}, recipe);
  return event.dataRequest.isForPlan ? makePlan(state, informed, recipe) : showWizard(state, informed);
}

/** The problem with a parameter's current value; null where there is none. */
export function parameterProblem(
  state: ConsoleState,
  wizard: RecipeWizard,
  parameter: Parameter,
): ParameterProblem | null {
  return problemOf(parameter, valuesOf(wizard)[parameter.name] ?? '', state.snapshot, dataOf(state, wizard));
}

function requestData(
  state: ConsoleState,
  wizard: RecipeWizard,
  recipe: Recipe,
  isForPlan: boolean,
): UpdateResult {
  try {
    const dataRequest: DataRequest = {needs: recipe.planRequires?.(valuesOf(wizard)) ?? {}, isForPlan};
    return showWizard(
      state,
      {...wizard, dataRequest: dataRequest, error: null},
      {kind: 'load-data', dataRequest},
    );
  } catch (error) {
    // A required parameter is not set yet, which is no error while defaults are loaded.
    return showWizard(state, isForPlan ? withError(wizard, recipe, error) : wizard);
  }
}

function withDefaults(state: ConsoleState, wizard: RecipeWizard, recipe: Recipe): RecipeWizard {
  if (state.snapshot === null) return wizard;
  try {
    const drawn = recipe.defaults?.(state.snapshot, wizard.data ?? {});
    return {...wizard, defaults: {...wizard.defaults, ...drawn}};
  } catch (error) {
    return {...wizard, error: messageOf(error)};
  }
}

function makePlan(state: ConsoleState, wizard: RecipeWizard, recipe: Recipe): UpdateResult {
  const refused = refuse(state, wizard, recipe);
  if (refused !== null || state.snapshot === null || !canAct(recipe))
    return refused ?? noEffects(withWizard(state, wizard));
  try {
    const plan = planRecipe(recipe, state.snapshot, valuesOf(wizard), wizard.data ?? {});
    return showWizard(state, {
      ...wizard,
      ...{plan, hasFolded: hasFolded(plan.steps), server: state.snapshot.target.server ?? null},
      ...{stage: 'preview', error: null, scroll: 0},
    });
  } catch (error) {
    return showWizard(state, withError(wizard, recipe, error));
  }
}

/** A value that cannot be read is gone to, not planned with. */
function refuse(state: ConsoleState, wizard: RecipeWizard, {parameters}: Recipe): UpdateResult | null {
  const field = parameters.findIndex(
    parameter => parameterProblem(state, wizard, parameter)?.severity === 'error',
  );
  const parameter = parameters[field];
  if (parameter === undefined) return null;
  const error = `${parameter.name}: ${parameterProblem(state, wizard, parameter)?.text}`;
  return showWizard(state, {...wizard, stage: 'parameters', field, error});
}

function withError(wizard: RecipeWizard, {parameters}: Recipe, error: unknown): RecipeWizard {
  return {...wizard, stage: parameters.length > 0 ? 'parameters' : 'evidence', error: messageOf(error)};
}

/** A hint is written for the command line, too: here there are fields in place of flags. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = error instanceof AbortError ? error.hint?.replaceAll('--set ', '') : undefined;
  return hint === undefined ? error.message : `${error.message}; ${hint}`;
}
