import {canAct, planRecipe, refuseOnStandby} from '../../core/engine/plan.ts';
import {hasFolded} from '../../core/engine/step-preview.ts';
import {findRun, planUndo} from '../../core/engine/undo.ts';
import {AbortError} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import type {Parameter, ParameterValues, Recipe} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {leaveOut, leftOutByFinding} from './choices.ts';
import type {InputLine} from './line-editor.ts';
import {startReplay} from './replay.ts';
import {
  canBeCancelled,
  canBeExecuted,
  confirmationWord,
  type DataRequest,
  editedLine,
  editedParameter,
  type JournalState,
  type Known,
  parameterProblem,
  type RecipeWizard,
  type RunEffect,
  type RunEvent,
  type RunUpdate,
  recipeOf,
  type Target,
  valueChoices,
  valuesOf,
  type WizardStage,
} from './run.ts';

/** The first page of a wizard, before its recipe is known. */
export const newWizard: RecipeWizard = {
  recipe: '',
  isForRun: false,
  undoes: null,
  finding: null,
  stage: 'evidence',
  params: {},
  defaults: {},
  data: null,
  dataRequest: null,
  field: 0,
  error: null,
  plan: null,
  whole: null,
  leftOut: null,
  marked: null,
  answers: [],
  server: null,
  typed: '',
  cursor: null,
  run: null,
  acted_ms: null,
  asksToStop: false,
  stopping: null,
  hasFolded: false,
  areGuardsShown: false,
};

/** Opens a recipe at its findings and loads what the defaults of its parameters depend on. */
export function openRecipe(
  known: Known,
  recipe: Recipe,
  {finding, params}: {finding: string | null; params: ParameterValues},
): RunUpdate {
  const defaults = Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value]));
  const wizard: RecipeWizard = {...newWizard, recipe: recipe.id, finding, params, defaults};
  if (recipe.plan === undefined || known.snapshot === null) return show(wizard);
  if (recipe.planRequires !== undefined) return requestData(wizard, recipe, false);
  return show(withDefaults(known, wizard, recipe));
}

/** The preview of what undoes a run. Throws AbortError where it cannot be undone. */
export function openUndo(snapshot: Snapshot, journal: JournalState, run: string): RunUpdate {
  const server = serverOf(snapshot.target);
  const acting_pid = journal.underWay?.get(run) ?? null;
  const undo = planUndo(findRun(journal.entries, run), {server, acting_pid, host: journal.host ?? null});
  const plan = refuseOnStandby(undo, snapshot.target);
  return show({
    ...newWizard,
    ...{recipe: plan.recipe, undoes: run, plan, hasFolded: hasFolded(plan.steps), server, stage: 'preview'},
  });
}

/** Enter: the next stage, or the end. `refusal` is why nothing may be changed now. */
export function goForward(known: Known & Target, wizard: RecipeWizard, refusal: string | null): RunUpdate {
  if (wizard.dataRequest?.isForPlan) return show(wizard);
  const recipe = recipeOf(known, wizard);
  switch (wizard.stage) {
    case 'evidence':
      if (!recipe?.plan) return close;
      return recipe.parameters.length > 0
        ? show({...wizard, stage: 'parameters', cursor: null, error: null})
        : planWizard(known, wizard);
    case 'parameters':
      return planWizard(known, wizard);
    case 'preview':
      if (recipe?.isBenchmark && wizard.plan) return startReplay(wizard.plan);
      if (!canBeExecuted(wizard.plan)) return close;
      return refusal === null
        ? show({...wizard, stage: 'confirm', typed: '', cursor: null, error: null})
        : show({...wizard, error: refusal});
    case 'confirm':
      return confirm(known, wizard, refusal);
    case 'running':
      return show(wizard);
    case 'done':
      return close;
  }
}

