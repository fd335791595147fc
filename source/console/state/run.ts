import {harmSince, withAfter} from '../../core/assessment/recovery.ts';
import {choicesOf} from '../../core/engine/only.ts';
import type {DiagnosisData} from '../../core/recipe/diagnose.ts';
import {type ParameterProblem, problemOf, suggestionsOf} from '../../core/recipe/parameters.ts';
import {counted} from '../../core/text/format.ts';
import type {Assessment, Sample} from '../../model/assessment.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ReplayDocument, ReplayResult, ReplayUpdate} from '../../model/replay-report.ts';
import type {RunState, RunStep} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {InputLine} from './line-editor.ts';

/** What changes the server: the recipe being walked through, a replay, and the journal of runs. */
export type RunSlice = {
  wizard: RecipeWizard | null;
  /** A run that was left under way, or has ended since, while something else is on the screen. */
  leftRun: RecipeWizard | null;
  /** Started from `wizard`, which is behind it. */
  replay: ReplayPage | null;
  journal: JournalState | null;
};

export type WizardStage = 'evidence' | 'parameters' | 'preview' | 'confirm' | 'running' | 'done';

/** Data being read for a wizard. The answer carries the same object. */
export type DataRequest = {
  needs: DataRequirements;
  /** Whether the plan is made with it; otherwise it is for the defaults of parameters. */
  isForPlan: boolean;
};

/** A recipe being walked through, stage by stage. */
export type RecipeWizard = {
  recipe: string;
  /** It ends the session that the run which was left waits for, and leads back to that run. */
  isForRun: boolean;
  /** The run that it undoes; null where it runs a recipe. */
  undoes: string | null;
  /** The id of the finding it was opened from, shown first. */
  finding: string | null;
  stage: WizardStage;
  /** Values that were typed or came with the finding. */
  params: ParameterValues;
  /** Defaults: the recipe's own, overridden by those drawn from its data. */
  defaults: ParameterValues;
  /** What the recipe requires beyond the snapshot; null until it has been read. */
  data: RecipeData | null;
  dataRequest: DataRequest | null;
  /** Index of the parameter being edited. */
  field: number;
  /** Why the wizard cannot go on. */
  error: string | null;
  plan: Plan | null;
  /** The plan with all that the recipe found, of which `plan` leaves out what was not chosen. */
  whole: Plan | null;
  /** The subjects left out; null before the first plan. */
  leftOut: readonly string[] | null;
  /** Index of the choice that Space takes or leaves out; null until one was marked. */
  marked: number | null;
  /** The findings with harm that the plan answers. */
  answers: readonly Finding[];
  /** The server that the plan was made for. */
  server: ServerIdentity | null;
  /** The confirmation typed so far. */
  typed: string;
  /** In the text of the parameter or the confirmation being edited; null is its end. */
  cursor: number | null;
  run: RunState | null;
  /** The server's time of the last reading before the harm was read again; null before that. */
  acted_ms: number | null;
  /** Esc was pressed during a run: the next one stops it. */
  asksToStop: boolean;
  /** The run is being stopped; `cancel` cancels the current step. */
  stopping: 'cancel' | 'after-step' | null;
  /** Whether the preview has guards too long for one line, and whether they are shown in full. */
  hasFolded: boolean;
  areGuardsShown: boolean;
};

/** The page of a replay: its progress, then its results. */
export type ReplayPage = {
  /** The case being measured. */
  benchmark: Extract<ReplayUpdate, {kind: 'case'}> | null;
  stage: string;
  progress: Extract<ReplayUpdate, {kind: 'progress'}> | null;
  /** Requests per second, oldest first. */
  rates: number[];
  results: ReplayResult[];
  /** Set when the replay has ended. */
  document: ReplayDocument | null;
  error: string | null;
  isStopping: boolean;
};

export type JournalState = {
  entries: JournalEntry[];
  /** The chain does not verify: entries are shown, but no run can be undone. */
  isBroken?: boolean;
  problem: string | null;
  /** Steps that started without a recorded outcome, and that no process is working on. */
  unfinished: number;
  /** Runs in progress on this machine, with the pid of their process. */
  underWay?: ReadonlyMap<string, number>;
  /** This machine's name: files can be undone only where they were changed. */
  host?: string;
};

export type RunEvent =
  | ({kind: 'journal-read'} & JournalState)
  | {kind: 'data-loaded'; dataRequest: DataRequest; facts: RecipeData}
  | {kind: 'data-failed'; dataRequest: DataRequest; message: string}
  | {kind: 'run'; run: RunState}
  /** `run`: null where it failed before it had begun. */
  | {kind: 'run-failed'; run: string | null; message: string}
  | {kind: 'replay-update'; update: ReplayUpdate}
  | {kind: 'replayed'; document: ReplayDocument}
  | {kind: 'replay-failed'; message: string};

export type RunEffect =
  | {kind: 'read-journal'}
  | {kind: 'load-data'; dataRequest: DataRequest}
  | {kind: 'execute-plan'; plan: Plan; server: ServerIdentity; answers: readonly Finding[]}
  | {kind: 'interrupt-run'; plan: Plan}
  | {kind: 'replay'; params: ParameterValues}
  | {kind: 'interrupt-replay'};

export type RunUpdate = {changes: Partial<RunSlice>; effects: RunEffect[]};

