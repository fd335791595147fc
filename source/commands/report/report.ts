import {
  type ReportRollout,
  type ReportRun,
  rolloutsOf,
  runsOf,
  unfinishedOf,
} from '../../cli/journal/journaled-runs.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {Recording} from '../../model/recording.ts';
import {type FindingSpan, findingSpans, type Series, seriesOf} from './readings.ts';

/** An incident: what was seen, what was found, what was done. */
export type Report = {
  target: string;
  from_ms: number;
  to_ms: number;
  /** Readings it rests on; 0 where there is no recording. */
  readings: number;
  /** Of so many one was looked at. */
  stride: number;
  series: Series[];
  findings: FindingSpan[];
  losses: {at_ms: number; message: string}[];
  runs: ReportRun[];
  rollouts: ReportRollout[];
  unfinished: string[];
};

export type ReportSources = {
  tape: Recording | null;
  entries: readonly JournalEntry[];
  recipes: readonly Recipe[];
  /** Runs that a process is at right now, with its pid. */
  underWay: ReadonlyMap<string, number>;
};

export type ReportScope = {
  /** null where the journal alone is told of, whatever its targets. */
  target: string | null;
  from_ms: number;
  to_ms: number;
  /** This run alone, and those that took it back. */
  run: string | null;
};

/** No more readings than these are looked at: more than a chart or a table of findings can tell. */
const mostReadings = 2000;

/** Puts together what the recording and the journal have of a time. */
export async function createReport(sources: ReportSources, scope: ReportScope): Promise<Report> {
  const {tape, entries, recipes} = sources;
  const {from_ms, to_ms} = scope;
  const places = (tape?.times() ?? []).flatMap(({at_ms}, place) =>
    at_ms >= from_ms && at_ms <= to_ms ? [place] : [],
  );
  const stride = Math.max(1, Math.ceil(places.length / mostReadings));
  const looked = places.filter((_, index) => index % stride === 0 || index === places.length - 1);
  const series = seriesOf();
  const findings = findingSpans(recipes);
  for (const place of looked) {
    const [snapshot] = (await tape?.read(place, place)) ?? [];
    if (snapshot === undefined) continue;
    series.add(snapshot);
    findings.add(snapshot);
  }
  const runs = runsOf(entries, scope);
  const rollouts = rolloutsOf(entries, scope);
  const spans = findings.spans();
  return {
    target:
      scope.target ??
      ([...new Set([...runs.map(({run}) => run.target), ...rollouts.map(({start}) => start.target)])].join(
        ', ',
      ) ||
        '-'),
    from_ms,
    to_ms,
    readings: places.length,
    stride,
    series: series.all(),
    findings: spans,
    losses: (tape?.failures() ?? []).filter(({at_ms}) => at_ms >= from_ms && at_ms <= to_ms),
    runs,
    rollouts,
    unfinished: [
      ...unfinishedOf(runs, sources.underWay),
      ...rollouts.flatMap(({start, end}) =>
        end === null ? [`rollout ${start.run} of ${start.name}: it is not over`] : [],
      ),
      ...spans
        .filter(({isOpen}) => isOpen)
        .map(({severity, summary}) => `still there at the end of the recording, ${severity}: ${summary}`),
    ],
  };
}
