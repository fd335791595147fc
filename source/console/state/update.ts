import {copyText, selectedId} from '../rows/selection.ts';
import {
  clearSelection,
  deselectRecipe,
  moveCursor,
  openTable,
  restoreFilter,
  reverseSort,
  setFilter,
  sortByNext,
  tagAll,
  tagRow,
  type ViewId,
} from './browsing.ts';
import {completeLine, completionOf, enterCommandLine, travel} from './command-line.ts';
import {
  closeOverlay,
  editPrompt,
  inform,
  openHelp,
  openOverview,
  openPrompt,
  type Prompt,
  recall,
  remember,
} from './dialog.ts';
import {handleEvent, showEffect} from './events.ts';
import {diagnose} from './findings.ts';
import {leaveRun} from './left-run.ts';
import {edit, type InputLine, insert, type LineEdit} from './line-editor.ts';
import {
  explainSelected,
  openLettered,
  openRecipeOfRow,
  openSelected,
  openSessionWizard,
  openUndoOfRow,
  showSessionsOfFinding,
} from './opening.ts';
import {backToNow, changeSpeed, togglePlaying} from './past.ts';
import {nextInterval, setInterval} from './reading.ts';
import {observeHarm} from './run.ts';
import {replayCommands, wizardCommands} from './run-commands.ts';
import type {ConsoleState} from './state.ts';
import {
  type CommandOf,
  type CommandTable,
  type Event,
  noEffects,
  openView,
  type ScrollBy,
  scroll,
  sortColumns,
  toEdge,
  type UpdateResult,
} from './state.ts';
import {nextWindow, requestBase, setWindow} from './window.ts';

/**
 * What commands do on a view and on the pages on top of it. A key with its effect is a line here and a row in
 * `input/keymap.ts`.
 */
const viewCommands = {
  'show-view': (state, {view}: {view: ViewId}) => showView(state, view),
  'toggle-run': state => (state.leftRun === null ? showView(state, state.view) : backToRun(state)),
  'cycle-view': (state, {by}: {by: 1 | -1}) => showView(state, neighbour(state, by)),
  move: (state, {by}: {by: number}) => moveBy(state, {lines: by}),
  page: (state, {by}: {by: 1 | -1}) => moveBy(state, {pages: by}),
  edge: (state, {to}: {to: 'first' | 'last'}) => moveBy(state, toEdge(to)),
  tag: tagSelected,
  'tag-all': state => noEffects(tagAll(state, openView(state).ids(state))),
  open: openSelected,
  'open-overview': state => noEffects(openOverview(state)),
  'sort-next': state => noEffects(sortByNext(state, 1, sortColumns(state))),
  'sort-previous': state => noEffects(sortByNext(state, -1, sortColumns(state))),
  'sort-reverse': state => noEffects(reverseSort(state)),
  prompt: (state, {purpose}: {purpose: Prompt['purpose']}) =>
    noEffects(openPrompt(state, purpose, openTable(state).filter)),
  type: (state, {text}: {text: string}) => noEffects(editLine(state, line => insert(line, text))),
  paste: (state, {text}: {text: string}) => noEffects(paste(state, text)),
  edit: (state, {how}: {how: LineEdit}) => noEffects(editLine(state, line => edit(line, how))),
  recall: (state, {by}: {by: 1 | -1}) => noEffects(filterAsTyped(recall(state, by))),
  complete: completePrompt,
  submit: submitPrompt,
  pause: togglePause,
  refresh: state => ({state, effects: [{kind: 'refresh'}]}),
  'change-interval': (state, {faster}: {faster: boolean}) => changePace(state, faster),
  'step-time': (state, {by}: {by: number}) => travel(state, {by}),
  'leap-time': (state, {by_ms}: {by_ms: number}) => travel(state, {by_ms}),
  'back-to-now': state => backToNow(state),
  'next-window': state => noEffects(setWindow(state, nextWindow(state))),
  'write-out': (state, {file}: {file: string | null}) => ({state, effects: [{kind: 'write-out', file}]}),
  copy: copySelected,
  'end-sessions': (state, {how}: {how: 'cancel' | 'terminate'}) => openSessionWizard(state, how),
  explain: explainSelected,
  'open-recipe': state => openRecipeOfRow(state) ?? showView(state, 'recipes'),
  'show-sessions': showSessionsOfFinding,
  'open-finding': (state, {letter}: {letter: string}) => openLettered(state, letter),
  'undo-run': openUndoOfRow,
  help: state => noEffects(openHelp(state)),
  back: state => (isClear(state) ? backToNow(state) : noEffects(leave(state))),
} satisfies CommandTable<ConsoleState>;