/** The part of the reading slice that a wizard plans with. */
export type Known = {
  recipes: Recipe[];
  snapshot: Snapshot | null;
  diagnosisData: DiagnosisData;
  findings: Finding[];
  /** null before the first reading. */
  assessment: Assessment | null;
};
export type Target = {isProduction: boolean; targetName: string};

export function createRun(): RunSlice {
  return {wizard: null, leftRun: null, replay: null, journal: null};
}

/** Unfinished steps of earlier runs, reported once: when the journal is read for the first time. null where there are none. */
export function unfinishedNotice(before: JournalState | null, {unfinished}: JournalState): string | null {
  if (before !== null || unfinished === 0) return null;
  return `${counted(unfinished, 'step')} of an earlier run ended without a recorded result: check the Journal (6)`;
}

export function recipeOf({recipes}: Pick<Known, 'recipes'>, wizard: RecipeWizard): Recipe | undefined {
  return recipes.find(({id}) => id === wizard.recipe);
}

/** The effective parameters: set values, and defaults for the rest. */
export function valuesOf({defaults, params}: RecipeWizard): ParameterValues {
  return {...defaults, ...params};
}

/** What is known beyond the snapshot: read for this wizard, or in the background. */
export function dataOf({diagnosisData}: Known, wizard: RecipeWizard): RecipeData {
  return wizard.data ?? diagnosisData.facts;
}

export function editedParameter(known: Known, wizard: RecipeWizard): Parameter | null {
  if (wizard.stage !== 'parameters') return null;
  return recipeOf(known, wizard)?.parameters[wizard.field] ?? null;
}

/** The choices or suggestions of the parameter being edited; [] where there are none. */
export function valueChoices(known: Known, wizard: RecipeWizard): readonly string[] {
  const parameter = editedParameter(known, wizard);
  if (parameter?.choices !== undefined) return parameter.choices;
  if (parameter === null || !['text', 'path'].includes(parameter.kind)) return [];
  return suggestionsOf(parameter, known.snapshot, dataOf(known, wizard));
}

/** Whether the arrows walk through the parameter's values: none of its own has been typed. */
export function isChoosing(known: Known, wizard: RecipeWizard): boolean {
  const choices = valueChoices(known, wizard);
  const value = editedLine(known, wizard)?.text ?? '';
  return choices.length > 0 && (value === '' || choices.includes(value));
}

/** The parameter or the confirmation being edited; null at other stages. */
export function editedLine(known: Known, wizard: RecipeWizard): InputLine | null {
  const parameter = editedParameter(known, wizard);
  if (wizard.stage !== 'confirm' && parameter === null) return null;
  const text = parameter === null ? wizard.typed : (valuesOf(wizard)[parameter.name] ?? '');
  return {text, cursor: Math.min(wizard.cursor ?? text.length, text.length)};
}

/** The problem with a parameter's current value; null where there is none. */
export function parameterProblem(
  known: Known,
  wizard: RecipeWizard,
  parameter: Parameter,
): ParameterProblem | null {
  return problemOf(parameter, valuesOf(wizard)[parameter.name] ?? '', known.snapshot, dataOf(known, wizard));
}

/** A plan of advice alone has nothing to execute. */
export function canBeExecuted(plan: Plan | null): plan is Plan {
  return plan?.steps.some(({kind}) => kind !== 'advice') ?? false;
}

/** What can be left out of the plan on the screen; [] elsewhere. */
export function choicesOfPlan({stage, whole}: RecipeWizard): string[] {
  return stage === 'preview' && whole !== null ? choicesOf(whole) : [];
}

/** Whether the preview on the screen has guards too long for one line. */
export function hasGuardsToShow({stage, hasFolded}: RecipeWizard): boolean {
  return stage === 'preview' && hasFolded;
}

/** The confirmation to type: `yes`, or the target's name on production or where the server is in doubt. */
export function confirmationWord({isProduction, targetName}: Target, {plan}: RecipeWizard): string {
  return isProduction || plan?.server_doubt !== undefined ? targetName : 'yes';
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

/** The session that the step under way waits for, if the server reports it. */
export function blockerOf(wizard: RecipeWizard): {pid: number; description: string} | null {
  return currentStep(wizard)?.state.progress?.waiting_for ?? null;
}

export function updateRun({snapshot}: Known, wizard: RecipeWizard, run: RunState): RecipeWizard {
  const isDone = run.phase === 'observing' || run.phase === 'ended';
  const acted_ms = wizard.acted_ms ?? (isDone && snapshot !== null ? Date.parse(snapshot.at) : null);
  return {...wizard, run, acted_ms, stage: run.phase === 'ended' ? 'done' : 'running'};
}

/** What is left of the harm by the readings since the steps ended. */
export function observeHarm(
  {
    recipes,
    snapshot,
    samples,
    diagnosisData: data,
    facts_of_ms,
  }: Known & {samples: readonly Sample[]; facts_of_ms: number | null},
  wizard: RecipeWizard,
): RecipeWizard {
  const {run, acted_ms, answers} = wizard;
  if (run === null || acted_ms === null || snapshot === null || run.harm.length === 0) return wizard;
  const after = harmSince(answers, {
    ...{recipes, snapshot, data},
    samples: samples.filter(({at_ms}) => at_ms > acted_ms),
    areFactsNew: facts_of_ms !== null && facts_of_ms > acted_ms,
  });
  return {...wizard, run: {...run, harm: withAfter(run.harm, after)}};
}
