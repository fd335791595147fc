import {
  needsEscape,
  needsFilterable,
  needsFinding,
  needsRecipe,
  needsRow,
  needsSessions,
  needsStatement,
  needsTable,
  needsTaggable,
  needsUndoable,
  whyNotInPast,
} from './availability.ts';
import {findingLetters} from './findings.ts';
import {guideBindings} from './guide-keys.ts';
import type {InputEvent} from './input/decoder.ts';
import {keyName} from './key-names.ts';
import {isAllowedUnseen, isTooSmall} from './least-size.ts';
import type {Command} from './messages.ts';
import {everyMode, type Mode, modeOf, pageModes, typingModes} from './modes.ts';
import {type ConsoleState, viewIds} from './state.ts';
import {timeBindings} from './time-keys.ts';
import {viewOf} from './views/index.ts';

export type Binding = {
  keys: string[];
  modes: Mode[];
  command: Command | ((key: string) => Command);
  /** Footer; '' keeps it out of there. */
  label: string | ((state: ConsoleState) => string);
  /** Help and README. */
  help: string;
  /** Why it can do nothing now; null when it can. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState, key: string): string | null;
  /** Footer only in these views and their details. */
  views?: ConsoleState['view'][];
};

/** Every key there is. Footer, help and README's list are made from these rows. */
export const bindings: Binding[] = [
  ...viewIds.map(
    (view): Binding => ({
      keys: [viewOf(view).key],
      modes: ['browse', 'help', 'detail'],
      command: {kind: 'show-view', view},
      label: '',
      help: viewOf(view).title,
    }),
  ),
  {keys: ['tab'], modes: ['browse'], command: {kind: 'turn-view', by: 1}, label: '', help: 'next view'},
  {
    keys: ['shift-tab'],
    modes: ['browse'],
    command: {kind: 'turn-view', by: -1},
    label: '',
    help: 'previous view',
  },
  ...(
    [
      [['down', 'j'], {kind: 'move', by: 1}, 'down; takes hold of a row, and the order freezes'],
      [['up', 'k'], {kind: 'move', by: -1}, 'up'],
      [['pagedown', 'ctrl-f', 'ctrl-d'], {kind: 'page', by: 1}, 'a page down'],
      [['pageup', 'ctrl-b', 'ctrl-u'], {kind: 'page', by: -1}, 'a page up'],
      [['home', 'g'], {kind: 'edge', to: 'first'}, 'first'],
      [['end', 'G'], {kind: 'edge', to: 'last'}, 'last'],
    ] satisfies [string[], Command, string][]
  ).map(
    ([keys, command, help]): Binding => ({keys, modes: ['browse', ...pageModes], command, label: '', help}),
  ),
  {
    keys: ['enter'],
    modes: ['browse'],
    command: {kind: 'open'},
    label: 'detail',
    help: 'detail of the row held; opens a finding or a recipe',
    disabledBecause: needsRow,
  },
  {
    keys: ['space'],
    modes: ['browse'],
    command: {kind: 'tag'},
    label: 'tag',
    help: 'tag the row held',
    disabledBecause: needsTaggable,
    views: ['sessions', 'locks'],
  },
  {
    keys: [...findingLetters],
    modes: ['browse'],
    command: letter => ({kind: 'answer-finding', letter}),
    label: '',
    help: 'Overview: the recipe that answers the finding with this letter',
    disabledBecause: needsFinding,
  },
  {
    keys: ['C'],
    modes: ['browse', 'detail'],
    command: {kind: 'end-sessions', how: 'cancel'},
    label: 'cancel',
    help: 'cancel the statements of the tagged sessions, or of the one held',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['K'],
    modes: ['browse', 'detail'],
    command: {kind: 'end-sessions', how: 'terminate'},
    label: 'terminate',
    help: 'terminate the tagged sessions, or the one held',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['x'],
    modes: ['browse', 'detail'],
    command: {kind: 'explain'},
    label: 'explain',
    help: 'plan of the statement, never executed',
    disabledBecause: needsStatement,
    views: ['statements'],
  },
  {
    keys: ['r'],
    modes: ['browse', 'detail'],
    command: {kind: 'open-recipe'},
    label: 'recipe',
    help: 'the recipe for what is held, or the list of recipes',
    disabledBecause: needsRecipe,
  },
  {
    keys: ['u'],
    modes: ['browse', 'detail'],
    command: {kind: 'undo-run'},
    label: 'undo',
    help: 'Journal: take back the run that is held',
    disabledBecause: needsUndoable,
    views: ['journal'],
  },
  {
    keys: ['/'],
    modes: ['browse'],
    command: {kind: 'ask', purpose: 'filter'},
    label: 'filter',
    help: 'filter: words, column:value, !inverse; Journal: target:, recipe:, actor:',
    disabledBecause: needsFilterable,
    views: ['sessions', 'statements', 'journal'],
  },
  {
    keys: ['s', '>'],
    modes: ['browse'],
    command: {kind: 'sort-next'},
    label: 'sort',
    help: 'sort by the next column',
    disabledBecause: needsTable,
    views: ['sessions', 'statements'],
  },
  {
    keys: ['S', '<'],
    modes: ['browse'],
    command: {kind: 'sort-previous'},
    label: '',
    help: 'sort by the column before',
    disabledBecause: needsTable,
  },
  {
    keys: ['R'],
    modes: ['browse'],
    command: {kind: 'sort-reverse'},
    label: '',
    help: 'reverse the order',
    disabledBecause: needsTable,
  },
  {
    keys: ['p'],
    modes: ['browse', 'detail'],
    command: {kind: 'pause'},
    label: ({past}) => (past === null ? 'pause' : past.isPlaying ? 'stop' : 'play'),
    help: 'pause the screen, the server is still read for the charts; in the past: play and stop',
  },
  ...timeBindings,
  {
    keys: ['+', '='],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: true},
    label: '',
    help: 'read more often; in the past: faster',
  },
  {
    keys: ['-'],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: false},
    label: '',
    help: 'read less often; in the past: slower',
  },
  {
    keys: ['y'],
    modes: ['browse', 'detail'],
    command: {kind: 'copy'},
    label: '',
    help: 'copy the statement held (OSC 52: through SSH too)',
  },
  {
    keys: [':'],
    modes: ['browse'],
    command: {kind: 'ask', purpose: 'command'},
    label: 'command',
    help: 'a command by name: :sessions, :recipe NAME, :sort mean, :interval 1s, :at 14:03, :speed 10, :write FILE, :quit',
  },
  {keys: ['?', 'h'], modes: ['browse', 'detail'], command: {kind: 'help'}, label: '', help: 'this list'},
  {keys: ['ctrl-l'], modes: everyMode, command: {kind: 'redraw'}, label: '', help: 'draw the screen anew'},
  {
    keys: ['escape', 'q'],
    modes: ['help', 'detail', 'guide', 'peek'],
    command: {kind: 'back'},
    label: 'back',
    help: 'back; in a run, Esc twice stops it after the step under way, or cancels a build',
    disabledBecause: needsEscape,
  },
  {
    keys: ['escape'],
    modes: ['browse', ...typingModes],
    command: {kind: 'back'},
    label: '',
    help: 'let go of the row, the tags, the filter; leave what is typed',
  },
  {keys: ['q'], modes: ['browse'], command: {kind: 'quit'}, label: '', help: 'leave'},
  {
    keys: ['enter'],
    modes: ['guide', ...typingModes],
    command: {kind: 'submit'},
    label: '',
    help: 'take what was typed; go on in a guide',
  },
  {keys: ['backspace'], modes: typingModes, command: {kind: 'erase'}, label: '', help: 'erase'},
  ...guideBindings,
  {
    keys: ['ctrl-z'],
    modes: everyMode,
    command: {kind: 'suspend'},
    label: '',
    help: 'to the shell and back (fg)',
  },
  {keys: ['ctrl-c'], modes: everyMode, command: {kind: 'quit'}, label: '', help: 'leave at once'},
];

