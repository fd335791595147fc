import {sessionId} from '../../core/sessions/session.ts';
import type {Parameter} from '../../model/recipe.ts';
import type {RunState} from '../../model/run.ts';
import {mostScroll, pageArea} from '../components/overlay-lines.ts';
import {inSight, pageStep} from '../components/page.ts';
import {anotherServer} from '../input/availability.ts';
import {parameterBlocks} from '../wizard/parameters-page.ts';
import {runBlocks} from '../wizard/run-page.ts';
import type {Command} from './messages.ts';
import {planWizard} from './plan-wizard.ts';
import {startReplay} from './replay.ts';
import type {ConsoleState, RecipeWizard, WizardStage} from './state.ts';
import {noEffects, type UpdateResult} from './update-result.ts';
import {
  blockerOf,
  canBeCancelled,
  canBeExecuted,
  choicesOf,
  confirmationWord,
  editedParameter,
  isCleaningUp,
  recipeOf,
  showWizard,
  valuesOf,
  withWizard,
  wizardOf,
} from './wizard.ts';

/** Handles one key in a wizard. Esc goes back at every stage; during a run the second Esc interrupts it. */
export function handleWizardCommand(
  state: ConsoleState,
  wizard: RecipeWizard,
  command: Command,
): UpdateResult {
  if (wizard.asksToStop && command.kind !== 'back') {
    const goingOn = {...wizard, asksToStop: false};
    return handleWizardCommand(withWizard(state, goingOn), goingOn, command);
  }
  switch (command.kind) {
    case 'submit':
      return goOn(state, wizard);
    case 'back':
      return goBack(state, wizard);
    case 'paste':
      return pasteInto(state, wizard, command.text);
    case 'type':
      return edit(state, wizard, before => before + command.text);
    case 'erase':
      return edit(state, wizard, text => [...text].slice(0, -1).join(''));
    case 'choose':
      return choose(state, wizard, command.by);
    case 'move':
      return wizard.stage === 'parameters'
        ? moveField(state, wizard, command.by)
        : scroll(state, wizard, command.by);
    case 'page':
      return scroll(state, wizard, command.by * pageStep(state));
    case 'edge':
      return scroll(state, wizard, command.to === 'first' ? -mostScroll(state) : mostScroll(state));
    case 'open-blocker':
      return openBlocker(state, wizard);
    case 'toggle-guards':
      return unfold(state, {...wizard, isUnfolded: !wizard.isUnfolded});
    default:
      return noEffects(state);
  }
}

function goOn(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  if (wizard.dataRequest?.isForPlan) return noEffects(state);
  const recipe = recipeOf(state, wizard);
  switch (wizard.stage) {
    case 'evidence':
      if (!recipe?.plan) return close(state);
      return recipe.parameters.length > 0
        ? showWizard(state, {...wizard, stage: 'parameters', error: null, scroll: 0})
        : planWizard(state, wizard);
    case 'parameters':
      return planWizard(state, wizard);
    case 'preview':
      if (recipe?.isBenchmark && wizard.plan) return startReplay(state, wizard, wizard.plan);
      return canBeExecuted(wizard.plan)
        ? showWizard(state, {...wizard, stage: 'confirm', typed: '', error: null, scroll: 0})
        : close(state);
    case 'confirm':
      return confirm(state, wizard);
    case 'running':
      return noEffects(state);
    case 'done':
      return close(state);
  }
}

function confirm(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const word = confirmationWord(state, wizard);
  if (wizard.typed !== word)
    return showWizard(state, {...wizard, error: `type ${word} and press Enter, or Esc to go back`});
  const {plan, server} = wizard;
  if (plan === null || server === null) return noEffects(state);
  const moved = anotherServer(state);
  if (moved !== null) return showWizard(state, {...wizard, error: moved});
  const running: RecipeWizard = {...wizard, stage: 'running', error: null, scroll: 0};
  return showWizard(state, running, {kind: 'execute-plan', plan, server});
}

const stageBefore: Record<WizardStage, WizardStage | null> = {
  evidence: null,
  parameters: 'evidence',
  preview: 'parameters',
  confirm: 'preview',
  running: 'running',
  done: null,
};

/** Cancels the reading that a plan waits for, or goes back one stage. */
function goBack(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  if (wizard.dataRequest?.isForPlan) return showWizard(state, {...wizard, dataRequest: null});
  if (wizard.stage === 'running') return stopRunning(state, wizard);
  const before = pageBefore(state, wizard);
  return before === null
    ? close(state)
    : showWizard(state, {...wizard, stage: before, error: null, scroll: 0});
}

/** A single Esc may be a slip, or the remains of an arrow key over a bad line: the second one stops the run. */
function stopRunning(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  if (wizard.stopping !== null) return noEffects(state);
  return wizard.asksToStop ? interrupt(state, wizard) : showWizard(state, {...wizard, asksToStop: true});
}

function interrupt(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const stopping = canBeCancelled(wizard) ? 'cancel' : 'after-step';
  return showWizard(state, {...wizard, stopping, asksToStop: false}, {kind: 'interrupt-run'});
}

