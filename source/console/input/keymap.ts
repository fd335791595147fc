import {selectedGroup} from '../rows/selection.ts';
import {findingLetters} from '../state/findings.ts';
import {whyNotQuit} from '../state/left-run.ts';
import {type ConsoleState, needsView, type ViewList} from '../state/state.ts';
import {views, viewWithKey} from '../views/index.ts';
import {fieldBindings, wizardBindings} from './field-keys.ts';
import {
  type Binding,
  everyMode,
  formModes,
  inModes,
  modeOf,
  needsDetail,
  needsEscape,
  needsFinding,
  needsNow,
  needsPageToLeave,
  needsPast,
  needsRecipe,
  needsRow,
  needsRun,
  needsSessions,
  needsSessionsOfFinding,
  needsStatement,
  needsUndoable,
  scrollModes,
  typingModes,
} from './modes.ts';

const moveModes = [...scrollModes, ...formModes];

/** The views that can do something: their keys are listed there, and say elsewhere where they work. */
const where = (can: (view: ViewList) => unknown) => ({
  views: views.filter(can).map(({id}) => id),
  disabledBecause: (state: ConsoleState) => needsView(state, can),
});
const filterable = where(({columns}) => columns);
const sortable = where(({isSortable}) => isSortable);
const ofSessions = where(({isOfSessions}) => isOfSessions);
const taggable = {
  ...ofSessions,
  disabledBecause: (state: ConsoleState) => ofSessions.disabledBecause(state) ?? needsRow(state),
};

