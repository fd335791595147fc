import {refuseOnStandby} from '../core/engine/plan.ts';
import {hasFolded} from '../core/engine/step-text.ts';
import {findRun, planUndo} from '../core/engine/undo.ts';
import {serverOf} from '../core/server/server-identity.ts';
import type {Finding} from '../model/finding.ts';
import type {ParameterValues} from '../model/parameter.ts';
import {anotherServer, whyNotInPast} from './availability.ts';
import {releaseRecipes} from './browse.ts';
import {findingId} from './findings.ts';
import {gatherForDefaults, planGuide} from './guide-planning.ts';
import {guideOf, showGuide} from './guide-state.ts';
import {meantSessions} from './held.ts';
import type {ConsoleState, Guide} from './state.ts';
import {only, type Updated} from './updated.ts';
import {heldRun} from './views/journal.ts';

/** Opens a recipe's guide at what it found; parameters come from the finding, the caller, or their defaults. */
export function openGuide(
  state: ConsoleState,
  recipeId: string,
  finding: Finding | null,
  params: ParameterValues = {},
): Updated {
  if (state.past !== null)
    return only({...state, notice: {text: whyNotInPast(state.past), severity: 'info'}});
  const moved = anotherServer(state);
  if (moved !== null) return only({...state, notice: {text: moved, severity: 'danger'}});
  const recipe = state.recipes.find(({id}) => id === recipeId);
  if (!recipe) return only({...state, notice: {text: `no recipe "${recipeId}"`, severity: 'info'}});
  return gatherForDefaults(releaseRecipes(state), {
    ...newGuide,
    recipe: recipeId,
    finding: finding && findingId(finding),
    params: {...finding?.params, ...params},
    defaults: Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value])),
  });
}

/** `C` and `K` on the sessions meant: the same engine, straight to the preview. */
export function openSessionGuide(state: ConsoleState, how: 'cancel' | 'terminate'): Updated {
  const recipe = how === 'cancel' ? 'cancel-statements' : 'terminate-sessions';
  const opened = openGuide(state, recipe, null, {pid: meantSessions(state).join(',')});
  const guide = guideOf(opened.state);
  return guide === null ? opened : planGuide(opened.state, guide);
}

/** What takes back the run that is held in the Journal, from its preview on. */
export function openUndo(state: ConsoleState): Updated {
  const run = heldRun(state);
  const {journal, snapshot} = state;
  if (run === undefined || journal === null || snapshot === null || state.past !== null) return only(state);
  const moved = anotherServer(state);
  if (moved !== null) return only({...state, notice: {text: moved, severity: 'danger'}});
  try {
    const server = serverOf(snapshot.target);
    const acting_pid = journal.underWay?.get(run) ?? null;
    const undo = planUndo(findRun(journal.entries, run), {server, acting_pid, host: journal.host ?? null});
    const plan = refuseOnStandby(undo, snapshot.target);
    return showGuide(state, {
      ...newGuide,
      ...{recipe: plan.recipe, undoes: run, plan, hasFolded: hasFolded(plan.steps), server, stage: 'preview'},
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return only({...state, notice: {text, severity: 'warning'}});
  }
}

const newGuide: Guide = {
  recipe: '',
  undoes: null,
  finding: null,
  stage: 'evidence',
  params: {},
  defaults: {},
  facts: null,
  gathering: null,
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
