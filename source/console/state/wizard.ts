import type {Parameter, ParameterValues, Plan, Recipe} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {RunStep} from '../../model/run.ts';
import type {Step} from '../../model/step.ts';
import type {Effect} from './messages.ts';
import type {ConsoleState, RecipeWizard} from './state.ts';
import type {UpdateResult} from './update-result.ts';

/** The open wizard, also while a session opened from it is shown. */
export function wizardOf({overlay}: ConsoleState): RecipeWizard | null {
  if (overlay?.kind === 'wizard') return overlay.wizard;
  return overlay?.kind === 'session' ? overlay.wizard : null;
}

/** Replaces the open wizard: on top, or behind the session opened from it. */
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

/** The effective parameters: set values, and defaults for the rest. */
export function valuesOf({defaults, params}: RecipeWizard): ParameterValues {
  return {...defaults, ...params};
}

/** What is known beyond the snapshot: read for this wizard, or in the background. */
export function dataOf(state: ConsoleState, wizard: RecipeWizard): RecipeData {
  return wizard.data ?? state.diagnosisData.facts;
}

export function editedParameter(state: ConsoleState, wizard: RecipeWizard): Parameter | null {
  if (wizard.stage !== 'parameters') return null;
  return recipeOf(state, wizard)?.parameters[wizard.field] ?? null;
}

/** The choices or suggestions of the parameter being edited; [] where there are none. */
export function choicesOf(state: ConsoleState, wizard: RecipeWizard): readonly string[] {
  const parameter = editedParameter(state, wizard);
  if (parameter?.choices !== undefined) return parameter.choices;
  if (parameter === null || state.snapshot === null || !['text', 'path'].includes(parameter.kind)) return [];
  return parameter.suggest?.(state.snapshot, dataOf(state, wizard)) ?? [];
}

/** A plan of advice alone has nothing to execute. */
export function canBeExecuted(plan: Plan | null): plan is Plan {
  return plan?.steps.some(({kind}) => kind !== 'advice') ?? false;
}

/** The confirmation to type: `yes`, or the target's name on production or where the server is in doubt. */
export function confirmationWord(state: ConsoleState, {plan}: RecipeWizard): string {
  return state.isProduction || plan?.server_doubt !== undefined ? state.targetName : 'yes';
}

/** The current step of a run with its state; null before and after. */
export function currentStep({plan, run}: RecipeWizard): {step: Step; state: RunStep} | null {
  if (plan === null || run === null || run.current === null) return null;
  const [step, state] = [plan.steps[run.current], run.steps[run.current]];
  return step === undefined || state === undefined ? null : {step, state};
}

export function isUnderWay({status}: RunStep): boolean {
  return status === 'acting' || status === 'verifying';
}

/** A step that reports progress can be cancelled while it runs; others finish first. */
export function canBeCancelled(wizard: RecipeWizard): boolean {
  const current = currentStep(wizard);
  return (
    current?.step.kind === 'sql' && current.step.progress !== undefined && current.state.status === 'acting'
  );
}

/** The step was cancelled and its declared cleanup is running. */
export function isCleaningUp(wizard: RecipeWizard): boolean {
  const current = currentStep(wizard);
  return (
    wizard.stopping === 'cancel' &&
    current?.step.kind === 'sql' &&
    current.step.cleanup !== undefined &&
    current.state.status === 'verifying'
  );
}

/** Whether the preview has guards that can be shown in full. */
export function canBeUnfolded({stage, hasFolded}: RecipeWizard): boolean {
  return stage === 'preview' && hasFolded;
}

/** The session that the step under way waits for, if the server reports it. */
export function blockerOf(wizard: RecipeWizard): {pid: number; description: string} | null {
  return currentStep(wizard)?.state.progress?.waiting_for ?? null;
}
