import {poolSubjectIn} from '../../core/assessment/context.ts';
import {writeText} from '../../core/recipe/parameters.ts';
import {parseSessionId, sessionId} from '../../core/sessions/session.ts';
import type {Finding, ParameterValues} from '../../model/recipe.ts';
import type {BudgetGroup} from '../../model/snapshot.ts';
import {paramsOfPooler, poolerId, poolerOf} from '../rows/poolers.ts';
import {recipeOfPool} from '../rows/pools.ts';
import {
  endpointFileOf,
  filterOfFinding,
  selectedEndpoint,
  selectedGroup,
  selectedId,
  selectedPool,
  selectedRun,
  selectedServerRow,
  selectedSession,
  selectedStatement,
  targetSessions,
  whyNoReplay,
} from '../rows/selection.ts';
import {isWithoutTag} from '../rows/tag-groups.ts';
import {
  deselectRecipe,
  groupByNext,
  openTable,
  setFilter,
  sortBy,
  type ViewId,
  withTableOf,
} from './browsing.ts';
import {explainStatement, inform, openFindingDetail, openOverview, openRow, openSession} from './dialog.ts';
import {showEffect} from './events.ts';
import {actOf, currentFinding, everyFinding, findingId, findingOf} from './findings.ts';
import {isWaitedFor, leaveRun, whyNotLeave} from './left-run.ts';
import {whyNotInPast} from './past.ts';
import {whyWrongServer} from './reading.ts';
import {blockerOf, type RecipeWizard} from './run.ts';
import {type ConsoleState, noEffects, openView, shownViews, type UpdateResult, withRun} from './state.ts';
import {openRecipe, openUndo, planWizard} from './wizard.ts';

/** Enter: the detail of the selected row, the finding, the sessions of the group; without a row, all of the Overview. */
export function openSelected(state: ConsoleState): UpdateResult {
  const cursor = selectedId(state);
  if (cursor === null) return noEffects(state.view === 'overview' ? openOverview(state) : state);
  return openView(state).open(state, cursor);
}

/** All of the Overview; elsewhere the selected row, uncut. */
export function openWhole(state: ConsoleState): ConsoleState {
  if (state.view === 'overview') return openOverview(state);
  const id = selectedId(state);
  const cells = id === null ? [] : (openView(state).cells?.(state, id) ?? []);
  return id === null || cells.length === 0 ? state : openRow(state, id, cells);
}

/** A session's page. */
export function openSessionDetail(state: ConsoleState, id: string): UpdateResult {
  const backend = selectedSession(state);
  if (!backend) return noEffects(inform(state, 'this session has ended'));
  return openSession(state, id, backend, state.past !== null);
}

/** Sessions, with this filter. */
export function showSessions(state: ConsoleState, filter: string): UpdateResult {
  const shown = showRows(state, 'sessions', {filter});
  return {state: shown, effects: [showEffect(shown)]};
}

/** Shows another view with this row, or these rows. */
export function showRows(
  state: ConsoleState,
  view: ViewId,
  {cursor = null, filter = ''}: {cursor?: string | null; filter?: string},
): ConsoleState {
  // What was tagged among other rows is not meant here.
  const change = () => ({cursor, filter, frozenOrder: null, tagged: [], groupBy: null});
  return {...withTableOf(state, view, change), view};
}

/** A letter: of a finding of the Overview, or of an act on a finding's page. */
export function openLettered(state: ConsoleState, letter: string): UpdateResult {
  if (state.overlay?.kind !== 'finding') return openFinding(state, findingOf(state, letter));
  const finding = currentFinding(state, state.overlay);
  const act = actOf(finding, letter);
  return act === null ? noEffects(state) : openWizard(state, act.recipe, finding, act.params);
}

/** A finding's page; its recipe, where the finding names no acts. */
export function openFinding(state: ConsoleState, finding: Finding | undefined): UpdateResult {
  if (finding === undefined) return noEffects(state);
  if (finding.acts !== undefined) return noEffects(openFindingDetail(state, findingId(finding), finding));
  return openWizard(state, finding.recipe, finding);
}

/** Opens a recipe's wizard at the worst of its findings, if it has any. */
export function openRecipeByName(state: ConsoleState, id: string): UpdateResult {
  return openWizard(state, id, everyFinding(state).find(({recipe}) => recipe === id) ?? null);
}

