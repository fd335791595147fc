import {lists} from '../rows/lists.ts';
import {
  clearSelection,
  moveCursor,
  neighbour,
  releaseRecipes,
  restoreFilter,
  reverseSort,
  setFilter,
  sortByNext,
  tagSelected,
  type ViewId,
} from './browsing.ts';
import {enterCommandLine} from './command-line.ts';
import {closeOverlay, editPrompt, inform, openHelp, openPrompt, recall, remember} from './dialog.ts';
import {handleEvent, isEvent, showEffect} from './events.ts';
import {diagnose} from './findings.ts';
import {edit, insert} from './line-editor.ts';
import {
  type Command,
  distanceOf,
  type Effect,
  type Message,
  noEffects,
  type ScrollBy,
  type UpdateResult,
} from './messages.ts';
import {
  explainSelected,
  openLettered,
  openRecipeOfRow,
  openSelected,
  openSessionWizard,
  openUndoOfRow,
} from './opening.ts';
import {backToNow, changeSpeed, goInTime, togglePlaying} from './past.ts';
import {nextInterval, setInterval} from './reading.ts';
import {handleReplayCommand, handleWizardCommand} from './run-commands.ts';
import {copyText} from './selection.ts';
import type {ConsoleState} from './state.ts';

/** The next state for a message, and the effects to perform. Pure. Findings belong to the snapshot shown. */
export function update(before: ConsoleState, message: Message): UpdateResult {
  const {state, effects} = isEvent(message)
    ? handleEvent(before, message)
    : handleCommand(before.notice === null ? before : {...before, notice: null}, message);
  const isDiagnosed =
    state.snapshot === before.snapshot &&
    state.diagnosisData === before.diagnosisData &&
    (state.past === null) === (before.past === null);
  return {state: isDiagnosed ? state : diagnose(state, state.past !== null), effects};
}

/** What the keys do on a view and on the pages on top of it; a wizard and a replay have their own meaning for some. */
function handleCommand(state: ConsoleState, command: Command): UpdateResult {
  if (!isEverywhere(command)) {
    if (state.replay !== null) return handleReplayCommand(state, state.replay, command);
    if (state.wizard !== null && state.overlay === null)
      return handleWizardCommand(state, state.wizard, command);
  }
  switch (command.kind) {
    case 'show-view':
      return showView(state, command.view);
    case 'cycle-view':
      return showView(state, neighbour(state, command.by));
    case 'move':
    case 'page':
    case 'edge':
      return moveBy(state, distanceOf(command));
    case 'tag':
      return moveBy(tagSelected(state), {lines: 1});
    case 'open':
      return openSelected(state);
    case 'sort-next':
      return noEffects(sortByNext(state, 1, lists[state.view].sortColumns));
    case 'sort-previous':
      return noEffects(sortByNext(state, -1, lists[state.view].sortColumns));
    case 'sort-reverse':
      return noEffects(reverseSort(state));
    case 'prompt':
      return noEffects(openPrompt(state, command.purpose, state.tables[state.view].filter));
    case 'type':
      return noEffects(filterAsTyped(editPrompt(state, line => insert(line, command.text))));
    case 'paste':
      return state.overlay?.kind === 'prompt'
        ? noEffects(filterAsTyped(editPrompt(state, line => insert(line, command.text))))
        : noEffects(inform(state, pasteRefused));
    case 'edit':
      return noEffects(filterAsTyped(editPrompt(state, line => edit(line, command.how))));
    case 'recall':
      return noEffects(filterAsTyped(recall(state, command.by)));
    case 'submit':
      return submitPrompt(state);
    case 'pause':
      return state.past === null
        ? noEffects({...state, isPaused: !state.isPaused})
        : togglePlaying(state, state.past);
    case 'change-interval':
      return state.past === null
        ? setInterval(state, nextInterval(state, command.faster))
        : changeSpeed(state, state.past, command.faster);
    case 'step-time':
      return goInTime(state, {by: command.by});
    case 'leap-time':
      return goInTime(state, {by_ms: command.by_ms});
    case 'back-to-now':
      return noEffects(backToNow(state));
    case 'copy':
      return copy(state);
    case 'end-sessions':
      return openSessionWizard(state, command.how);
    case 'explain':
      return explainSelected(state);
    case 'open-recipe':
      return openRecipeOfRow(state) ?? showView(state, 'recipes');
    case 'open-finding':
      return openLettered(state, command.letter);
    case 'undo-run':
      return openUndoOfRow(state);
    case 'help':
      return noEffects(openHelp(state));
    case 'back':
      return noEffects(leave(state));
    case 'choose':
    case 'open-blocker':
    case 'toggle-guards':
      return noEffects(state);
    case 'write-out':
    case 'redraw':
    case 'suspend':
    case 'quit':
      return {state, effects: [command]};
  }
}

/** Keys that mean the same everywhere. */
function isEverywhere({kind}: Command): boolean {
  return kind === 'quit' || kind === 'suspend' || kind === 'redraw';
}

const pasteRefused = 'Pasted text is ignored here. Paste it into a filter (/) or a command (:)';

/** Shows a view, and closes what lies on top. */
function showView(state: ConsoleState, view: ViewId): UpdateResult {
  const released = view === 'recipes' ? state : releaseRecipes(state);
  const next: ConsoleState = {...released, view, overlay: null, wizard: null, replay: null};
  const journal: Effect[] = view === 'journal' ? [{kind: 'read-journal'}] : [];
  return {state: next, effects: [showEffect(next), ...journal]};
}

/** Scrolls the open page, or moves the cursor. */
function moveBy(state: ConsoleState, by: ScrollBy): UpdateResult {
  if (state.overlay !== null) return {state, effects: [{kind: 'scroll', by}]};
  const rows = 'pages' in by ? by.pages * pageStep(state) : by.lines;
  return noEffects(moveCursor(state, rows, lists[state.view].ids(state)));
}

/** How many rows PgDn moves the cursor: a page less a few rows of overlap. */
function pageStep({rows}: {rows: number}): number {
  return Math.max(1, rows - 8);
}

/** One step back: closes the page on top, or clears the selection, the tags or the filter. */
function leave(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay === null) return clearSelection(state);
  const closed = closeOverlay(state);
  const isFilter = overlay.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter ? restoreFilter(closed, overlay.before) : closed;
}

/** A filter is applied with every character. */
function filterAsTyped(state: ConsoleState): ConsoleState {
  const {overlay, tables, view} = state;
  const isFilter = overlay?.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter && overlay.text !== tables[view].filter ? setFilter(state, overlay.text) : state;
}

function submitPrompt(state: ConsoleState): UpdateResult {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return noEffects(state);
  const closed = remember(closeOverlay(state), overlay);
  if (overlay.purpose === 'filter') return noEffects(closed);
  const entered = enterCommandLine(closed, overlay.text);
  if ('error' in entered)
    return noEffects({...closed, overlay: {...overlay, error: entered.error, recalled: null}});
  return 'command' in entered ? handleCommand(closed, entered.command) : entered;
}

function copy(state: ConsoleState): UpdateResult {
  const text = copyText(state);
  if (text === null) return noEffects(inform(state, 'y: no row selected'));
  return {state, effects: [{kind: 'copy', text}]};
}
