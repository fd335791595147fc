import {markChoice, toggleChoice} from './choices.ts';
import {inform} from './dialog.ts';
import {whyNotYet} from './left-run.ts';
import {edit, type InputLine, insert, type LineEdit} from './line-editor.ts';
import {openBlocker, openWizard} from './opening.ts';
import {whyNoAct} from './reading.ts';
import {hasEnded, leaveReplay, recommended} from './replay.ts';
import type {RecipeWizard, ReplayPage, RunUpdate} from './run.ts';
import type {ConsoleState} from './state.ts';
import {type CommandTable, noEffects, scroll, toEdge, type UpdateResult, withRun} from './state.ts';
import {choose, editField, goBack, goForward, moveField} from './wizard.ts';

type InWizard = ConsoleState & {wizard: RecipeWizard};
type InReplay = ConsoleState & {replay: ReplayPage};

/** What commands do in a wizard. */
export const wizardCommands = {
  submit: state =>
    close(state, goForward(state, state.wizard, whyNoAct(state) ?? whyNotYet(state, state.wizard))),
  back: state => close(state, goBack(state, state.wizard)),
  type: (state, {text}: {text: string}) => editLine(state, line => insert(line, text)),
  paste: (state, {text}: {text: string}) => paste(state, text),
  edit: (state, {how}: {how: LineEdit}) => editLine(state, line => edit(line, how)),
  choose: (state, {by}: {by: 1 | -1}) => show(state, choose(state, state.wizard, by)),
  move: (state, {by}: {by: number}) =>
    state.wizard.stage === 'parameters'
      ? withRun(state, moveField(state, state.wizard, by))
      : scroll(state, {lines: by}),
  page: (state, {by}: {by: 1 | -1}) => scroll(state, {pages: by}),
  edge: (state, {to}: {to: 'first' | 'last'}) => scroll(state, toEdge(to)),
  'mark-choice': (state, {by}: {by: 1 | -1}) => show(state, markChoice(state.wizard, by)),
  'toggle-choice': (state, {which}: {which: 'marked' | 'all'}) =>
    show(state, toggleChoice(state, state.wizard, which)),
  'open-blocker': state => openBlocker(state, state.wizard),
  'toggle-guards': state => show(state, {...state.wizard, areGuardsShown: !state.wizard.areGuardsShown}),
} satisfies CommandTable<InWizard>;

/** What commands do on the page of a replay. */
export const replayCommands = {
  submit: state => (hasEnded(state.replay) ? openRecommended(state) : noEffects(state)),
  back: state => withRun(state, leaveReplay(state.replay)),
  move: (state, {by}: {by: number}) => scroll(state, {lines: by}),
  page: (state, {by}: {by: 1 | -1}) => scroll(state, {pages: by}),
  edge: (state, {to}: {to: 'first' | 'last'}) => scroll(state, toEdge(to)),
} satisfies CommandTable<InReplay>;

/** What was opened for a run leads back to it. */
function close(state: InWizard, updated: RunUpdate): UpdateResult {
  const {leftRun} = state;
  return updated.changes.wizard === null && state.wizard.isForRun && leftRun !== null
    ? noEffects({...state, wizard: leftRun, leftRun: null})
    : withRun(state, updated);
}

function show(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  return noEffects({...state, wizard});
}

/** Changes the parameter being edited, or the confirmation. */
function editLine(state: InWizard, change: (line: InputLine) => InputLine): UpdateResult {
  return show(state, editField(state, state.wizard, change));
}

/** Into a parameter; the confirmation has to be typed. */
function paste(state: InWizard, text: string): UpdateResult {
  switch (state.wizard.stage) {
    case 'parameters':
      return editLine(state, line => insert(line, text));
    case 'confirm':
      return noEffects(inform(state, 'Pasted text does not confirm: type the word'));
    default:
      return noEffects(inform(state, 'Pasted text is ignored here'));
  }
}

function openRecommended(state: InReplay): UpdateResult {
  const params = recommended(state.replay);
  return params === null
    ? noEffects({...state, wizard: null, replay: null})
    : openWizard(state, 'tune-connection-limit', null, params);
}
