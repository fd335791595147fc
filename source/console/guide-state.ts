import type {Parameter, ParameterValues} from '../model/parameter.ts';
import type {Plan} from '../model/plan.ts';
import type {Recipe} from '../model/recipe.ts';
import type {RecipeData} from '../model/recipe-data.ts';
import type {RunStep} from '../model/run.ts';
import type {Step} from '../model/step.ts';
import type {Effect} from './messages.ts';
import type {ConsoleState, Guide} from './state.ts';
import type {Updated} from './updated.ts';

/** The guide that is open, also while a session is looked at from it. */
export function guideOf({overlay}: ConsoleState): Guide | null {
  if (overlay?.kind === 'guide') return overlay.guide;
  return overlay?.kind === 'session' ? overlay.over : null;
}

/** The guide as it has become, where it was: on top, or behind the session looked at. */
export function withGuide(state: ConsoleState, guide: Guide): ConsoleState {
  const {overlay} = state;
  if (overlay?.kind === 'session' && overlay.over !== null)
    return {...state, overlay: {...overlay, over: guide}};
  return {...state, overlay: {kind: 'guide', guide}};
}

export function showGuide(state: ConsoleState, guide: Guide, ...effects: Effect[]): Updated {
  return {state: withGuide(state, guide), effects};
}

export function recipeOf({recipes}: Pick<ConsoleState, 'recipes'>, guide: Guide): Recipe | undefined {
  return recipes.find(({id}) => id === guide.recipe);
}

/** The parameters as they count now: what is set, and the defaults of the rest. */
export function valuesOf({defaults, params}: Guide): ParameterValues {
  return {...defaults, ...params};
}

/** What is known beyond the reading: read for this guide, or in the background. */
export function factsOf(state: ConsoleState, guide: Guide): RecipeData {
  return guide.facts ?? state.watched.facts;
}

export function editedParameter(state: ConsoleState, guide: Guide): Parameter | null {
  if (guide.stage !== 'parameters') return null;
  return recipeOf(state, guide)?.parameters[guide.field] ?? null;
}

/** The values there are for the parameter edited; [] where it is free. */
export function choicesOf(state: ConsoleState, guide: Guide): readonly string[] {
  const parameter = editedParameter(state, guide);
  if (parameter?.choices !== undefined) return parameter.choices;
  if (parameter === null || state.snapshot === null || !['text', 'path'].includes(parameter.kind)) return [];
  return parameter.suggest?.(state.snapshot, factsOf(state, guide)) ?? [];
}

/** Advice is for a person: a plan of nothing else has nothing to carry out. */
export function canBeCarriedOut(plan: Plan | null): plan is Plan {
  return plan?.steps.some(({kind}) => kind !== 'advice') ?? false;
}

/** What must be typed before anything is done: the target's own name where a slip would hurt most or its server is in doubt. */
export function confirmationWord(state: ConsoleState, {plan}: Guide): string {
  return state.isProduction || plan?.server_doubt !== undefined ? state.targetName : 'yes';
}

/** The step a run is at, as planned and as it stands; null before and after. */
export function currentStep({plan, run}: Guide): {step: Step; state: RunStep} | null {
  if (plan === null || run === null || run.current === null) return null;
  const [step, state] = [plan.steps[run.current], run.steps[run.current]];
  return step === undefined || state === undefined ? null : {step, state};
}

export function isUnderWay({status}: RunStep): boolean {
  return status === 'acting' || status === 'verifying';
}

/** A step with progress is cancelled while it acts; the others are seen to their end. */
export function canBeCancelled(guide: Guide): boolean {
  const current = currentStep(guide);
  return (
    current?.step.kind === 'sql' && current.step.progress !== undefined && current.state.status === 'acting'
  );
}

/** It was cancelled, and what comes after the act is the cleanup that its step declares. */
export function isSweeping(guide: Guide): boolean {
  const current = currentStep(guide);
  return (
    guide.stopping === 'cancel' &&
    current?.step.kind === 'sql' &&
    current.step.cleanup !== undefined &&
    current.state.status === 'verifying'
  );
}

/** The preview has guards that are folded as long as nobody asks for them. */
export function canBeUnfolded({stage, hasFolded}: Guide): boolean {
  return stage === 'preview' && hasFolded;
}

/** The session that the step under way waits for, as far as the server tells. */
export function waitedFor(guide: Guide): {pid: number; description: string} | null {
  return currentStep(guide)?.state.progress?.waiting_for ?? null;
}
