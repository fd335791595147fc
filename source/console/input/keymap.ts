import {needsFilterable, needsTable, viewIds} from '../state/browsing.ts';
import {findingLetters} from '../state/findings.ts';
import type {Command} from '../state/update.ts';
import {viewOf} from '../views/index.ts';
import {
  needsBlocker,
  needsDetail,
  needsEscape,
  needsFinding,
  needsLongGuard,
  needsNow,
  needsPast,
  needsRecipe,
  needsSessions,
  needsStatement,
  needsTaggable,
  needsUndoable,
} from './availability.ts';
import {fieldBindings} from './field-keys.ts';
import {type Binding, everyMode, formModes, pageModes, typingModes} from './modes.ts';

/** A key of the views that the footer does not list. */
const inViews: Pick<Binding, 'modes' | 'label'> = {modes: ['browse'], label: ''};

/** All keys. Footer, help and README's list are generated from these rows. */
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
  {keys: ['tab'], modes: ['browse'], command: {kind: 'cycle-view', by: 1}, label: '', help: 'next view'},
  {
    keys: ['shift-tab'],
    modes: ['browse'],
    command: {kind: 'cycle-view', by: -1},
    label: '',
    help: 'previous view',
  },
  ...(
    [
      [['down', 'j'], {kind: 'move', by: 1}, 'down; selects a row and freezes the order'],
      [['up', 'k'], {kind: 'move', by: -1}, 'up'],
    ] satisfies [string[], Command, string][]
  ).map(
    ([keys, command, help]): Binding => ({
      keys,
      modes: ['browse', ...pageModes, ...formModes],
      command,
      label: '',
      help,
    }),
  ),
  ...(
    [
      [['pagedown', 'ctrl-f', 'ctrl-d'], {kind: 'page', by: 1}, 'page down'],
      [['pageup', 'ctrl-b', 'ctrl-u'], {kind: 'page', by: -1}, 'page up'],
      [['home', 'g'], {kind: 'edge', to: 'first'}, 'first row'],
      [['end', 'G'], {kind: 'edge', to: 'last'}, 'last row'],
    ] satisfies [string[], Command, string][]
  ).map(
    ([keys, command, help]): Binding => ({keys, modes: ['browse', ...pageModes], command, label: '', help}),
  ),
  {
    keys: ['enter'],
    modes: ['browse'],
    command: {kind: 'open'},
    label: 'detail',
    help: 'details of the selected row; opens a finding or a recipe; without one, all of the Overview',
    disabledBecause: needsDetail,
  },
  {
    keys: ['space'],
    modes: ['browse'],
    command: {kind: 'tag'},
    label: 'tag',
    help: 'tag the selected row',
    disabledBecause: needsTaggable,
    views: ['sessions', 'locks'],
  },
  {
    keys: [...findingLetters],
    modes: ['browse'],
    command: letter => ({kind: 'open-finding', letter}),
    label: '',
    help: 'Overview: open the recipe for the finding with this letter',
    disabledBecause: needsFinding,
  },
  {
    keys: ['C'],
    modes: ['browse', 'detail'],
    command: {kind: 'end-sessions', how: 'cancel'},
    label: 'cancel',
    help: 'cancel the statements of the tagged sessions, or of the selected one',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['K'],
    modes: ['browse', 'detail'],
    command: {kind: 'end-sessions', how: 'terminate'},
    label: 'terminate',
    help: 'terminate the tagged sessions, or the selected one',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['x'],
    modes: ['browse', 'detail'],
    command: {kind: 'explain'},
    label: 'explain',
    help: 'show the plan of the statement without executing it',
    disabledBecause: needsStatement,
    views: ['statements'],
  },
  {
    keys: ['r'],
    modes: ['browse', 'detail'],
    command: {kind: 'open-recipe'},
    label: 'recipe',
    help: 'open the recipe for the selected row, or the list of recipes',
    disabledBecause: needsRecipe,
  },
  {
    keys: ['u'],
    modes: ['browse', 'detail'],
    command: {kind: 'undo-run'},
    label: 'undo',
    help: 'Journal: undo the selected run',
    disabledBecause: needsUndoable,
    views: ['journal'],
  },
  {
    keys: ['/'],
    modes: ['browse'],
    command: {kind: 'prompt', purpose: 'filter'},
    label: 'filter',
    help: 'filter by words, column:value or !word; Journal: target:, recipe:, actor:',
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
  ...(
    [
      [['S', '<'], {kind: 'sort-previous'}, 'sort by the previous column'],
      [['R'], {kind: 'sort-reverse'}, 'reverse the sort order'],
    ] satisfies [string[], Command, string][]
  ).map(([keys, command, help]): Binding => ({...inViews, keys, command, help, disabledBecause: needsTable})),
  {
    keys: ['p'],
    modes: ['browse', 'detail'],
    command: {kind: 'pause'},
    label: ({past}) => (past === null ? 'pause' : past.isPlaying ? 'stop' : 'play'),
    help: 'pause the screen while the charts go on; in the past: play or stop',
  },
  ...(
    [
      [['left', '['], {kind: 'step-time', by: -1}, 'earlier', 'back by one snapshot; the last hour is kept'],
      [['right', ']'], {kind: 'step-time', by: 1}, 'later', 'forward by one snapshot'],
      [['{'], {kind: 'leap-time', by_ms: -60_000}, '', 'back by one minute'],
      [['}'], {kind: 'leap-time', by_ms: 60_000}, '', 'forward by one minute'],
    ] satisfies [string[], Command, string, string][]
  ).map(
    ([keys, command, label, help]): Binding => ({
      keys,
      modes: ['browse', 'detail'],
      command,
      label: ({past}) => (past === null ? '' : label),
      help,
    }),
  ),
  {
    keys: ['L'],
    modes: ['browse', 'detail'],
    command: {kind: 'back-to-now'},
    label: ({past}) => (past?.now ? 'now' : ''),
    help: 'back to now',
    disabledBecause: needsPast,
  },
  {
    keys: ['w'],
    modes: ['browse'],
    command: {kind: 'write-out', file: null},
    label: '',
    help: 'write the last hour to a file for poolctl play or report',
    disabledBecause: needsNow,
  },
  {
    keys: ['+', '='],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: true},
    label: '',
    help: 'refresh more often; in the past: play faster',
  },
  {
    keys: ['-'],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: false},
    label: '',
    help: 'refresh less often; in the past: play slower',
  },
  {
    keys: ['y'],
    modes: ['browse', 'detail'],
    command: {kind: 'copy'},
    label: '',
    help: 'copy the selected statement (OSC 52, works over SSH)',
  },
  {
    keys: [':'],
    modes: ['browse'],
    command: {kind: 'prompt', purpose: 'command'},
    label: 'command',
    help: 'enter a command: :sessions, :recipe NAME, :sort mean, :interval 1s, :at 14:03, :speed 10, :write FILE, :quit',
  },
  {keys: ['?', 'h'], modes: ['browse', 'detail'], command: {kind: 'help'}, label: '', help: 'this help'},
  {keys: ['ctrl-l'], modes: everyMode, command: {kind: 'redraw'}, label: '', help: 'redraw the screen'},
  {
    keys: ['escape', 'q'],
    modes: ['help', 'detail', 'wizard', 'sessionPreview'],
    command: {kind: 'back'},
    label: 'back',
    help: 'back; during a run, Esc twice stops it after the current step, or cancels an index build',
    disabledBecause: needsEscape,
  },
  {
    keys: ['escape'],
    modes: ['browse', ...typingModes],
    command: {kind: 'back'},
    label: '',
    help: 'clear the selection, then the tags, then the filter; leave a prompt',
  },
  {keys: ['q'], modes: ['browse'], command: {kind: 'quit'}, label: '', help: 'quit'},
  {
    keys: ['enter'],
    modes: ['wizard', ...typingModes],
    command: {kind: 'submit'},
    label: '',
    help: 'confirm the input; next page of a recipe',
  },
  {
    keys: ['w'],
    modes: ['wizard'],
    command: {kind: 'open-blocker'},
    label: '',
    help: 'during a run: show the session it waits for',
    disabledBecause: needsBlocker,
  },
  {
    keys: ['o'],
    modes: ['wizard'],
    command: {kind: 'toggle-guards'},
    label: '',
    help: 'in a preview: show the guards in full, or fold them',
    disabledBecause: needsLongGuard,
  },
  {
    keys: ['ctrl-z'],
    modes: everyMode,
    command: {kind: 'suspend'},
    label: '',
    help: 'suspend to the shell; fg resumes',
  },
  {keys: ['ctrl-c'], modes: everyMode, command: {kind: 'quit'}, label: '', help: 'quit at once'},
  ...fieldBindings,
];
