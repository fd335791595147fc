import type {Finding, ParameterValues, Plan, Recipe} from '../core/recipe.ts';
import type {RunState} from '../core/run-state.ts';
import {mostScroll, pageStep} from './components/overlay-lines.ts';
import {findingId} from './findings.ts';
import {meantSessions} from './held.ts';
import type {Command, Effect} from './messages.ts';
import type {ConsoleState, Guide, GuideStage} from './state.ts';
import type {Updated} from './updated.ts';

/** Opens a recipe's guide at what it found; parameters come from the finding, the caller, or their defaults. */
export function openGuide(
  state: ConsoleState,
  recipeId: string,
  finding: Finding | null,
  params: ParameterValues = {},
): Updated {
  const recipe = state.recipes.find(({id}) => id === recipeId);
  if (!recipe)
    return {state: {...state, notice: {text: `no recipe "${recipeId}"`, severity: 'info'}}, effects: []};
  const defaults = Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value]));
  const guide: Guide = {
    recipe: recipeId,
    finding: finding && findingId(finding),
    stage: 'evidence',
    params: {...defaults, ...finding?.params, ...params},
    field: 0,
    error: null,
    plan: null,
    typed: '',
    run: null,
    scroll: 0,
  };
  return {state: {...state, overlay: {kind: 'guide', guide}}, effects: []};
}

/** `C` and `K` on the sessions meant: the same engine, straight to the preview. */
export function openSessionGuide(state: ConsoleState, how: 'cancel' | 'terminate'): Updated {
  const recipe = how === 'cancel' ? 'cancel-statements' : 'terminate-sessions';
  const opened = openGuide(state, recipe, null, {pid: meantSessions(state).join(',')}).state;
  return opened.overlay?.kind === 'guide'
    ? makePlan(opened, opened.overlay.guide)
    : {state: opened, effects: []};
}

/** One key in a guide. Back is possible at every stage until it runs; then Esc interrupts it. */
export function stepGuide(state: ConsoleState, guide: Guide, command: Command): Updated {
  switch (command.kind) {
    case 'submit':
      return goOn(state, guide);
    case 'back':
      return goBack(state, guide);
    case 'type':
      return edit(state, guide, before => before + command.text);
    case 'erase':
      return edit(state, guide, text => [...text].slice(0, -1).join(''));
    case 'move':
      return move(state, guide, command.by);
    case 'page':
      return scroll(state, guide, command.by * pageStep(state));
    case 'edge':
      return scroll(state, guide, command.to === 'first' ? -mostScroll(state) : mostScroll(state));
    default:
      return {state, effects: []};
  }
}

function goOn(state: ConsoleState, guide: Guide): Updated {
  const recipe = recipeOf(state, guide);
  switch (guide.stage) {
    case 'evidence':
      if (!recipe?.plan) return close(state);
      return recipe.parameters.length > 0
        ? withGuide(state, {...guide, stage: 'parameters', scroll: 0})
        : makePlan(state, guide);
    case 'parameters':
      return makePlan(state, guide);
    case 'preview':
      return guide.plan && guide.plan.steps.length > 0
        ? withGuide(state, {...guide, stage: 'confirm', typed: '', error: null, scroll: 0})
        : {state, effects: []};
    case 'confirm':
      return confirm(state, guide);
    case 'running':
      return {state, effects: []};
    case 'done':
      return close(state);
  }
}

function makePlan(state: ConsoleState, guide: Guide): Updated {
  const recipe = recipeOf(state, guide);
  if (!recipe?.plan || state.snapshot === null)
    return withGuide(state, {...guide, error: 'there is no reading to plan with yet'});
  try {
    const plan: Plan = recipe.plan(state.snapshot, guide.params, {});
    return withGuide(state, {...guide, plan, stage: 'preview', error: null, scroll: 0});
  } catch (error) {
    return withGuide(state, {
      ...guide,
      stage: recipe.parameters.length > 0 ? 'parameters' : 'evidence',
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** What must be typed before anything is done: the target's own name where a slip would hurt most. */
export function confirmationWord(state: ConsoleState): string {
  return state.isProduction ? state.targetName : 'yes';
}

function confirm(state: ConsoleState, guide: Guide): Updated {
  const word = confirmationWord(state);
  if (guide.typed !== word)
    return withGuide(state, {...guide, error: `type ${word} to go on, Esc to go back`});
  if (guide.plan === null) return {state, effects: []};
  const effects: Effect[] = [{kind: 'carry-out', plan: guide.plan}];
  return {...withGuide(state, {...guide, stage: 'running', error: null, scroll: 0}), effects};
}

const stageBefore: Record<GuideStage, GuideStage | null> = {
  evidence: null,
  parameters: 'evidence',
  preview: 'parameters',
  confirm: 'preview',
  running: 'running',
  done: null,
};

function goBack(state: ConsoleState, guide: Guide): Updated {
  if (guide.stage === 'running')
    return {
      state: {...state, notice: {text: 'stopping after this step', severity: 'warning'}},
      effects: [{kind: 'interrupt-run'}],
    };
  const hasParameters = (recipeOf(state, guide)?.parameters.length ?? 0) > 0;
  const before = guide.stage === 'preview' && !hasParameters ? 'evidence' : stageBefore[guide.stage];
  return before === null ? close(state) : withGuide(state, {...guide, stage: before, error: null, scroll: 0});
}

function edit(state: ConsoleState, guide: Guide, change: (text: string) => string): Updated {
  if (guide.stage === 'confirm') return withGuide(state, {...guide, typed: change(guide.typed), error: null});
  if (guide.stage !== 'parameters') return {state, effects: []};
  const name = recipeOf(state, guide)?.parameters[guide.field]?.name;
  if (name === undefined) return {state, effects: []};
  return withGuide(state, {
    ...guide,
    params: {...guide.params, [name]: change(guide.params[name] ?? '')},
    error: null,
  });
}

function move(state: ConsoleState, guide: Guide, by: number): Updated {
  if (guide.stage !== 'parameters') return scroll(state, guide, by);
  const count = recipeOf(state, guide)?.parameters.length ?? 0;
  const field = count === 0 ? 0 : (guide.field + by + count) % count;
  const moved = {...guide, field, scroll: 0};
  // A parameter is a line, but for the one edited: that one comes into sight with those before it.
  return scroll(withGuide(state, moved).state, moved, field - 3);
}

function scroll(state: ConsoleState, guide: Guide, by: number): Updated {
  return withGuide(state, {...guide, scroll: Math.max(0, Math.min(mostScroll(state), guide.scroll + by))});
}

/** A run goes on whether or not its page is looked at. */
export function updateGuideRun(state: ConsoleState, run: RunState): ConsoleState {
  if (state.overlay?.kind !== 'guide') return state;
  const stage = run.phase === 'ended' ? 'done' : 'running';
  // That it is being stopped is over when it has ended.
  const notice = stage === 'done' ? null : state.notice;
  return {...state, notice, overlay: {kind: 'guide', guide: {...state.overlay.guide, run, stage}}};
}

export function recipeOf(state: ConsoleState, guide: Guide): Recipe | undefined {
  return state.recipes.find(({id}) => id === guide.recipe);
}

function withGuide(state: ConsoleState, guide: Guide): Updated {
  return {state: {...state, overlay: {kind: 'guide', guide}}, effects: []};
}

function close(state: ConsoleState): Updated {
  return {state: {...state, overlay: null}, effects: []};
}