/** `s` on a finding's page: its sessions, in Sessions. */
export function showSessionsOfFinding(state: ConsoleState): UpdateResult {
  const filter = filterOfFinding(state);
  return filter === null ? noEffects(state) : showSessions({...state, overlay: null}, filter);
}

/** `r`: the recipe for the selected row; null where none is selected that has one. */
export function openRecipeOfRow(state: ConsoleState): UpdateResult | null {
  if (state.view === 'scan') return openReplayOfRow(state);
  if (state.view === 'recipes') return openSelected(state);
  const backend = selectedSession(state);
  if (backend) {
    const finding = state.findings.find(({subject}) => subject === `backend:${backend.pid}`);
    return openWizard(state, finding?.recipe ?? 'kill-idle-sessions', finding ?? null, {
      pid: sessionId(backend),
    });
  }
  const queue = poolerOf(state, selectedId(state) ?? '');
  if (state.view === 'pools' && queue !== undefined) {
    const found = state.findings.find(({subject}) => subject === poolerId(queue));
    if (found) return openFinding(state, found);
    return openWizard(state, 'control-pgbouncer', null, paramsOfPooler(queue));
  }
  const pool = selectedPool(state);
  if (pool !== undefined && state.snapshot !== null) {
    const subject = poolSubjectIn(state, pool);
    const found = state.findings.find(each => each.subject === subject);
    if (found) return openFinding(state, found);
    const {recipe, params} = recipeOfPool(pool, state.snapshot);
    return openWizard(state, recipe, null, params);
  }
  const answer = selectedServerRow(state)?.acts?.find(({recipe}) => recipe !== null);
  if (answer?.recipe) return openWizard(state, answer.recipe, null, answer.params);
  if (state.view !== 'overview') return null;
  const group = selectedGroup(state);
  if (group !== undefined) return openWizard(state, 'kill-idle-sessions', null, paramsOf(group));
  const cursor = selectedId(state);
  const finding = state.findings.find(each => findingId(each) === cursor);
  return finding === undefined ? null : openFinding(state, finding);
}

function openReplayOfRow(state: ConsoleState): UpdateResult {
  const file = endpointFileOf(state, selectedEndpoint(state)?.route ?? '');
  return file === null
    ? noEffects(inform(state, whyNoReplay(state) ?? ''))
    : openWizard(state, 'replay-endpoint', null, {endpoint: writeText(file)});
}

/** What kill-idle-sessions takes to mean this group. */
function paramsOf({
  application_name,
  usename,
  client_addr,
  idle,
  idle_in_transaction,
}: BudgetGroup): ParameterValues {
  return {
    application: writeText(application_name),
    role: writeText(usename),
    ...(idle_in_transaction === 0 && idle !== null && idle > 0 && {states: 'idle'}),
    client: client_addr ?? 'local',
  };
}

/** `x`: the plan of the selected statement. */
export function explainSelected(state: ConsoleState): UpdateResult {
  const statement = selectedStatement(state);
  const id = selectedId(state);
  return statement === undefined || id === null ? noEffects(state) : explainStatement(state, id, statement);
}

/** Opens a recipe's wizard at a finding; parameters come from the caller, the finding or their defaults. */
export function openWizard(
  state: ConsoleState,
  id: string,
  finding: Finding | null,
  params: ParameterValues = {},
): UpdateResult {
  if (state.past !== null) return noEffects(inform(state, whyNotInPast(state.past)));
  const moved = whyWrongServer(state);
  if (moved !== null) return noEffects(inform(state, moved, 'danger'));
  if (state.wizard?.stage === 'running' && state.leftRun !== null)
    return noEffects(inform(state, whyNotLeave));
  const recipe = state.recipes.find(each => each.id === id);
  if (recipe === undefined) return noEffects(inform(state, `no recipe "${id}"`));
  const opened = openRecipe(state, recipe, {
    finding: finding && findingId(finding),
    params: {...(finding?.recipe === id ? finding.params : {}), ...params},
  });
  return withRun({...deselectRecipe(leaveRun(state)), overlay: null, replay: null}, opened);
}

