import {parseDurationMs, parseTimestamp} from '../../core/text/time.ts';
import {lists} from '../rows/lists.ts';
import {needsFilterable, setFilter, sortBy, type ViewId, viewIds} from './browsing.ts';
import {openRecipeByName} from './opening.ts';
import {goInTime, setSpeed} from './past.ts';
import {setInterval} from './reading.ts';
import type {ConsoleState} from './state.ts';
import {noEffects, type UpdateResult} from './state.ts';

/** An error, the command that the line names, or the next state. */
type Entered = {error: string} | {command: NamedCommand} | UpdateResult;

type NamedCommand =
  | {kind: 'quit' | 'help' | 'pause' | 'back-to-now'}
  | {kind: 'show-view'; view: ViewId}
  | {kind: 'write-out'; file: string | null};

const leastIntervalMs = 500;
const greatestIntervalMs = 60_000;

/** Runs a `:` command: a view or key by name, or one with a value: `:recipe kill`, `:sort mean`, `:interval 1s`. */
export function enterCommandLine(state: ConsoleState, text: string): Entered {
  const [word = '', ...rest] = text.trim().split(/\s+/);
  const value = rest.join(' ');
  const view = viewIds.find(id => word !== '' && id.startsWith(word));
  switch (word) {
    case '':
      return noEffects(state);
    case 'q':
    case 'quit':
    case 'exit':
      return {command: {kind: 'quit'}};
    case 'help':
      return {command: {kind: 'help'}};
    case 'pause':
      return {command: {kind: 'pause'}};
    case 'recipe':
      return openRecipe(state, value);
    case 'sort':
      return sortByName(state, value);
    case 'filter':
      return filterBy(state, value);
    case 'interval':
      return changeInterval(state, value);
    case 'at':
      return goTo(state, value);
    case 'now':
      return {command: {kind: 'back-to-now'}};
    case 'speed':
      return setSpeedTo(state, value);
    case 'write':
      return {command: {kind: 'write-out', file: value || null}};
    default:
      return view
        ? {command: {kind: 'show-view', view}}
        : {
            error: `no command "${word}": ${viewIds.join(', ')}, recipe NAME, sort, filter, interval, pause, at, now, speed, write, help, quit`,
          };
  }
}

function openRecipe(state: ConsoleState, name: string): Entered {
  const recipe = state.recipes.find(({id}) => name !== '' && id.startsWith(name));
  if (!recipe)
    return {error: `${name === '' ? 'which recipe?' : `no recipe "${name}":`} Recipes (5) lists them`};
  return openRecipeByName(state, recipe.id);
}

function sortByName(state: ConsoleState, name: string): Entered {
  const columns = lists[state.view].sortColumns;
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
  const error = needsFilterable(state);
  if (error !== null) return {error};
  return noEffects(setFilter(state, filter));
}

function goTo(state: ConsoleState, value: string): Entered {
  const last_ms = state.past?.times.at(-1)?.at_ms ?? Date.parse(state.snapshot?.at ?? '');
  const at_ms = parseTimestamp(value, last_ms);
  if (at_ms === null || Number.isNaN(at_ms))
    return {error: `Invalid time "${value}". Use 14:03 or 14:03:20 (UTC)`};
  return goInTime(state, {at_ms});
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