/** What commands do wherever they are given. */
const globalCommands = {
  redraw: state => ({state, effects: [{kind: 'redraw'}]}),
  suspend: state => ({state, effects: [{kind: 'suspend'}]}),
  quit: state => ({state, effects: [{kind: 'quit'}]}),
} satisfies CommandTable<ConsoleState>;

/** The name of a command with its options: `{kind: 'move', by: 1}`. */
export type Command =
  | CommandOf<typeof viewCommands>
  | CommandOf<typeof globalCommands>
  | CommandOf<typeof wizardCommands>;

export type Message = Command | Event;

/** The next state for a message, and the effects to perform. Pure. Another snapshot or other data is diagnosed again. */
export function update(before: ConsoleState, message: Message): UpdateResult {
  const updated = diagnoseChanged(before, message);
  const {state} = updated;
  const effects = hasMoved(before, state) ? [...updated.effects, showEffect(state)] : updated.effects;
  if (state.snapshot === before.snapshot && state.window === before.window) return {state, effects};
  const requested = requestBase(state);
  return {state: requested.state, effects: [...effects, ...requested.effects]};
}

/** Other statements are on the screen: their texts are asked for at once, not with the next reading. */
function hasMoved(before: ConsoleState, {view, tables, past}: ConsoleState): boolean {
  const isShown = view === 'statements' && before.view === view && past === null;
  return isShown && tables.statements !== before.tables.statements;
}

function diagnoseChanged(before: ConsoleState, message: Message): UpdateResult {
  const {state, effects} = isCommand(message)
    ? handleCommand(before.notice === null ? before : {...before, notice: null}, message)
    : handleEvent(before, message);
  const isDiagnosed =
    state.snapshot === before.snapshot &&
    state.diagnosisData === before.diagnosisData &&
    (state.past === null) === (before.past === null);
  if (isDiagnosed) return {state, effects};
  return {state: diagnose(observeRuns(state), state.past !== null), effects};
}

/** What is left of the harm that a run answers; not by readings of the past. */
function observeRuns(state: ConsoleState): ConsoleState {
  const {wizard, leftRun, past} = state;
  if (past !== null || (wizard === null && leftRun === null)) return state;
  return {
    ...state,
    wizard: wizard && observeHarm(state, wizard),
    leftRun: leftRun && observeHarm(state, leftRun),
  };
}

function isCommand(message: Message): message is Command {
  return [viewCommands, globalCommands, wizardCommands].some(table => message.kind in table);
}

/** What is on top decides what a command does. */
function handleCommand(state: ConsoleState, command: Command): UpdateResult {
  const {overlay, replay, wizard} = state;
  if (command.kind in globalCommands) return run(globalCommands, state, command);
  if (overlay !== null) return run(viewCommands, state, command);
  if (replay !== null) return run(replayCommands, {...state, replay}, command);
  if (wizard === null || command.kind === 'show-view' || command.kind === 'toggle-run')
    return run(viewCommands, state, command);
  // During a run only a second Esc in a row stops it.
  const asksToStop = wizard.asksToStop && command.kind === 'back';
  return run(wizardCommands, {...state, wizard: {...wizard, asksToStop}}, command);
}

function run<State extends ConsoleState>(
  table: CommandTable<State>,
  state: State,
  command: Command,
): UpdateResult {
  const change = table[command.kind] as ((state: State, command: Command) => UpdateResult) | undefined;
  return change?.(state, command) ?? noEffects(state);
}

