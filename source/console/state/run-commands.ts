import {inform} from './dialog.ts';
import {edit, type InputLine, insert} from './line-editor.ts';
import {type Command, distanceOf, noEffects, type UpdateResult} from './messages.ts';
import {openBlocker, openWizard, withRun} from './opening.ts';
import {anotherServer} from './reading.ts';
import {hasEnded, leaveReplay, type RecipeWizard, type ReplayPage, recommended} from './run.ts';
import type {ConsoleState} from './state.ts';
import {choose, editField, goBack, goForward, moveField} from './wizard.ts';

/** One key in a wizard. Esc goes back at every stage; during a run the second Esc in a row interrupts it. */
export function handleWizardCommand(
  before: ConsoleState,
  open: RecipeWizard,
  command: Command,
): UpdateResult {
  const wizard = {...open, asksToStop: open.asksToStop && command.kind === 'back'};
  const state = {...before, wizard};
  const isForm = wizard.stage === 'parameters';
  switch (command.kind) {
    case 'submit':
      return withRun(state, goForward(state, wizard, anotherServer(state)));
    case 'back':
      return withRun(state, goBack(state, wizard));
    case 'paste':
      return isForm ? edited(state, wizard, line => insert(line, command.text)) : refusePaste(state, wizard);
    case 'type':
      return edited(state, wizard, line => insert(line, command.text));
    case 'edit':
      return edited(state, wizard, line => edit(line, command.how));
    case 'choose':
      return noEffects({...state, wizard: choose(state, wizard, command.by)});
    case 'move':
      return isForm
        ? noEffects({...state, wizard: moveField(state, wizard, command.by)})
        : scrolled(state, command);
    case 'page':
    case 'edge':
      return scrolled(state, command);
    case 'open-blocker':
      return openBlocker(state, wizard);
    case 'toggle-guards':
      return noEffects({...state, wizard: {...wizard, isUnfolded: !wizard.isUnfolded}});
    default:
      return noEffects(state);
  }
}

function edited(
  state: ConsoleState,
  wizard: RecipeWizard,
  change: (line: InputLine) => InputLine,
): UpdateResult {
  return noEffects({...state, wizard: editField(state, wizard, change)});
}

function scrolled(state: ConsoleState, command: Parameters<typeof distanceOf>[0]): UpdateResult {
  return {state, effects: [{kind: 'scroll', by: distanceOf(command)}]};
}

/** The confirmation has to be typed. */
function refusePaste(state: ConsoleState, {stage}: RecipeWizard): UpdateResult {
  return noEffects(
    inform(
      state,
      stage === 'confirm' ? 'Pasted text does not confirm: type the word' : 'Pasted text is ignored here',
    ),
  );
}

/** One key on the page of a replay. */
export function handleReplayCommand(state: ConsoleState, page: ReplayPage, command: Command): UpdateResult {
  switch (command.kind) {
    case 'back':
      return withRun(state, leaveReplay(page));
    case 'submit':
      return hasEnded(page) ? openRecommended(state, page) : noEffects(state);
    case 'move':
    case 'page':
    case 'edge':
      return scrolled(state, command);
    default:
      return noEffects(state);
  }
}

function openRecommended(state: ConsoleState, page: ReplayPage): UpdateResult {
  const params = recommended(page);
  return params === null
    ? noEffects({...state, wizard: null, replay: null})
    : openWizard(state, 'tune-connection-limit', null, params);
}
