import {selectedGroup} from '../rows/selection.ts';
import {openTable, reverseSort, sortByNext, tagAll} from '../state/browsing.ts';
import {copySelected, goBackFrom, moveBy, submit, tagSelected, toggleRun} from '../state/commands.ts';
import {openHelp, openPrompt} from '../state/dialog.ts';
import {findingLetters} from '../state/findings.ts';
import {whyNotQuit} from '../state/left-run.ts';
import {
  explainSelected,
  openLettered,
  openRecipeOfRow,
  openSelected,
  openSessionWizard,
  openUndoOfRow,
  openWhole,
  showNeighbour,
  showNextGroups,
  showSessionsOfFinding,
  showView,
} from '../state/opening.ts';
import {
  type ConsoleState,
  needsView,
  noEffects,
  openView,
  sortColumns,
  type UpdateResult,
  type ViewList,
} from '../state/state.ts';
import {views, viewWithKey} from '../views/index.ts';
import {fieldBindings, wizardBindings} from './field-keys.ts';
import {
  type Binding,
  everyMode,
  formModes,
  inModes,
  isGrouped,
  isRunning,
  modeOf,
  needsDetail,
  needsEscape,
  needsFinding,
  needsPageToLeave,
  needsRecipe,
  needsRow,
  needsRows,
  needsRun,
  needsSessions,
  needsSessionsOfFinding,
  needsStatement,
  needsUndoable,
  needsWhole,
  ofRows,
  scrollModes,
  typingModes,
} from './modes.ts';
import {timeBindings} from './time-keys.ts';

const moveModes = [...scrollModes, ...formModes];

/** The views that can do something: their keys are listed there, and say elsewhere where they work. */
const where = (
  can: (view: ViewList) => unknown,
  needs: (state: ConsoleState) => string | null = () => null,
) => ({
  views: views.filter(can).map(({id}) => id),
  disabledBecause: (state: ConsoleState) => needsView(state, can) ?? needs(state),
});
const filterable = where(({columns}) => columns);
const sortable = where(({isSortable}) => isSortable, needsRows);
const taggable = where(
  ({isOfSessions}) => isOfSessions,
  state => needsRows(state) ?? needsRow(state),
);

const always = () => true;
const quit = (state: ConsoleState): UpdateResult => ({state, effects: [{kind: 'quit'}]});