/** A plan of the very first reading, which does not name the server yet, is made again before it is executed. */
function confirm(known: Known & Target, wizard: RecipeWizard, refusal: string | null): RunUpdate {
  const word = confirmationWord(known, wizard);
  if (wizard.typed !== word)
    return show({...wizard, error: `type ${word} and press Enter, or Esc to go back`});
  const {plan, server, answers} = wizard;
  if (plan === null) return show(wizard);
  if (refusal !== null) return show({...wizard, error: refusal});
  if (server !== null)
    return show({...wizard, stage: 'running', error: null}, {kind: 'execute-plan', plan, server, answers});
  const recipe = recipeOf(known, wizard);
  if (recipe === undefined || !known.snapshot?.target.server)
    return show({...wizard, error: 'the server is not identified yet: press Enter again'});
  const {wizard: again} = makePlan(known, wizard, recipe).changes;
  if (!again?.server) return show(again ?? wizard);
  if (JSON.stringify(again.plan?.steps) === JSON.stringify(plan.steps))
    return confirm(known, {...again, typed: word}, null);
  return show({...again, error: 'the plan has changed since it was made: read it again'});
}

const stageBefore: Record<WizardStage, WizardStage | null> = {
  evidence: null,
  parameters: 'evidence',
  preview: 'parameters',
  confirm: 'preview',
  running: 'running',
  done: null,
};

/** Esc: cancels the reading that a plan waits for, or goes back one stage; during a run the second one stops it. */
export function goBack(known: Known, wizard: RecipeWizard): RunUpdate {
  if (wizard.dataRequest?.isForPlan) return show({...wizard, dataRequest: null});
  if (wizard.stage === 'running') return stopRunning(wizard);
  const stage = pageBefore(known, wizard);
  return stage === null ? close : show({...wizard, stage, cursor: null, error: null});
}

/** A single Esc may be a slip, or the remains of an arrow key over a bad line: the second one stops the run. */
function stopRunning(wizard: RecipeWizard): RunUpdate {
  const {plan, stopping: before} = wizard;
  if (before !== null || plan === null) return show(wizard);
  // All steps have ended: only the reading of the harm is interrupted.
  if (wizard.run?.phase === 'observing') return show(wizard, {kind: 'interrupt-run', plan});
  if (!wizard.asksToStop) return show({...wizard, asksToStop: true});
  const stopping = canBeCancelled(wizard) ? 'cancel' : 'after-step';
  return show({...wizard, stopping, asksToStop: false}, {kind: 'interrupt-run', plan});
}

function pageBefore(known: Known, wizard: RecipeWizard): WizardStage | null {
  if (wizard.stage !== 'preview') return stageBefore[wizard.stage];
  if (wizard.undoes !== null || wizard.isForRun) return null;
  return (recipeOf(known, wizard)?.parameters.length ?? 0) > 0 ? 'parameters' : 'evidence';
}

/** Changes the parameter being edited, or the confirmation. */
export function editField(
  known: Known,
  wizard: RecipeWizard,
  change: (line: InputLine) => InputLine,
): RecipeWizard {
  const before = editedLine(known, wizard);
  if (before === null) return wizard;
  const {text, cursor} = change(before);
  if (text === before.text) return {...wizard, cursor};
  const parameter = editedParameter(known, wizard);
  return parameter === null
    ? {...wizard, typed: text, cursor, error: null}
    : {...setParameter(wizard, parameter, text), cursor};
}

/** A changed value makes the data that is being read for the plan useless. */
function setParameter(wizard: RecipeWizard, {name}: Parameter, value: string): RecipeWizard {
  const dataRequest = wizard.dataRequest?.isForPlan ? null : wizard.dataRequest;
  return {...wizard, params: {...wizard.params, [name]: value}, cursor: null, dataRequest, error: null};
}

/** Selects the next or previous value of a parameter with choices or suggestions. */
export function choose(known: Known, wizard: RecipeWizard, by: 1 | -1): RecipeWizard {
  const parameter = editedParameter(known, wizard);
  const choices = valueChoices(known, wizard);
  if (parameter === null || choices.length === 0) return wizard;
  const at = choices.indexOf(valuesOf(wizard)[parameter.name] ?? '');
  const next = at === -1 ? (by === 1 ? 0 : -1) : (at + by) % choices.length;
  return setParameter(wizard, parameter, choices.at(next) ?? '');
}

/** Selects the next or previous field. Leaving a file that was named reads the defaults that depend on it. */
export function moveField(known: Known, wizard: RecipeWizard, by: number): RunUpdate {
  const recipe = recipeOf(known, wizard);
  const left = editedParameter(known, wizard);
  const count = recipe?.parameters.length ?? 0;
  const moved = {...wizard, field: count === 0 ? 0 : (wizard.field + by + count) % count, cursor: null};
  const isNamed = left?.kind === 'path' && wizard.params[left.name] !== undefined;
  return isNamed && recipe?.defaults && wizard.dataRequest === null
    ? requestData(moved, recipe, false)
    : show(moved);
}

