import {refuseOnStandby} from '../../core/engine/plan.ts';
import {hasFolded} from '../../core/engine/step-preview.ts';
import {findRun, planUndo} from '../../core/engine/undo.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import type {Finding, ParameterValues} from '../../model/recipe.ts';
import {anotherServer, whyNotInPast} from '../input/availability.ts';
import {selectedRun} from '../views/journal.ts';
import {releaseRecipes} from './browsing.ts';
import {findingId} from './findings.ts';
import {loadForDefaults, planWizard} from './plan-wizard.ts';
import {targetSessions} from './selection.ts';
import type {ConsoleState, RecipeWizard} from './state.ts';
import {noEffects, type UpdateResult} from './update-result.ts';
import {showWizard, wizardOf} from './wizard.ts';

/** Opens a recipe's wizard at a finding; parameters come from the caller, the finding or their defaults. */
export function openWizard(
  state: ConsoleState,
  recipeId: string,
  finding: Finding | null,
  params: ParameterValues = {},
): UpdateResult {
  if (state.past !== null)
    return noEffects({...state, notice: {text: whyNotInPast(state.past), severity: 'info'}});
  const moved = anotherServer(state);
  if (moved !== null) return noEffects({...state, notice: {text: moved, severity: 'danger'}});
  const recipe = state.recipes.find(({id}) => id === recipeId);
  if (!recipe) return noEffects({...state, notice: {text: `no recipe "${recipeId}"`, severity: 'info'}});
  return loadForDefaults(releaseRecipes(state), {
    ...newWizard,
    recipe: recipeId,
    finding: finding && findingId(finding),
    params: {...finding?.params, ...params},
    defaults: Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value])),
  });
}

/** `C` and `K` on the target sessions: the same engine, straight to the preview. */
export function openSessionWizard(state: ConsoleState, how: 'cancel' | 'terminate'): UpdateResult {
  const recipe = how === 'cancel' ? 'cancel-statements' : 'terminate-sessions';
  const opened = openWizard(state, recipe, null, {pid: targetSessions(state).join(',')});
  const wizard = wizardOf(opened.state);
  return wizard === null ? opened : planWizard(opened.state, wizard);
}

/** Undoes the run selected in the Journal, starting at the preview. */
export function openUndo(state: ConsoleState): UpdateResult {
  const run = selectedRun(state);
  const {journal, snapshot} = state;
  if (run === undefined || journal === null || snapshot === null || state.past !== null)
    return noEffects(state);
  const moved = anotherServer(state);
  if (moved !== null) return noEffects({...state, notice: {text: moved, severity: 'danger'}});
  try {
    const server = serverOf(snapshot.target);
    const acting_pid = journal.underWay?.get(run) ?? null;
    const undo = planUndo(findRun(journal.entries, run), {server, acting_pid, host: journal.host ?? null});
    const plan = refuseOnStandby(undo, snapshot.target);
    return showWizard(state, {
      ...newWizard,
      ...{recipe: plan.recipe, undoes: run, plan, hasFolded: hasFolded(plan.steps), server, stage: 'preview'},
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return noEffects({...state, notice: {text, severity: 'warning'}});
  }
}

/** The first page of a wizard, before its recipe is known. */
export const newWizard: RecipeWizard = {
  recipe: '',
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
  server: null,
  typed: '',
  run: null,
  asksToStop: false,
  stopping: null,
  hasFolded: false,
  isUnfolded: false,
  scroll: 0,
};