/** All keys, those of fields last. A key with its words and its effect is one row; footer, help and README's list come from them. */
export const bindings: Binding[] = [
  {
    keys: views.map(({key}) => key),
    modes: ['browse', 'help', 'detail', 'wizard'],
    update: (state, key) => showView(state, viewWithKey(key)),
    help: views.map(({title}) => title).join(', '),
    disabledBecause: state => (modeOf(state) === 'wizard' ? needsPageToLeave(state) : null),
  },
  ...inModes('browse', [
    [['tab'], 'next view', state => showNeighbour(state, 1)],
    [['shift-tab'], 'previous view', state => showNeighbour(state, -1)],
  ]),
  ...inModes(moveModes, [
    [['down', 'j'], 'down; selects a row and freezes the order', state => moveBy(state, {lines: 1})],
    [['up', 'k'], 'up', state => moveBy(state, {lines: -1})],
  ]),
  ...inModes(scrollModes, [
    [['pagedown', 'ctrl-f', 'ctrl-d'], 'page down', state => moveBy(state, {pages: 1})],
    [['pageup', 'ctrl-b', 'ctrl-u'], 'page up', state => moveBy(state, {pages: -1})],
    [['home', 'g'], 'first row', state => moveBy(state, {lines: -Infinity})],
    [['end', 'G'], 'last row', state => moveBy(state, {lines: Infinity})],
  ]),
  {
    keys: ['enter'],
    modes: ['browse'],
    update: openSelected,
    needsServer: ({view}) => view === 'overview' || view === 'recipes',
    label: state => (isGrouped(state) ? 'its rows' : (openView(state).openLabel ?? 'detail')),
    help: 'details of the selected row; opens a finding, a recipe, or the sessions of a group',
    disabledBecause: needsDetail,
  },
  {
    keys: ['o'],
    modes: ['browse'],
    update: state => noEffects(openWhole(state)),
    label: state => (isGrouped(state) || openView(state).opensElsewhere ? 'all' : ''),
    help: 'show all columns of the selected row uncut; in Overview: the whole view',
    disabledBecause: needsWhole,
  },
  {
    keys: ['space'],
    modes: ['browse'],
    update: tagSelected,
    label: ofRows('tag'),
    help: 'tag the selected row',
    ...taggable,
  },
  {
    keys: ['T'],
    modes: ['browse'],
    update: state => noEffects(tagAll(state, openView(state).ids(state))),
    help: 'tag all rows that the filter shows, or untag them',
    ...taggable,
  },
  {
    keys: [...findingLetters],
    modes: ['browse', 'detail'],
    update: openLettered,
    needsServer: always,
    help: 'open the finding with this letter; on its page: open the fix with this letter',
    disabledBecause: needsFinding,
    views: ['overview'],
  },
  {
    keys: ['C'],
    modes: ['browse', 'detail', 'sessionPreview'],
    update: state => openSessionWizard(state, 'cancel'),
    needsServer: always,
    label: ofRows('cancel'),
    help: 'cancel the statements of the tagged sessions, or of the selected one',
    disabledBecause: needsSessions,
    views: taggable.views,
  },
  {
    keys: ['K'],
    modes: ['browse', 'detail', 'sessionPreview'],
    update: state => openSessionWizard(state, 'terminate'),
    needsServer: always,
    label: state =>
      state.view !== 'overview' ? ofRows('terminate')(state) : selectedGroup(state) ? 'end idle ones' : '',
    help: 'terminate the tagged sessions, or the selected one; on a group, its idle sessions',
    disabledBecause: needsSessions,
    views: [...taggable.views, 'overview'],
  },
  {
    keys: ['s'],
    modes: ['detail'],
    update: showSessionsOfFinding,
    label: ({overlay}) => (overlay?.kind === 'finding' ? 'sessions' : ''),
    help: 'on the page of a finding: the sessions that it names',
    disabledBecause: needsSessionsOfFinding,
  },
  {
    keys: ['x'],
    modes: ['browse', 'detail'],
    update: explainSelected,
    needsServer: always,
    label: ofRows('explain'),
    help: 'show the plan of the statement without executing it',
    disabledBecause: needsStatement,
    views: ['statements'],
  },
  {
    keys: ['r'],
    modes: ['browse', 'detail'],
    update: state => openRecipeOfRow(state) ?? showView(state, 'recipes'),
    needsServer: always,
    label: ({view}) => (view === 'scan' ? 'replay' : 'recipe'),
    help: 'open the recipe for the selected row, or the list of recipes; in Scan, replay the endpoint',
    disabledBecause: needsRecipe,
  },
  {
    keys: ['u'],
    modes: ['browse', 'detail'],
    update: openUndoOfRow,
    needsServer: always,
    label: 'undo',
    help: 'undo the selected run',
    disabledBecause: needsUndoable,
    views: ['journal'],
  },
  {
    keys: ['/'],
    modes: ['browse'],
    update: state => noEffects(openPrompt(state, 'filter', openTable(state).filter)),
    label: 'filter',
    help: 'filter by words, column:value, column=a,b, column>1m or !word',
    ...filterable,
  },
  {
    keys: ['s', '>'],
    modes: ['browse'],
    update: state => noEffects(sortByNext(state, 1, sortColumns(state))),
    label: state => ofRows(openView(state).sortLabel ?? 'sort')(state),
    help: 'sort by the next column; in Waits: group by the next dimension',
    ...sortable,
  },
  {
    keys: ['S', '<'],
    modes: ['browse'],
    update: state => noEffects(sortByNext(state, -1, sortColumns(state))),
    help: 'sort by the previous column',
    ...sortable,
  },
  {
    keys: ['R'],
    modes: ['browse'],
    update: state => noEffects(reverseSort(state)),
    help: 'reverse the sort order',
    ...sortable,
  },
  {
    keys: ['B'],
    modes: ['browse'],
    update: showNextGroups,
    label: state => (isGrouped(state) ? 'other groups' : ''),
    help: "cycle the grouping: route, Prisma operation, none (from statement tags); Enter shows a group's rows; in Overview and Pools: sessions of the selected row by route",
    ...where(({isGroupable, sessionsFilter}) => isGroupable || sessionsFilter),
  },
  ...timeBindings,
  ...inModes(
    ['browse', 'detail'],
    [[['y'], 'copy the selected statement (OSC 52, works over SSH)', copySelected]],
  ),
  {
    keys: [':'],
    modes: ['browse'],
    update: state => noEffects(openPrompt(state, 'command', openTable(state).filter)),
    label: 'command',
    help: 'enter a command: :sessions, :recipe NAME, :sort mean, :interval 1s, :window 5min, :at 14:03, :speed 10, :write FILE, :quit',
  },
  {
    keys: ['?', 'h'],
    modes: ['browse', 'detail'],
    help: 'this help',
    update: state => noEffects(openHelp(state)),
  },
  {
    keys: ['escape', 'q'],
    modes: ['help', 'detail', 'wizard', 'sessionPreview'],
    update: goBackFrom,
    worksUnseen: state => !isRunning(state),
    label: 'back',
    help: 'back; during a run, Esc twice stops it after the current step, or cancels an index build',
    disabledBecause: needsEscape,
  },
  {
    keys: ['escape'],
    modes: ['browse', ...typingModes],
    update: goBackFrom,
    worksUnseen: always,
    help: 'clear the selection, then the tags, then the filter; then back to the live view; leave a prompt',
  },
  {
    keys: ['q'],
    modes: ['browse'],
    help: 'quit',
    update: quit,
    worksUnseen: always,
    disabledBecause: whyNotQuit,
  },
  {
    keys: ['enter'],
    modes: ['wizard', ...typingModes],
    update: submit,
    help: 'confirm the input; next page of a recipe',
  },
  {
    keys: ['v'],
    modes: ['browse', 'detail', 'wizard'],
    update: toggleRun,
    help: `switch between the running recipe and the views; the run continues`,
    disabledBecause: needsRun,
  },
  ...inModes(everyMode, [
    [['ctrl-l'], 'redraw the screen', state => ({state, effects: [{kind: 'redraw'}]})],
    [['ctrl-z'], 'suspend to the shell; fg resumes', state => ({state, effects: [{kind: 'suspend'}]})],
    [['ctrl-c'], 'quit immediately', quit],
  ]).map(binding => ({...binding, worksUnseen: always})),
  ...wizardBindings,
  ...fieldBindings,
];
