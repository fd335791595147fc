import {statementWindows, windowMs} from '../../core/activity/statement-window.ts';
import {parseDurationMs, parseTimestamp} from '../../core/text/time.ts';
import {setFilter, sortBy} from './browsing.ts';
import {inform, openHelp} from './dialog.ts';
import {whyNotQuit} from './left-run.ts';
import {type InputLine, insert} from './line-editor.ts';
import {openRecipeByName, showView} from './opening.ts';
import {backToNow, changeSpeed, goInTime, readingPast, setSpeed, togglePlaying} from './past.ts';
import {nextInterval, setInterval} from './reading.ts';
import {
  type ConsoleState,
  needsView,
  noEffects,
  openView,
  shownViews,
  sortColumns,
  type UpdateResult,
} from './state.ts';
import {setWindow} from './window.ts';

/** An error, or the next state. */
type Entered = {error: string} | UpdateResult;

const leastIntervalMs = 500;
const greatestIntervalMs = 60_000;

/** A `:` command that takes a value, or has none of its own key. */
type LineCommand = {
  /** What follows its name. */
  takes?: string;
  /** Of that, what Tab completes. */
  values?(state: ConsoleState): readonly string[];
  enter(state: ConsoleState, value: string): Entered;
};

/** All but the views. */
const lineCommands: Record<string, LineCommand> = {
  recipe: {takes: 'NAME', values: ({recipes}) => recipes.map(({id}) => id), enter: openRecipe},
  sort: {takes: 'COLUMN', values: state => sortColumns(state).map(({id}) => id), enter: sortByName},
  filter: {takes: 'WORDS', enter: filterBy},
  interval: {takes: 'TIME', enter: changeInterval},
  at: {takes: 'TIME', enter: goTo},
  window: {takes: 'TIME', values: () => statementWindows, enter: setWindowTo},
  now: {enter: state => backToNow(state)},
  speed: {takes: 'FACTOR', enter: setSpeedTo},
  write: {
    takes: 'FILE',
    enter: (state, file) => ({state, effects: [{kind: 'write-out', file: file || null}]}),
  },
  pause: {enter: togglePause},
  help: {enter: state => noEffects(openHelp(state))},
  quit: {
    enter: state => {
      const error = whyNotQuit(state);
      return error === null ? {state, effects: [{kind: 'quit'}]} : {error};
    },
  },
};

const alsoQuit = ['q', 'exit'];

/** Runs a `:` command: a view or key by name, or one with a value: `:recipe kill`, `:sort mean`, `:interval 1s`. */
export function enterCommandLine(state: ConsoleState, text: string): Entered {
  const [word = '', ...rest] = text.trim().split(/\s+/);
  if (word === '') return noEffects(state);
  const command = lineCommand(alsoQuit.includes(word) ? 'quit' : word);
  if (command) return command.enter(state, rest.join(' '));
  const viewIds = shownViews(state.views, state).map(({id}) => id);
  const view = viewIds.find(id => id.startsWith(word));
  if (view) return showView(state, view);
  const names = Object.entries(lineCommands).map(([name, {takes}]) => (takes ? `${name} ${takes}` : name));
  return {error: `no command "${word}": ${[...viewIds, ...names].join(', ')}`};
}

function lineCommand(name: string): LineCommand | undefined {
  return Object.hasOwn(lineCommands, name) ? lineCommands[name] : undefined;
}

/** What the word before the cursor may become, and where it begins. */
type Completion = {from: number; candidates: string[]};

/** Of the prompt that is open. */
export function completionOf(state: ConsoleState): Completion {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return {from: 0, candidates: []};
  const typed = overlay.text.slice(0, overlay.cursor);
  return overlay.purpose === 'filter' ? completeFilter(state, typed) : completeCommandLine(state, typed);
}

/** Of a `:` line: a command or a view, then the command's value. A command that takes one ends in a space. */
function completeCommandLine(state: ConsoleState, typed: string): Completion {
  const [, before = '', name = '', value] = /^(\s*)(\S*)(?:\s+(.*))?$/s.exec(typed) ?? [];
  if (value === undefined) {
    const names = Object.entries(lineCommands).map(([each, {takes}]) => (takes ? `${each} ` : each));
    const viewIds = shownViews(state.views, state).map(({id}) => id);
    return {from: before.length, candidates: startingWith(name, [...names, ...viewIds])};
  }
  if (name === 'filter') return completeFilter(state, typed);
  const values = lineCommand(name)?.values?.(state) ?? [];
  return {from: typed.length - value.length, candidates: startingWith(value, values)};
}

