import type {ParameterValues} from '../model/parameter.ts';
import type {ReplayDocument, ReplayResult, ReplayUpdate} from '../model/replay-report.ts';
import type {Guide} from './state.ts';

/** A replay being looked at: while it runs, and what came of it. */
export type ReplayPage = {
  kind: 'replay';
  /** The guide it was begun from, which Esc goes back to. */
  from: Guide;
  /** The measurement under way. */
  benchmark: Extract<ReplayUpdate, {kind: 'case'}> | null;
  stage: string;
  progress: Extract<ReplayUpdate, {kind: 'progress'}> | null;
  /** Requests per second, as they came in. */
  rates: number[];
  results: ReplayResult[];
  /** When it has ended. */
  document: ReplayDocument | null;
  error: string | null;
  isStopping: boolean;
  scroll: number;
};

export function hasEnded({document, error}: ReplayPage): boolean {
  return document !== null || error !== null;
}

/** What tune-connection-limit is opened with; null where nothing is recommended. */
export function recommended({document}: ReplayPage): ParameterValues | null {
  const recommendation = document?.recommendation ?? null;
  return recommendation && {connection_limit: String(recommendation.connection_limit)};
}
