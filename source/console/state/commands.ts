import {copyText, selectedId} from '../rows/selection.ts';
import {clearSelection, moveCursor, openTable, restoreFilter, setFilter, tagRow} from './browsing.ts';
import {completeLine, completionOf, enterCommandLine} from './command-line.ts';
import {closeOverlay, editPrompt, inform, recall, remember} from './dialog.ts';
import {leaveRun, whyNotYet} from './left-run.ts';
import {type InputLine, insert} from './line-editor.ts';
import {openBlocker, openWizard, showView} from './opening.ts';
import {backToNow} from './past.ts';
import {whyNoAct} from './reading.ts';
import {hasEnded, leaveReplay, recommended} from './replay.ts';
import type {RecipeWizard, ReplayPage, RunUpdate} from './run.ts';
import {
  type ConsoleState,
  noEffects,
  openView,
  type ScrollBy,
  scroll,
  type UpdateResult,
  withRun,
} from './state.ts';
import {editField, goBack, goForward, moveField} from './wizard.ts';

// What keys do that act on what is on top: a prompt or another page, a replay, a wizard, or the view. The table of
// keys says which of them a key does.

/** The wizard that keys act on; null while another page lies on it. */
export function wizardOnTop({overlay, replay, wizard}: ConsoleState): RecipeWizard | null {
  return overlay === null && replay === null ? wizard : null;
}

function replayOnTop({overlay, replay}: ConsoleState): ReplayPage | null {
  return overlay === null ? replay : null;
}

/** Scrolls the page on top, moves to another field, or moves the cursor of the view. */
export function moveBy(state: ConsoleState, by: ScrollBy): UpdateResult {
  const wizard = wizardOnTop(state);
  if (wizard?.stage === 'parameters' && 'lines' in by && Number.isFinite(by.lines))
    return withRun(state, moveField(state, wizard, by.lines));
  if (state.overlay !== null || state.replay !== null || wizard !== null) return scroll(state, by);
  const rows = 'pages' in by ? by.pages * pageStep(state) : by.lines;
  return noEffects(moveCursor(state, rows, openView(state).ids(state)));
}

/** How many rows PgDn moves the cursor: a page less a few rows of overlap. */
function pageStep({rows}: {rows: number}): number {
  return Math.max(1, rows - 8);
}

export function tagSelected(state: ConsoleState): UpdateResult {
  const id = selectedId(state);
  return id === null ? noEffects(state) : moveBy(tagRow(state, id), {lines: 1});
}

/** Enter: takes the line of a prompt, the next step of a wizard, or what a replay recommends. */
export function submit(state: ConsoleState): UpdateResult {
  const wizard = wizardOnTop(state);
  const replay = replayOnTop(state);
  if (wizard !== null)
    return closeWizard(state, wizard, goForward(state, wizard, whyNoAct(state) ?? whyNotYet(state, wizard)));
  if (replay !== null) return hasEnded(replay) ? openRecommended(state, replay) : noEffects(state);
  return submitPrompt(state);
}

function submitPrompt(state: ConsoleState): UpdateResult {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return noEffects(state);
  const closed = remember(closeOverlay(state), overlay);
  if (overlay.purpose === 'filter') return noEffects(closed);
  const entered = enterCommandLine(closed, overlay.text);
  return 'error' in entered
    ? noEffects({...closed, overlay: {...overlay, error: entered.error, recalled: null}})
    : entered;
}

function openRecommended(state: ConsoleState, replay: ReplayPage): UpdateResult {
  const params = recommended(replay);
  return params === null
    ? noEffects({...state, wizard: null, replay: null})
    : openWizard(state, 'tune-connection-limit', null, params);
}