/** `C` and `K` on the target sessions: the same engine, straight to the preview. `K` on a group: which of its sessions to end. */
export function openSessionWizard(state: ConsoleState, how: 'cancel' | 'terminate'): UpdateResult {
  if (selectedGroup(state) !== undefined) return openRecipeOfRow(state) ?? noEffects(state);
  const recipe = how === 'cancel' ? 'cancel-statements' : 'terminate-sessions';
  const targets = targetSessions(state);
  const opened = openWizard(state, recipe, null, {pid: targets.join(',')});
  const {wizard} = opened.state;
  if (wizard === null || wizard === state.wizard) return opened;
  const isForRun = targets.length === 1 && isWaitedFor(state, parseSessionId(targets[0] ?? '').pid);
  const planned = withRun(opened.state, planWizard(opened.state, {...wizard, isForRun}));
  const hidden = hiddenTags(state);
  return hidden === 0
    ? planned
    : {...planned, state: inform(planned.state, `${hidden} tagged, hidden by the filter`, 'warning')};
}

/** How many of the tagged sessions the filter hides. */
function hiddenTags(state: ConsoleState): number {
  if (state.overlay !== null) return 0;
  const shown = new Set(openView(state).ids(state));
  return openTable(state).tagged.filter(id => !shown.has(id)).length;
}

/** Undoes the run selected in the Journal, starting at the preview. */
export function openUndoOfRow(state: ConsoleState): UpdateResult {
  const run = selectedRun(state);
  const {journal, snapshot} = state;
  if (run === undefined || journal === null || snapshot === null || state.past !== null)
    return noEffects(state);
  const moved = whyWrongServer(state);
  if (moved !== null) return noEffects(inform(state, moved, 'danger'));
  try {
    return withRun({...state, overlay: null}, openUndo(snapshot, journal, run));
  } catch (error) {
    return noEffects(inform(state, error instanceof Error ? error.message : String(error), 'warning'));
  }
}

/** Shows the session that the step under way waits for, on top of the wizard; the run continues. */
export function openBlocker(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const pid = blockerOf(wizard)?.pid;
  const backend = state.snapshot?.backends.find(each => each.pid === pid);
  return backend === undefined ? noEffects(state) : openSession(state, sessionId(backend), backend, false);
}

/** Shows a view, and closes what lies on top; a run under way goes on. */
export function showView(state: ConsoleState, view: ViewId): UpdateResult {
  if (!shownViews(state.views, state).some(({id}) => id === view))
    return noEffects(inform(state, `no folder of the application was given: 'poolctl --source DIR'`));
  const left = leaveRun(state);
  const released = view === 'recipes' ? left : deselectRecipe(left);
  const next: ConsoleState = {...released, view, overlay: null, wizard: null, replay: null};
  return {state: next, effects: [showEffect(next), ...(openView(next).effectsWhenShown?.(next) ?? [])]};
}

/** `B`: the rows by the next tag, with what the view then reads; elsewhere the sessions of the selected row by the first tag that they have. */
export function showNextGroups(before: ConsoleState): UpdateResult {
  const filter = openView(before).sessionsFilter?.(before);
  const shown = filter === undefined ? noEffects(before) : showSessions(before, filter);
  let state = groupByNext(shown.state);
  while (filter !== undefined && isUntagged(state)) state = groupByNext(state);
  const tag = openTable(state).groupBy;
  if (filter !== undefined && tag === null) return noEffects(inform(before, noTags('tags')));
  const effects = [...shown.effects, ...(openView(state).effectsWhenShown?.(state) ?? [])];
  return {state: isUntagged(state) ? inform(state, noTags(`${tag} tag`)) : state, effects};
}

/** The rows are grouped, and none has the tag. */
function isUntagged(state: ConsoleState): boolean {
  const ids = openTable(state).groupBy === null ? [] : openView(state).ids(state);
  return ids.length > 0 && ids.every(isWithoutTag);
}

function noTags(what: string): string {
  return `no ${what} here: poolctl/kit or sqlcommenter writes tags into statements (docs/kit.md)`;
}

/** Waits, with these sessions by statement. */
export function showLoadOf(state: ConsoleState, filter: string): UpdateResult {
  const {state: shown, effects} = showView(state, 'waits');
  return {state: sortBy(setFilter(shown, filter), {id: 'statement'}), effects};
}

/** Shows the view before or after the one that is open. */
export function showNeighbour(state: ConsoleState, by: 1 | -1): UpdateResult {
  const {view} = state;
  const views = shownViews(state.views, state);
  const at = views.findIndex(({id}) => id === view);
  return showView(state, views.at((at + by) % views.length)?.id ?? view);
}