/** All keys, those of fields last. Footer, help and README's list are generated from these rows. */
export const bindings: Binding[] = [
  {
    keys: views.map(({key}) => key),
    modes: ['browse', 'help', 'detail', 'wizard'],
    command: key => ({kind: 'show-view', view: viewWithKey(key)}),
    help: views.map(({title}) => title).join(', '),
    disabledBecause: state => (modeOf(state) === 'wizard' ? needsPageToLeave(state) : null),
  },
  ...inModes('browse', [
    [['tab'], {kind: 'cycle-view', by: 1}, 'next view'],
    [['shift-tab'], {kind: 'cycle-view', by: -1}, 'previous view'],
  ]),
  ...inModes(moveModes, [
    [['down', 'j'], {kind: 'move', by: 1}, 'down; selects a row and freezes the order'],
    [['up', 'k'], {kind: 'move', by: -1}, 'up'],
  ]),
  ...inModes(scrollModes, [
    [['pagedown', 'ctrl-f', 'ctrl-d'], {kind: 'page', by: 1}, 'page down'],
    [['pageup', 'ctrl-b', 'ctrl-u'], {kind: 'page', by: -1}, 'page up'],
    [['home', 'g'], {kind: 'edge', to: 'first'}, 'first row'],
    [['end', 'G'], {kind: 'edge', to: 'last'}, 'last row'],
  ]),
  {
    keys: ['enter'],
    modes: ['browse'],
    command: {kind: 'open'},
    label: 'detail',
    help: 'details of the selected row; opens a finding, a recipe, or the sessions of a group',
    disabledBecause: needsDetail,
  },
  {
    keys: ['o'],
    modes: ['browse'],
    command: {kind: 'open-overview'},
    label: 'all',
    help: 'all of it on one page',
    disabledBecause: ({view, snapshot}) => (view === 'overview' && snapshot ? null : 'works in Overview (1)'),
    views: ['overview'],
  },
  {
    keys: ['space'],
    modes: ['browse'],
    command: {kind: 'tag'},
    label: 'tag',
    help: 'tag the selected row',
    ...taggable,
  },
  {
    keys: ['T'],
    modes: ['browse'],
    command: {kind: 'tag-all'},
    help: 'tag all rows that the filter shows, or untag them',
    ...taggable,
  },
  {
    keys: [...findingLetters],
    modes: ['browse', 'detail'],
    command: letter => ({kind: 'open-finding', letter}),
    help: 'open the finding with this letter; on its page: open the recipe of this act',
    disabledBecause: needsFinding,
    views: ['overview'],
  },
  {
    keys: ['C'],
    modes: ['browse', 'detail', 'sessionPreview'],
    command: {kind: 'end-sessions', how: 'cancel'},
    label: 'cancel',
    help: 'cancel the statements of the tagged sessions, or of the selected one',
    disabledBecause: needsSessions,
    views: taggable.views,
  },
  {
    keys: ['K'],
    modes: ['browse', 'detail', 'sessionPreview'],
    command: {kind: 'end-sessions', how: 'terminate'},
    label: state => (state.view !== 'overview' ? 'terminate' : selectedGroup(state) ? 'end idle ones' : ''),
    help: 'terminate the tagged sessions, or the selected one; on a group, end its idle sessions',
    disabledBecause: needsSessions,
    views: [...taggable.views, 'overview'],
  },
  {
    keys: ['s'],
    modes: ['detail'],
    command: {kind: 'show-sessions'},
    label: ({overlay}) => (overlay?.kind === 'finding' ? 'sessions' : ''),
    help: 'on the page of a finding: the sessions that it names',
    disabledBecause: needsSessionsOfFinding,
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
    help: 'undo the selected run',
    disabledBecause: needsUndoable,
    views: ['journal'],
  },
  {
    keys: ['/'],
    modes: ['browse'],
    command: {kind: 'prompt', purpose: 'filter'},
    label: 'filter',
    help: 'filter by words, column:value, column=a,b, column>1m or !word',
    ...filterable,
  },
  {
    keys: ['s', '>'],
    modes: ['browse'],
    command: {kind: 'sort-next'},
    label: 'sort',
    help: 'sort by the next column',
    ...sortable,
  },
  {
    keys: ['S', '<'],
    modes: ['browse'],
    command: {kind: 'sort-previous'},
    help: 'sort by the previous column',
    ...sortable,
  },
  {
    keys: ['R'],
    modes: ['browse'],
    command: {kind: 'sort-reverse'},
    help: 'reverse the sort order',
    ...sortable,
  },
  {
    keys: ['t'],
    modes: ['browse', 'detail'],
    command: {kind: 'next-window'},
    label: 'window',
    help: 'figures of statements over the last two readings, 1, 5 or 60 minutes, or since the reset',
    disabledBecause: ({view}) =>
      view === 'statements' || view === 'overview' ? null : 'works in Overview (1) and Statements (3)',
    views: ['statements'],
  },
  {
    keys: ['p'],
    modes: ['browse', 'detail'],
    command: {kind: 'pause'},
    label: ({past, isPaused}) =>
      past === null ? (isPaused ? 'go on' : 'pause') : past.isPlaying ? 'stop' : 'play',
    help: 'pause the screen while the charts go on; in the past: play or stop',
  },
  {
    keys: ['left', '['],
    modes: ['browse', 'detail'],
    command: {kind: 'step-time', by: -1},
    label: ({past}) => (past === null ? '' : 'earlier'),
    help: 'back by one snapshot; the last hour is kept',
  },
  {
    keys: ['right', ']'],
    modes: ['browse', 'detail'],
    command: {kind: 'step-time', by: 1},
    label: ({past}) => (past === null ? '' : 'later'),
    help: 'forward by one snapshot',
  },
  ...inModes(
    ['browse', 'detail'],
    [
      [['{'], {kind: 'leap-time', by_ms: -60_000}, 'back by one minute'],
      [['}'], {kind: 'leap-time', by_ms: 60_000}, 'forward by one minute'],
      [['ctrl-r'], {kind: 'refresh'}, 'read everything now; connect again after a refused login'],
    ],
  ),
  {
    keys: ['L'],
    modes: ['browse', 'detail'],
    command: {kind: 'back-to-now'},
    label: ({past}) => (past?.now ? 'now' : ''),
    help: 'back to now',
    disabledBecause: needsPast,
  },
  ...inModes(
    ['browse', 'detail'],
    [[['y'], {kind: 'copy'}, 'copy the selected statement (OSC 52, works over SSH)']],
  ),
  ...inModes('browse', [
    [
      ['w'],
      {kind: 'write-out', file: null},
      'write the last hour to a file for poolctl play or report',
      needsNow,
    ],
    [['+', '='], {kind: 'change-interval', faster: true}, 'refresh more often; in the past: play faster'],
    [['-'], {kind: 'change-interval', faster: false}, 'refresh less often; in the past: play slower'],
  ]),
  {
    keys: [':'],
    modes: ['browse'],
    command: {kind: 'prompt', purpose: 'command'},
    label: 'command',
    help: 'enter a command: :sessions, :recipe NAME, :sort mean, :interval 1s, :window 5min, :at 14:03, :speed 10, :write FILE, :quit',
  },
  {keys: ['?', 'h'], modes: ['browse', 'detail'], command: {kind: 'help'}, help: 'this help'},
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
    help: 'clear the selection, then the tags, then the filter; then back to now; leave a prompt',
  },
  {keys: ['q'], modes: ['browse'], command: {kind: 'quit'}, help: 'quit', disabledBecause: whyNotQuit},
  {
    keys: ['enter'],
    modes: ['wizard', ...typingModes],
    command: {kind: 'submit'},
    help: 'confirm the input; next page of a recipe',
  },
  {
    keys: ['v'],
    modes: ['browse', 'detail', 'wizard'],
    command: {kind: 'toggle-run'},
    help: 'leave a run while it goes on, as 1 to 7 do; back to the run that was left, or from one to the other',
    disabledBecause: needsRun,
  },
  ...inModes(everyMode, [
    [['ctrl-l'], {kind: 'redraw'}, 'redraw the screen'],
    [['ctrl-z'], {kind: 'suspend'}, 'suspend to the shell; fg resumes'],
    [['ctrl-c'], {kind: 'quit'}, 'quit at once'],
  ]),
  ...wizardBindings,
  ...fieldBindings,
];
