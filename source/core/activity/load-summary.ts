import type {LoadClass} from './busy-sessions.ts';
import {groupLoad, type LoadDimension, type LoadOver, loadDimensions} from './load-over.ts';
import type {LoadSource} from './session-load.ts';

/** What sessions that run a statement wait for; class and event are null for those that work. `share`s add up to 1. */
export type WaitOfAll = {
  class: string | null;
  event: string | null;
  average_active_sessions: number;
  share: number;
};

/** Of all sessions but blockers, which run none; the most frequent first. */
export function waitsOfAll(over: LoadOver): WaitOfAll[] {
  const busy = over.rows.filter(row => row.class !== 'blocker');
  return groupLoad(busy, 'event').map(({value, sessions, share_ratio}) => {
    const [type = null, event = null] = value === 'CPU' ? [] : value.split(':', 2);
    return {class: type, event, average_active_sessions: sessions, share: share_ratio};
  });
}

type LoadShare = {
  average_active_sessions: number;
  /** Of the load, 0 to 1. */
  share: number;
};

/** A value of a dimension; null where sessions have none. `query_id`: of a statement. */
type LoadOfValue = LoadShare & {
  value: string | null;
  query_id?: string | null;
  classes: ({class: LoadClass} & LoadShare)[];
};

/** What busy sessions did over a time: by class, and the top of each dimension. */
export type LoadSummary = {
  from: string;
  to: string;
  /** Each is a sample of all sessions, by `sources`. */
  readings: number;
  /** poolctl's own readings, or pg_wait_sampling: both, where that changed. */
  sources: LoadSource[];
  average_active_sessions: number;
  /** Sessions whose state this role may not see, on average: they may be busy, too. */
  hidden_sessions: number;
  /** Of the server; null where they are not known. */
  cores: number | null;
  classes: ({class: LoadClass} & LoadShare)[];
  top: Record<LoadDimension, LoadOfValue[]>;
};

/** Values listed of each dimension. */
const mostListed = 5;

export function summarizeLoad(over: LoadOver): LoadSummary {
  const sessions = over.rows.reduce((sum, row) => sum + row.sessions, 0);
  const shareOf = (own: number): LoadShare => ({average_active_sessions: own, share: own / sessions});
  const classes = new Map<LoadClass, number>();
  for (const row of over.rows) classes.set(row.class, (classes.get(row.class) ?? 0) + row.sessions);
  const listed = (dimension: LoadDimension): LoadOfValue[] =>
    groupLoad(over.rows, dimension)
      .slice(0, mostListed)
      .map(group => ({
        value: group.known,
        ...(dimension === 'statement' && {query_id: group.query_id}),
        ...shareOf(group.sessions),
        classes: group.classes.map(each => ({class: each.class, ...shareOf(each.sessions)})),
      }));
  return {
    from: new Date(over.from_ms).toISOString(),
    to: new Date(over.to_ms).toISOString(),
    readings: over.readings,
    sources: over.sources,
    average_active_sessions: sessions,
    hidden_sessions: over.hidden,
    cores: over.cores,
    classes: [...classes].sort((a, b) => b[1] - a[1]).map(([name, own]) => ({class: name, ...shareOf(own)})),
    top: Object.fromEntries(loadDimensions.map(each => [each, listed(each)])) as LoadSummary['top'],
  };
}
