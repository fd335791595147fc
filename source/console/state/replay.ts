import type {Plan} from '../../model/recipe.ts';
import type {ReplayUpdate} from '../../model/replay-report.ts';
import {mostScroll} from '../components/overlay-lines.ts';
import {pageStep} from '../components/page.ts';
import type {Command, Event} from './messages.ts';
import {openWizard} from './open-wizard.ts';
import type {ConsoleState, RecipeWizard} from './state.ts';
import {hasEnded, type ReplayPage, recommended} from './state.ts';
import {noEffects, type UpdateResult} from './update-result.ts';

type ReplayEvent = Extract<Event, {kind: 'replay-update' | 'replayed' | 'replay-failed'}>;

/** Starts the benchmark that the wizard planned. */
export function startReplay(state: ConsoleState, from: RecipeWizard, {params}: Plan): UpdateResult {
  const page: ReplayPage = {
    kind: 'replay',
    from,
    benchmark: null,
    stage: 'starting',
    progress: null,
    rates: [],
    results: [],
    document: null,
    error: null,
    isStopping: false,
    scroll: 0,
  };
  return {state: {...state, overlay: page}, effects: [{kind: 'replay', params}]};
}

export function handleReplayEvent(state: ConsoleState, event: ReplayEvent): UpdateResult {
  const {overlay} = state;
  if (overlay?.kind !== 'replay') return noEffects(state);
  switch (event.kind) {
    case 'replay-update':
      return noEffects({...state, overlay: updated(overlay, event.update)});
    case 'replayed':
      return noEffects({...state, overlay: {...overlay, document: event.document, scroll: 0}});
    case 'replay-failed':
      return noEffects({...state, overlay: {...overlay, error: event.message, scroll: 0}});
  }
}

/** Handles one key on the page. */
export function handleReplayCommand(state: ConsoleState, page: ReplayPage, command: Command): UpdateResult {
  switch (command.kind) {
    case 'back':
      return leave(state, page);
    case 'submit':
      return goOn(state, page);
    case 'move':
      return scroll(state, page, command.by);
    case 'page':
      return scroll(state, page, command.by * pageStep(state));
    case 'edge':
      return scroll(state, page, command.to === 'first' ? -Infinity : Infinity);
    default:
      return noEffects(state);
  }
}

/** The first Esc stops the replay and shows the results so far; the next one closes the page. */
function leave(state: ConsoleState, page: ReplayPage): UpdateResult {
  if (hasEnded(page)) return noEffects({...state, overlay: {kind: 'wizard', wizard: page.from}});
  return {state: {...state, overlay: {...page, isStopping: true}}, effects: [{kind: 'interrupt-replay'}]};
}

function goOn(state: ConsoleState, page: ReplayPage): UpdateResult {
  if (!hasEnded(page)) return noEffects(state);
  const params = recommended(page);
  return params === null
    ? noEffects({...state, overlay: null})
    : openWizard(state, 'tune-connection-limit', null, params);
}

function scroll(state: ConsoleState, page: ReplayPage, by: number): UpdateResult {
  const to = Math.max(0, Math.min(mostScroll(state), page.scroll + by));
  return noEffects({...state, overlay: {...page, scroll: to}});
}

/** More than any screen is wide. */
const mostRates = 500;

function updated(page: ReplayPage, update: ReplayUpdate): ReplayPage {
  switch (update.kind) {
    case 'stage':
      return {...page, stage: update.text};
    case 'case':
      return {...page, benchmark: update, progress: null};
    case 'result':
      return {...page, results: [...page.results, update.result]};
    case 'progress': {
      const rate = rateBetween(page.progress, update);
      return {...page, progress: update, rates: [...page.rates, ...rate].slice(-mostRates)};
    }
  }
}

/** Successful requests per second since the previous progress. */
function rateBetween(before: ReplayPage['progress'], now: NonNullable<ReplayPage['progress']>): number[] {
  const elapsed_ms = now.elapsed_ms - (before?.elapsed_ms ?? 0);
  const answered = now.requests - now.failed - ((before?.requests ?? 0) - (before?.failed ?? 0));
  return elapsed_ms > 0 ? [(answered * 1000) / elapsed_ms] : [];
}
