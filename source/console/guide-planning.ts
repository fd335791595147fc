import {canAct, planRecipe} from '../core/engine/plan.ts';
import {hasFolded} from '../core/engine/step-text.ts';
import {AbortError} from '../core/errors.ts';
import {type ParameterProblem, problemOf} from '../core/recipe/parameter-problem.ts';
import type {Parameter} from '../model/parameter.ts';
import type {Recipe} from '../model/recipe.ts';
import {factsOf, guideOf, recipeOf, showGuide, valuesOf, withGuide} from './guide-state.ts';
import type {Event} from './messages.ts';
import type {ConsoleState, Gathering, Guide} from './state.ts';
import {only, type Updated} from './updated.ts';

/** Asks for the facts that the defaults of parameters are drawn from; a recipe without needs has none to ask for. */
export function gatherForDefaults(state: ConsoleState, guide: Guide): Updated {
  const recipe = recipeOf(state, guide);
  if (recipe?.plan === undefined || state.snapshot === null) return showGuide(state, guide);
  if (recipe.planRequires !== undefined) return gather(state, guide, recipe, false);
  return showGuide(state, withDefaults(state, guide, recipe));
}

/** Makes the plan: at once, or when the facts that it rests on have been read afresh. */
export function planGuide(state: ConsoleState, guide: Guide): Updated {
  const recipe = recipeOf(state, guide);
  if (recipe?.plan === undefined || state.snapshot === null)
    return showGuide(state, {...guide, error: 'there is no reading to plan with yet'});
  if (recipe.planRequires === undefined) return makePlan(state, guide, recipe);
  // Before the first facts a parameter may lack a default that they bring.
  return (guide.facts && refuse(state, guide, recipe)) ?? gather(state, guide, recipe, true);
}

/** Facts that come for a guide which no longer waits for them are of no use. */
export function takeFacts(
  state: ConsoleState,
  event: Extract<Event, {kind: 'gathered' | 'gather-failed'}>,
): Updated {
  const guide = guideOf(state);
  if (guide === null || guide.gathering !== event.gathering) return only(state);
  const arrived = {...guide, gathering: null};
  if (event.kind === 'gather-failed') return showGuide(state, {...arrived, error: event.message});
  const recipe = recipeOf(state, guide);
  if (recipe === undefined) return only(withGuide(state, arrived));
  const informed = withDefaults(state, {...arrived, facts: event.facts}, recipe);
  return event.gathering.isForPlan ? makePlan(state, informed, recipe) : showGuide(state, informed);
}

/** What is wrong with a parameter as it stands. */
export function parameterProblem(
  state: ConsoleState,
  guide: Guide,
  parameter: Parameter,
): ParameterProblem | null {
  return problemOf(parameter, valuesOf(guide)[parameter.name] ?? '', state.snapshot, factsOf(state, guide));
}

function gather(state: ConsoleState, guide: Guide, recipe: Recipe, isForPlan: boolean): Updated {
  try {
    const gathering: Gathering = {needs: recipe.planRequires?.(valuesOf(guide)) ?? {}, isForPlan};
    return showGuide(state, {...guide, gathering, error: null}, {kind: 'gather', gathering});
  } catch (error) {
    // A parameter that it needs is not set yet: for the defaults that is no mistake.
    return showGuide(state, isForPlan ? withError(guide, recipe, error) : guide);
  }
}

function withDefaults(state: ConsoleState, guide: Guide, recipe: Recipe): Guide {
  if (state.snapshot === null) return guide;
  try {
    const drawn = recipe.defaults?.(state.snapshot, guide.facts ?? {});
    return {...guide, defaults: {...guide.defaults, ...drawn}};
  } catch (error) {
    return {...guide, error: messageOf(error)};
  }
}

function makePlan(state: ConsoleState, guide: Guide, recipe: Recipe): Updated {
  const refused = refuse(state, guide, recipe);
  if (refused !== null || state.snapshot === null || !canAct(recipe))
    return refused ?? only(withGuide(state, guide));
  try {
    const plan = planRecipe(recipe, state.snapshot, valuesOf(guide), guide.facts ?? {});
    return showGuide(state, {
      ...guide,
      ...{plan, hasFolded: hasFolded(plan.steps), server: state.snapshot.target.server ?? null},
      ...{stage: 'preview', error: null, scroll: 0},
    });
  } catch (error) {
    return showGuide(state, withError(guide, recipe, error));
  }
}

/** A value that cannot be read is gone to, not planned with. */
function refuse(state: ConsoleState, guide: Guide, {parameters}: Recipe): Updated | null {
  const field = parameters.findIndex(
    parameter => parameterProblem(state, guide, parameter)?.severity === 'error',
  );
  const parameter = parameters[field];
  if (parameter === undefined) return null;
  const error = `${parameter.name}: ${parameterProblem(state, guide, parameter)?.text}`;
  return showGuide(state, {...guide, stage: 'parameters', field, error});
}

function withError(guide: Guide, {parameters}: Recipe, error: unknown): Guide {
  return {...guide, stage: parameters.length > 0 ? 'parameters' : 'evidence', error: messageOf(error)};
}

/** A hint is written for the command line, too: here there are fields in place of flags. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = error instanceof AbortError ? error.hint?.replaceAll('--set ', '') : undefined;
  return hint === undefined ? error.message : `${error.message}; ${hint}`;
}
