import {writeText} from '../../core/recipe/parameters.ts';
import type {ParameterValues, Plan} from '../../model/recipe.ts';
import type {ReplayUpdate} from '../../model/replay-report.ts';
import type {ReplayPage, RunEvent, RunUpdate} from './run.ts';

/** Starts the benchmark that the wizard planned. */
export function startReplay({params}: Plan): RunUpdate {
  const replay: ReplayPage = {
    benchmark: null,
    stage: 'starting',
    progress: null,
    rates: [],
    results: [],
    document: null,
    error: null,
    isStopping: false,
  };
  return {changes: {replay}, effects: [{kind: 'replay', params}]};
}

/** The first Esc stops the replay and shows the results so far; the next one returns to the wizard. */
export function leaveReplay(replay: ReplayPage): RunUpdate {
  if (hasEnded(replay)) return {changes: {replay: null}, effects: []};
  return {changes: {replay: {...replay, isStopping: true}}, effects: [{kind: 'interrupt-replay'}]};
}

export function updateReplay(
  page: ReplayPage,
  event: Extract<RunEvent, {kind: 'replay-update' | 'replayed' | 'replay-failed'}>,
): ReplayPage {
  switch (event.kind) {
    case 'replay-update':
      return withProgress(page, event.update);
    case 'replayed':
      return {...page, document: event.document};
    case 'replay-failed':
      return {...page, error: event.message};
  }
}

/** More than the columns of any screen. */
const mostRates = 500;

function withProgress(page: ReplayPage, update: ReplayUpdate): ReplayPage {
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

export function hasEnded({document, error}: ReplayPage): boolean {
  return document !== null || error !== null;
}

/** The parameters for tune-connection-limit; null where nothing is recommended. */
export function recommended({document}: ReplayPage): ParameterValues | null {
  const {recommendation = null, prisma} = document ?? {};
  if (recommendation === null) return null;
  const {connection_limit, reason} = recommendation;
  const major = prisma?.major ?? null;
  return {
    ...{connection_limit: String(connection_limit), measured: writeText(reason)},
    ...(major !== null && {prisma_major: String(major)}),
  };
}