/** Shows a view, and closes what lies on top; a run under way goes on. */
function showView(state: ConsoleState, view: ViewId): UpdateResult {
  const left = leaveRun(state);
  const released = view === 'recipes' ? left : deselectRecipe(left);
  const next: ConsoleState = {...released, view, overlay: null, wizard: null, replay: null};
  return {state: next, effects: [showEffect(next), ...(openView(next).effectsWhenShown?.(next) ?? [])]};
}

/** The view before or after the one that is open. */
function neighbour({views, view}: ConsoleState, by: 1 | -1): ViewId {
  const at = views.findIndex(({id}) => id === view);
  return views.at((at + by) % views.length)?.id ?? view;
}

/** Shows the run that was left, now; a run on the screen is left for it. */
function backToRun(state: ConsoleState): UpdateResult {
  const {state: now, effects} = backToNow(state);
  const {leftRun} = leaveRun({...now, leftRun: null});
  return {state: {...now, wizard: now.leftRun, leftRun, overlay: null, replay: null}, effects};
}

/** Scrolls the open page, or moves the cursor. */
function moveBy(state: ConsoleState, by: ScrollBy): UpdateResult {
  if (state.overlay !== null) return scroll(state, by);
  const rows = 'pages' in by ? by.pages * pageStep(state) : by.lines;
  return noEffects(moveCursor(state, rows, openView(state).ids(state)));
}

function tagSelected(state: ConsoleState): UpdateResult {
  const id = selectedId(state);
  return id === null ? noEffects(state) : moveBy(tagRow(state, id), {lines: 1});
}

/** How many rows PgDn moves the cursor: a page less a few rows of overlap. */
function pageStep({rows}: {rows: number}): number {
  return Math.max(1, rows - 8);
}

/** Nothing is left to close or to clear: Esc then leaves the past. */
function isClear(state: ConsoleState): boolean {
  const {cursor, tagged, filter} = openTable(state);
  return state.overlay === null && cursor === null && tagged.length === 0 && filter === '';
}

/** One step back: closes the page on top, or clears the selection, the tags or the filter. */
function leave(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay === null) return clearSelection(state);
  const closed = closeOverlay(state);
  const isFilter = overlay.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter ? restoreFilter(closed, overlay.before) : closed;
}

function editLine(state: ConsoleState, change: (line: InputLine) => InputLine): ConsoleState {
  return filterAsTyped(editPrompt(state, change));
}

/** A filter is applied with every character. */
function filterAsTyped(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  const isFilter = overlay?.kind === 'prompt' && overlay.purpose === 'filter';
  return isFilter && overlay.text !== openTable(state).filter ? setFilter(state, overlay.text) : state;
}

/** Pasted text is text in a prompt, and runs no keys elsewhere. */
function paste(state: ConsoleState, text: string): ConsoleState {
  return state.overlay?.kind === 'prompt'
    ? editLine(state, line => insert(line, text))
    : inform(state, 'Pasted text is ignored here. Paste it into a filter (/) or a command (:)');
}

function completePrompt(state: ConsoleState): UpdateResult {
  return noEffects(editLine(state, line => completeLine(line, completionOf(state))));
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

/** Pauses the screen; in the past, stops or plays. */
function togglePause(state: ConsoleState): UpdateResult {
  return state.past === null
    ? noEffects({...state, isPaused: !state.isPaused})
    : togglePlaying(state, state.past);
}

/** Reads more or less often; in the past, plays faster or slower. */
function changePace(state: ConsoleState, faster: boolean): UpdateResult {
  return state.past === null
    ? setInterval(state, nextInterval(state, faster))
    : changeSpeed(state, state.past, faster);
}

function copySelected(state: ConsoleState): UpdateResult {
  const text = copyText(state);
  if (text === null) return noEffects(inform(state, 'y: no row selected'));
  return {state, effects: [{kind: 'copy', text}]};
}