/** Of a filter: the name of a column, with the operator that is used most. */
function completeFilter(state: ConsoleState, typed: string): Completion {
  const [word = ''] = /[^\s!]*$/.exec(typed) ?? [];
  const {columns: named = []} = openView(state);
  const names = named.flatMap(({id, title}) => [id, /^[a-z]+/.exec(title.toLowerCase())?.[0] ?? id]);
  const columns = [...new Set(names)].map(name => `${name}:`);
  return {
    from: typed.length - word.length,
    candidates: word === '' ? [] : startingWith(word.toLowerCase(), columns),
  };
}

function startingWith(begun: string, names: readonly string[]): string[] {
  return names.filter(name => name.startsWith(begun));
}

/** The line with as much of the word before its cursor as all candidates have in common. */
export function completeLine(line: InputLine, {from, candidates}: Completion): InputLine {
  const [first, ...others] = candidates;
  if (first === undefined) return line;
  let length = first.length;
  while (!others.every(each => each.startsWith(first.slice(0, length)))) length--;
  const {text, cursor} = line;
  return insert({text: text.slice(0, from) + text.slice(cursor), cursor: from}, first.slice(0, length));
}

function openRecipe(state: ConsoleState, name: string): Entered {
  const recipe = state.recipes.find(({id}) => name !== '' && id.startsWith(name));
  if (!recipe)
    return {error: `${name === '' ? 'which recipe?' : `no recipe "${name}":`} Recipes (5) lists them`};
  return openRecipeByName(state, recipe.id);
}

function sortByName(state: ConsoleState, name: string): Entered {
  const columns = sortColumns(state);
  const column = columns.find(({id}) => name !== '' && id.startsWith(name));
  if (columns.length === 0) return {error: 'this view has a fixed order'};
  if (!column) {
    const which = name === '' ? 'by which column?' : `no column "${name}" here:`;
    return {error: `${which} ${columns.map(({id}) => id).join(', ')}`};
  }
  return noEffects(sortBy(state, column));
}

/** Works in the same views as `/`. */
function filterBy(state: ConsoleState, filter: string): Entered {
  const error = needsView(state, ({columns}) => columns);
  if (error !== null) return {error};
  return noEffects(setFilter(state, filter));
}

function goTo(state: ConsoleState, value: string): Entered {
  const last_ms = state.past?.times.at(-1)?.at_ms ?? Date.parse(state.snapshot?.at ?? '');
  const at_ms = parseTimestamp(value, last_ms);
  if (at_ms === null || Number.isNaN(at_ms))
    return {error: `Invalid time "${value}". Use 14:03 or 14:03:20 (UTC)`};
  return travel(state, {at_ms});
}

/** Goes to another snapshot of the past; the first one takes a second on a busy machine, so a notice says that it is read. */
export function travel(state: ConsoleState, to: Parameters<typeof goInTime>[1]): UpdateResult {
  const gone = goInTime(state, to);
  return state.past === null && gone.effects.length > 0
    ? {...gone, state: inform(gone.state, readingPast)}
    : gone;
}

/** `2s` is what lies between two readings. */
function setWindowTo(state: ConsoleState, value: string): Entered {
  const ms = parseDurationMs(value);
  const isShort = ms !== null && ms > 0 && ms < 60_000;
  const window = isShort
    ? 'readings'
    : statementWindows.find(name => name === value || (ms !== null && windowMs[name] === ms));
  if (window === undefined) return {error: `Invalid window "${value}". Use ${statementWindows.join(', ')}`};
  return noEffects(setWindow(state, window));
}

function setSpeedTo(state: ConsoleState, value: string): Entered {
  const speed = Number(value.replace(/x$/, ''));
  if (state.past === null) return {error: 'speed applies only in the past: press [ to go back'};
  if (!(speed >= 0.1 && speed <= 1000)) return {error: `Invalid speed "${value}". Use 0.1 to 1000`};
  return setSpeed(state, state.past, speed);
}

function changeInterval(state: ConsoleState, value: string): Entered {
  const interval_ms = parseDurationMs(value);
  if (interval_ms === null || interval_ms < leastIntervalMs || interval_ms > greatestIntervalMs) {
    return {error: `Invalid interval "${value}". Use 0.5s to 60s`};
  }
  return setInterval(state, interval_ms);
}

/** Pauses the screen; in the past, stops or plays. */
export function togglePause(state: ConsoleState): UpdateResult {
  return state.past === null
    ? noEffects({...state, isPaused: !state.isPaused})
    : togglePlaying(state, state.past);
}

/** Reads more or less often; in the past, plays faster or slower. */
export function changePace(state: ConsoleState, faster: boolean): UpdateResult {
  return state.past === null
    ? setInterval(state, nextInterval(state, faster))
    : changeSpeed(state, state.past, faster);
}