/** One step back: closes the page on top, or clears the selection, the tags or the filter; then leaves the past. */
export function goBackFrom(state: ConsoleState): UpdateResult {
  const wizard = wizardOnTop(state);
  const replay = replayOnTop(state);
  if (wizard !== null) return closeWizard(state, wizard, goBack(state, wizard));
  if (replay !== null) return withRun(state, leaveReplay(replay));
  return isClear(state) ? backToNow(state) : noEffects(leave(state));
}

/** Nothing is left to close or to clear: Esc then leaves the past. */
function isClear(state: ConsoleState): boolean {
  const {cursor, tagged, filter} = openTable(state);
  return state.overlay === null && cursor === null && tagged.length === 0 && filter === '';
}

function leave(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay === null) return clearSelection(state);
  const closed = closeOverlay(state);
  const isFilter = overlay.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter ? restoreFilter(closed, overlay.before) : closed;
}

/** What was opened for a run leads back to it. */
function closeWizard(state: ConsoleState, wizard: RecipeWizard, updated: RunUpdate): UpdateResult {
  const {leftRun} = state;
  return updated.changes.wizard === null && wizard.isForRun && leftRun !== null
    ? noEffects({...state, wizard: leftRun, leftRun: null})
    : withRun(state, updated);
}

/** Leaves a run while it goes on; shows the one that was left, now, and leaves for it the one on the screen. */
export function toggleRun(state: ConsoleState): UpdateResult {
  if (state.leftRun === null) return showView(state, state.view);
  const {state: now, effects} = backToNow(state);
  const {leftRun} = leaveRun({...now, leftRun: null});
  return {state: {...now, wizard: now.leftRun, leftRun, overlay: null, replay: null}, effects};
}

/** Changes the wizard on top. */
export function changeWizard(
  state: ConsoleState,
  change: (wizard: RecipeWizard) => RecipeWizard,
): UpdateResult {
  const wizard = wizardOnTop(state);
  return noEffects(wizard === null ? state : {...state, wizard: change(wizard)});
}

/** The session that the step under way waits for. */
export function showBlocker(state: ConsoleState): UpdateResult {
  const wizard = wizardOnTop(state);
  return wizard === null ? noEffects(state) : openBlocker(state, wizard);
}

/** Changes the line being typed: of a prompt, a parameter or a confirmation. */
export function editLine(state: ConsoleState, change: (line: InputLine) => InputLine): UpdateResult {
  const wizard = wizardOnTop(state);
  if (wizard !== null) return changeWizard(state, () => editField(state, wizard, change));
  return noEffects(filterAsTyped(editPrompt(state, change)));
}

/** What was entered before in this prompt, or after it. */
export function recallLine(state: ConsoleState, by: 1 | -1): UpdateResult {
  return noEffects(filterAsTyped(recall(state, by)));
}

/** A filter is applied with every character. */
function filterAsTyped(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  const isFilter = overlay?.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter && overlay.text !== openTable(state).filter ? setFilter(state, overlay.text) : state;
}

/** Pasted text is text in a prompt and in a parameter, and runs no keys elsewhere; the confirmation has to be typed. */
export function paste(state: ConsoleState, text: string): UpdateResult {
  const wizard = wizardOnTop(state);
  if (replayOnTop(state) !== null) return noEffects(state);
  if (state.overlay?.kind === 'prompt' || wizard?.stage === 'parameters')
    return editLine(state, line => insert(line, text));
  if (wizard?.stage === 'confirm')
    return noEffects(inform(state, 'Pasted text does not confirm: type the word'));
  const where = wizard === null ? '. Paste it into a filter (/) or a command (:)' : '';
  return noEffects(inform(state, `Pasted text is ignored here${where}`));
}

export function completePrompt(state: ConsoleState): UpdateResult {
  return editLine(state, line => completeLine(line, completionOf(state)));
}

export function copySelected(state: ConsoleState): UpdateResult {
  const text = copyText(state);
  if (text === null) return noEffects(inform(state, 'y: no row selected'));
  return {state, effects: [{kind: 'copy', text}]};
}