/** What the footer calls it now; '' where it does not. */
export function labelOf({label}: Binding, state: ConsoleState): string {
  return typeof label === 'string' ? label : label(state);
}

const acts: Command['kind'][] = ['end-sessions', 'explain', 'open-recipe', 'answer-finding', 'undo-run'];

/** It leads to an act. */
export function isAct({command}: Binding, {view}: ConsoleState, key: string): boolean {
  const {kind} = typeof command === 'function' ? command(key) : command;
  return acts.includes(kind) || (kind === 'open' && ['overview', 'recipes'].includes(view));
}

/** Why a key can do nothing now; null where it can. */
export function whyDisabled(binding: Binding, state: ConsoleState, key: string): string | null {
  if (state.past !== null && isAct(binding, state, key)) return whyNotInPast(state.past);
  return binding.disabledBecause?.(state, key) ?? null;
}

type Meaning = {command: Command} | {blocked: string} | null;

/** What was typed or pasted means now; `blocked` is why it means nothing. */
export function meaningOf(event: InputEvent, state: ConsoleState): Meaning {
  const meaning =
    event.kind === 'paste'
      ? {command: {kind: 'paste', text: event.text} as const}
      : commandOf(event.name, state);
  if (meaning === null || !isTooSmall(state)) return meaning;
  return 'command' in meaning && isAllowedUnseen(meaning.command, state) ? meaning : null;
}

/** What a key means where the screen shows all; `blocked` is why it means nothing. */
export function commandOf(key: string, state: ConsoleState): Meaning {
  const mode = modeOf(state);
  const text = key === 'space' ? ' ' : key;
  if (typingModes.includes(mode) && [...text].length === 1) return {command: {kind: 'type', text}};
  const binding = bindings.find(({keys, modes}) => keys.includes(key) && modes.includes(mode));
  if (!binding) return null;
  const reason = whyDisabled(binding, state, key);
  if (reason !== null) return {blocked: `${keyName(key)}: ${reason}`};
  return {command: typeof binding.command === 'function' ? binding.command(key) : binding.command};
}