function pageBefore(state: ConsoleState, wizard: RecipeWizard): WizardStage | null {
  if (wizard.stage !== 'preview') return stageBefore[wizard.stage];
  if (wizard.undoes !== null) return null;
  return (recipeOf(state, wizard)?.parameters.length ?? 0) > 0 ? 'parameters' : 'evidence';
}

function scroll(state: ConsoleState, wizard: RecipeWizard, by: number): UpdateResult {
  return showWizard(state, {...wizard, scroll: clamp(wizard.scroll + by, mostScroll(state))});
}

/** The page has another length now, so its scroll position may change. */
function unfold(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  return scroll(withWizard(state, wizard), wizard, 0);
}

/** Shows the session that the step waits for; the run continues in the background. */
function openBlocker(state: ConsoleState, wizard: RecipeWizard): UpdateResult {
  const pid = blockerOf(wizard)?.pid;
  const backend = state.snapshot?.backends.find(each => each.pid === pid);
  if (backend === undefined) return noEffects(state);
  const id = sessionId(backend);
  return {
    state: {...state, overlay: {kind: 'session', id, scroll: 0, detail: null, wizard}},
    effects: [{kind: 'describe-session', id, backend}],
  };
}

/** Takes the state of a run into its wizard, and scrolls to the current step or to the end. */
export function updateRun(state: ConsoleState, run: RunState): ConsoleState {
  const wizard = wizardOf(state);
  if (wizard === null) return state;
  const stage = run.phase === 'ended' ? 'done' : 'running';
  const hasMoved = wizard.run?.current !== run.current || wizard.stage !== stage;
  const scroll = hasMoved ? runScroll(state, wizard, run) : wizard.scroll;
  return withWizard(state, {...wizard, run, stage, scroll});
}

function runScroll(state: ConsoleState, wizard: RecipeWizard, run: RunState): number {
  const {width, height, theme} = pageArea(state, wizard);
  const blocks = runBlocks(run, width, theme, isCleaningUp(wizard));
  // The blocks are the head, one per step, and the end.
  const index = run.phase === 'ended' ? blocks.length - 1 : run.current === null ? 0 : run.current + 1;
  return inSight(wizard.scroll, blocks, index, height);
}

function close(state: ConsoleState): UpdateResult {
  return noEffects({...state, overlay: null});
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}

/** Changes the parameter being edited, or the confirmation. */
function edit(state: ConsoleState, wizard: RecipeWizard, change: (text: string) => string): UpdateResult {
  if (wizard.stage === 'confirm')
    return showWizard(state, {...wizard, typed: change(wizard.typed), error: null});
  const parameter = editedParameter(state, wizard);
  return parameter === null ? noEffects(state) : set(state, wizard, parameter, change);
}

/** Pastes into a parameter; the confirmation has to be typed. */
function pasteInto(state: ConsoleState, wizard: RecipeWizard, text: string): UpdateResult {
  if (wizard.stage === 'parameters') return edit(state, wizard, before => before + text);
  const notice =
    wizard.stage === 'confirm'
      ? 'Pasted text does not confirm: type the word'
      : 'Pasted text is ignored here';
  return noEffects({...state, notice: {text: notice, severity: 'info'}});
}

/** Selects the next or previous value of a parameter with choices or suggestions. */
function choose(state: ConsoleState, wizard: RecipeWizard, by: 1 | -1): UpdateResult {
  const parameter = editedParameter(state, wizard);
  const choices = choicesOf(state, wizard);
  if (parameter === null || choices.length === 0) return noEffects(state);
  return set(state, wizard, parameter, value => {
    const at = choices.indexOf(value);
    const next = at === -1 ? (by === 1 ? 0 : -1) : (at + by) % choices.length;
    return choices.at(next) ?? value;
  });
}

/** Selects the next or previous field and scrolls to it. */
function moveField(state: ConsoleState, wizard: RecipeWizard, by: number): UpdateResult {
  const count = recipeOf(state, wizard)?.parameters.length ?? 0;
  const field = count === 0 ? 0 : (wizard.field + by + count) % count;
  return noEffects(showField(state, {...wizard, field}));
}

/** Scrolls to the field being edited, whose description is below it. */
function showField(state: ConsoleState, wizard: RecipeWizard): ConsoleState {
  const shown = withWizard(state, wizard);
  const {width, height} = pageArea(shown, wizard);
  const blocks = parameterBlocks(shown, wizard, width);
  const scroll = Math.min(inSight(wizard.scroll, blocks, wizard.field, height), mostScroll(shown));
  return withWizard(state, {...wizard, scroll});
}

/** A changed value makes the data that is being read for the plan useless. */
function set(
  state: ConsoleState,
  wizard: RecipeWizard,
  {name}: Parameter,
  change: (text: string) => string,
): UpdateResult {
  const dataRequest = wizard.dataRequest?.isForPlan ? null : wizard.dataRequest;
  const params = {...wizard.params, [name]: change(valuesOf(wizard)[name] ?? '')};
  return noEffects(showField(state, {...wizard, params, dataRequest: dataRequest, error: null}));
}