/** Makes the plan: immediately, or after the data it requires has been read again. */
export function planWizard(known: Known, wizard: RecipeWizard): RunUpdate {
  const recipe = recipeOf(known, wizard);
  if (recipe?.plan === undefined || known.snapshot === null)
    return show({...wizard, error: 'there is no snapshot to plan with yet'});
  if (recipe.planRequires === undefined) return makePlan(known, wizard, recipe);
  // Until the data is loaded a parameter may lack its default.
  return (wizard.data && refuse(known, wizard, recipe)) ?? requestData(wizard, recipe, true);
}

/** Takes the data that the wizard waits for. */
export function handleRecipeData(
  known: Known,
  wizard: RecipeWizard,
  event: Extract<RunEvent, {kind: 'data-loaded' | 'data-failed'}>,
): RunUpdate {
  const arrived = {...wizard, dataRequest: null};
  if (event.kind === 'data-failed') return show({...arrived, error: event.message});
  const recipe = recipeOf(known, wizard);
  if (recipe === undefined) return show(arrived);
  const informed = withDefaults(known, {...arrived, data: event.facts}, recipe);
  return event.dataRequest.isForPlan ? makePlan(known, informed, recipe) : show(informed);
}

function requestData(wizard: RecipeWizard, recipe: Recipe, isForPlan: boolean): RunUpdate {
  try {
    const dataRequest: DataRequest = {needs: recipe.planRequires?.(valuesOf(wizard)) ?? {}, isForPlan};
    return show({...wizard, dataRequest, error: null}, {kind: 'load-data', dataRequest});
  } catch (error) {
    // A required parameter may still be unset while its default is being loaded.
    return show(isForPlan ? withError(wizard, recipe, error) : wizard);
  }
}

function withDefaults({snapshot, assessment}: Known, wizard: RecipeWizard, recipe: Recipe): RecipeWizard {
  if (snapshot === null) return wizard;
  try {
    const facts = {...wizard.data, ...(assessment && {applications: assessment.applications})};
    const drawn = recipe.defaults?.(snapshot, facts);
    // Not over those drawn before: they came from another file.
    const own = Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value]));
    return {...wizard, defaults: {...own, ...drawn}};
  } catch (error) {
    return {...wizard, error: messageOf(error)};
  }
}

function makePlan(known: Known, wizard: RecipeWizard, recipe: Recipe): RunUpdate {
  const {snapshot} = known;
  const refused = refuse(known, wizard, recipe);
  if (refused !== null || snapshot === null || !canAct(recipe)) return refused ?? show(wizard);
  try {
    const whole = planRecipe(recipe, snapshot, valuesOf(wizard), wizard.data ?? {});
    const leftOut = wizard.leftOut ?? leftOutByFinding(known, wizard, whole);
    const server = snapshot.target.server ?? null;
    return show(leaveOut(known, {...wizard, whole, server, stage: 'preview', error: null}, leftOut));
  } catch (error) {
    return show(withError(wizard, recipe, error));
  }
}

/** Goes to the first parameter with an invalid value; null where all are valid. */
function refuse(known: Known, wizard: RecipeWizard, {parameters}: Recipe): RunUpdate | null {
  const field = parameters.findIndex(
    parameter => parameterProblem(known, wizard, parameter)?.severity === 'error',
  );
  const parameter = parameters[field];
  if (parameter === undefined) return null;
  const error = `${parameter.name}: ${parameterProblem(known, wizard, parameter)?.text}`;
  return show({...wizard, stage: 'parameters', field, cursor: null, error});
}

function withError(wizard: RecipeWizard, {parameters}: Recipe, error: unknown): RecipeWizard {
  return {...wizard, stage: parameters.length > 0 ? 'parameters' : 'evidence', error: messageOf(error)};
}

/** An error's message with its hint. Hints name the command line's `--set`: here there are fields instead. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = error instanceof AbortError ? error.hint?.replaceAll('--set ', '') : undefined;
  return hint === undefined ? error.message : `${error.message}; ${hint}`;
}

const close: RunUpdate = {changes: {wizard: null}, effects: []};

function show(wizard: RecipeWizard, ...effects: RunEffect[]): RunUpdate {
  return {changes: {wizard}, effects};
}
