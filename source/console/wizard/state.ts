import type {Parameter, ParameterValues} from '../../model/parameter.ts';
import type {Plan} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {RunStep} from '../../model/run.ts';
import type {Step} from '../../model/step.ts';
import type {Effect} from '../messages.ts';
import type {ConsoleState, RecipeWizard} from '../state.ts';
import type {UpdateResult} from '../update-result.ts';

/** The wizard that is open, also while a session is looked at from it. */
export function wizardOf({overlay}: ConsoleState): RecipeWizard | null {
  if (overlay?.kind === 'wizard') return overlay.wizard;
  return overlay?.kind === 'session' ? overlay.wizard : null;
}

/** The wizard as it has become, where it was: on top, or behind the session looked at. */
export function withWizard(state: ConsoleState, wizard: RecipeWizard): ConsoleState {
  const {overlay} = state;
  if (overlay?.kind === 'session' && overlay.wizard !== null)
    return {...state, overlay: {...overlay, wizard}};
  return {...state, overlay: {kind: 'wizard', wizard}};
}

export function showWizard(state: ConsoleState, wizard: RecipeWizard, ...effects: Effect[]): UpdateResult {
  return {state: withWizard(state, wizard), effects};
}

export function recipeOf({recipes}: Pick<ConsoleState, 'recipes'>, wizard: RecipeWizard): Recipe | undefined {
  return recipes.find(({id}) => id === wizard.recipe);
}

/** The parameters as they count now: what is set, and the defaults of the rest. */
export function valuesOf({defaults, params}: RecipeWizard): ParameterValues {
  return {...defaults, ...params};
}

/** What is known beyond the reading: read for this wizard, or in the background. */
export function dataOf(state: ConsoleState, wizard: RecipeWizard): RecipeData {
  return wizard.data ?? state.diagnosisData.facts;
}

export function editedParameter(state: ConsoleState, wizard: RecipeWizard): Parameter | null {
  if (wizard.stage !== 'parameters') return null;
  return recipeOf(state, wizard)?.parameters[wizard.field] ?? null;
}

/** The values there are for the parameter edited; [] where it is free. */
export function choicesOf(state: ConsoleState, wizard: RecipeWizard): readonly string[] {
  const parameter = editedParameter(state, wizard);
  if (parameter?.choices !== undefined) return parameter.choices;
  if (parameter === null || state.snapshot === null || !['text', 'path'].includes(parameter.kind)) return [];
  return parameter.suggest?.(state.snapshot, dataOf(state, wizard)) ?? [];
}

/** Advice is for a person: a plan of nothing else has nothing to carry out. */
export function canBeExecuted(plan: Plan | null): plan is Plan {
  return plan?.steps.some(({kind}) => kind !== 'advice') ?? false;
}

/** What must be typed before anything is done: the target's own name where a slip would hurt most or its server is in doubt. */
export function confirmationWord(state: ConsoleState, {plan}: RecipeWizard): string {
  return state.isProduction || plan?.server_doubt !== undefined ? state.targetName : 'yes';
}

/** The step a run is at, as planned and as it stands; null before and after. */
export function currentStep({plan, run}: RecipeWizard): {step: Step; state: RunStep} | null {
  if (plan === null || run === null || run.current === null) return null;
  const [step, state] = [plan.steps[run.current], run.steps[run.current]];
  return step === undefined || state === undefined ? null : {step, state};
}

export function isUnderWay({status}: RunStep): boolean {
  return status === 'acting' || status === 'verifying';
}

/** A step with progress is cancelled while it acts; the others are seen to their end. */
export function canBeCancelled(wizard: RecipeWizard): boolean {
  const current = currentStep(wizard);
  return (
    current?.step.kind === 'sql' && current.step.progress !== undefined && current.state.status === 'acting'
  );
}

/** It was cancelled, and what comes after the act is the cleanup that its step declares. */
export function isCleaningUp(wizard: RecipeWizard): boolean {
  const current = currentStep(wizard);
  return (
    wizard.stopping === 'cancel' &&
    current?.step.kind === 'sql' &&
    current.step.cleanup !== undefined &&
    current.state.status === 'verifying'
  );
}

/** The preview has guards that are folded as long as nobody asks for them. */
export function canBeUnfolded({stage, hasFolded}: RecipeWizard): boolean {
  return stage === 'preview' && hasFolded;
}

/** The session that the step under way waits for, as far as the server tells. */
export function blockerOf(wizard: RecipeWizard): {pid: number; description: string} | null {
  return currentStep(wizard)?.state.progress?.waiting_for ?? null;
}
