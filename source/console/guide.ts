import {sessionId} from '../core/sessions/session-id.ts';
import type {RunState} from '../model/run.ts';
import {anotherServer} from './availability.ts';
import {runBlocks} from './components/guide-run.ts';
import {mostScroll, pageArea} from './components/overlay-lines.ts';
import {inSight, pageStep} from './components/page.ts';
import {choose, edit, moveField, pasteInto} from './guide-form.ts';
import {planGuide} from './guide-planning.ts';
import {
  canBeCancelled,
  canBeCarriedOut,
  confirmationWord,
  guideOf,
  isSweeping,
  recipeOf,
  showGuide,
  waitedFor,
  withGuide,
} from './guide-state.ts';
import type {Command} from './messages.ts';
import {startReplay} from './replay.ts';
import type {ConsoleState, Guide, GuideStage} from './state.ts';
import {only, type Updated} from './updated.ts';

/** One key in a guide. Back is possible at every stage until it runs; then Esc asks, and a second Esc interrupts it. */
export function stepGuide(state: ConsoleState, guide: Guide, command: Command): Updated {
  if (guide.asksToStop && command.kind !== 'back') {
    const goingOn = {...guide, asksToStop: false};
    return stepGuide(withGuide(state, goingOn), goingOn, command);
  }
  switch (command.kind) {
    case 'submit':
      return goOn(state, guide);
    case 'back':
      return goBack(state, guide);
    case 'paste':
      return pasteInto(state, guide, command.text);
    case 'type':
      return edit(state, guide, before => before + command.text);
    case 'erase':
      return edit(state, guide, text => [...text].slice(0, -1).join(''));
    case 'choose':
      return choose(state, guide, command.by);
    case 'move':
      return guide.stage === 'parameters'
        ? moveField(state, guide, command.by)
        : scroll(state, guide, command.by);
    case 'page':
      return scroll(state, guide, command.by * pageStep(state));
    case 'edge':
      return scroll(state, guide, command.to === 'first' ? -mostScroll(state) : mostScroll(state));
    case 'open-waited-for':
      return openWaitedFor(state, guide);
    case 'unfold':
      return unfold(state, {...guide, isUnfolded: !guide.isUnfolded});
    default:
      return only(state);
  }
}

function goOn(state: ConsoleState, guide: Guide): Updated {
  if (guide.gathering?.isForPlan) return only(state);
  const recipe = recipeOf(state, guide);
  switch (guide.stage) {
    case 'evidence':
      if (!recipe?.plan) return close(state);
      return recipe.parameters.length > 0
        ? showGuide(state, {...guide, stage: 'parameters', error: null, scroll: 0})
        : planGuide(state, guide);
    case 'parameters':
      return planGuide(state, guide);
    case 'preview':
      if (recipe?.isBenchmark && guide.plan) return startReplay(state, guide, guide.plan);
      return canBeCarriedOut(guide.plan)
        ? showGuide(state, {...guide, stage: 'confirm', typed: '', error: null, scroll: 0})
        : close(state);
    case 'confirm':
      return confirm(state, guide);
    case 'running':
      return only(state);
    case 'done':
      return close(state);
  }
}

function confirm(state: ConsoleState, guide: Guide): Updated {
  const word = confirmationWord(state, guide);
  if (guide.typed !== word)
    return showGuide(state, {...guide, error: `type ${word} to go on, Esc to go back`});
  const {plan, server} = guide;
  if (plan === null || server === null) return only(state);
  const moved = anotherServer(state);
  if (moved !== null) return showGuide(state, {...guide, error: moved});
  const running: Guide = {...guide, stage: 'running', error: null, scroll: 0};
  return showGuide(state, running, {kind: 'carry-out', plan, server});
}

const stageBefore: Record<GuideStage, GuideStage | null> = {
  evidence: null,
  parameters: 'evidence',
  preview: 'parameters',
  confirm: 'preview',
  running: 'running',
  done: null,
};

/** First out of the reading that a plan waits for, then a stage back. */
function goBack(state: ConsoleState, guide: Guide): Updated {
  if (guide.gathering?.isForPlan) return showGuide(state, {...guide, gathering: null});
  if (guide.stage === 'running') return stopRunning(state, guide);
  const before = pageBefore(state, guide);
  return before === null ? close(state) : showGuide(state, {...guide, stage: before, error: null, scroll: 0});
}

/** An Esc may be a slip, or all that came of an arrow key over a bad line: the second one stops the run. */
function stopRunning(state: ConsoleState, guide: Guide): Updated {
  if (guide.stopping !== null) return only(state);
  return guide.asksToStop ? interrupt(state, guide) : showGuide(state, {...guide, asksToStop: true});
}

function interrupt(state: ConsoleState, guide: Guide): Updated {
  const stopping = canBeCancelled(guide) ? 'cancel' : 'after-step';
  return showGuide(state, {...guide, stopping, asksToStop: false}, {kind: 'interrupt-run'});
}

function pageBefore(state: ConsoleState, guide: Guide): GuideStage | null {
  if (guide.stage !== 'preview') return stageBefore[guide.stage];
  if (guide.undoes !== null) return null;
  return (recipeOf(state, guide)?.parameters.length ?? 0) > 0 ? 'parameters' : 'evidence';
}

function scroll(state: ConsoleState, guide: Guide, by: number): Updated {
  return showGuide(state, {...guide, scroll: clamp(guide.scroll + by, mostScroll(state))});
}

/** The page has another length now. */
function unfold(state: ConsoleState, guide: Guide): Updated {
  return scroll(withGuide(state, guide), guide, 0);
}

/** The session that holds the step up, over the guide: the run goes on behind it. */
function openWaitedFor(state: ConsoleState, guide: Guide): Updated {
  const pid = waitedFor(guide)?.pid;
  const backend = state.snapshot?.backends.find(each => each.pid === pid);
  if (backend === undefined) return only(state);
  const id = sessionId(backend);
  return {
    state: {...state, overlay: {kind: 'session', id, scroll: 0, detail: null, over: guide}},
    effects: [{kind: 'describe-session', id, backend}],
  };
}

/** A run goes on whether or not its page is looked at; the page follows the step it is at, and ends with the end. */
export function updateGuideRun(state: ConsoleState, run: RunState): ConsoleState {
  const guide = guideOf(state);
  if (guide === null) return state;
  const stage = run.phase === 'ended' ? 'done' : 'running';
  const hasMoved = guide.run?.current !== run.current || guide.stage !== stage;
  const scroll = hasMoved ? runScroll(state, guide, run) : guide.scroll;
  return withGuide(state, {...guide, run, stage, scroll});
}

function runScroll(state: ConsoleState, guide: Guide, run: RunState): number {
  const {width, height, theme} = pageArea(state, guide);
  const blocks = runBlocks(run, width, theme, isSweeping(guide));
  // The first block is the head, then one for each step, and the end.
  const index = run.phase === 'ended' ? blocks.length - 1 : run.current === null ? 0 : run.current + 1;
  return inSight(guide.scroll, blocks, index, height);
}

function close(state: ConsoleState): Updated {
  return only({...state, overlay: null});
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}
