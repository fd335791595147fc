import {type ReportRollout, type ReportRun, rolloutsOf, runsOf, unfinishedOf} from '../../cli/journal.ts';
import {type HistorySample, historySample} from '../../core/activity/budget.ts';
import {loadOver} from '../../core/activity/load-over.ts';
import {type LoadSummary, summarizeLoad} from '../../core/activity/load-summary.ts';
import {addLoad, noLoad} from '../../core/activity/session-load.ts';
import {assessRecorded} from '../../core/assessment/assess.ts';
import {addSample} from '../../core/assessment/samples.ts';
import {collectChanges} from '../../core/assessment/whole-recording.ts';
import type {Sample} from '../../model/assessment.ts';
import type {LoggedChange} from '../../model/change-log.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {RecordedSnapshot, Recording} from '../../model/ports.ts';
import type {Finding, Recipe, Severity} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type LockHolder, lockHolders} from './lock-holders.ts';
import {periodStatements, type ReportStatements} from './report-statements.ts';
import {type VerdictSpan, verdictSpans} from './server-verdicts.ts';

/** An incident: figures, findings and changes. */
export type Report = {
  target: string;
  from_ms: number;
  to_ms: number;
  /** Number of recorded snapshots in that time; 0 without a recording. */
  snapshot_count: number;
  /** poolctl evaluated one snapshot in this many. */
  stride: number;
  series: Series[];
  /** null without two readings of the statements' counters. */
  statements: ReportStatements | null;
  /** What busy sessions did; null without a snapshot. */
  load: LoadSummary | null;
  /** Who held locks that others waited for; those that most sessions waited for first. */
  holders: LockHolder[];
  findings: FindingSpan[];
  /** Lines of the Server view that were not ok. */
  verdicts: VerdictSpan[];
  /** What changed on the server, oldest first; `runs` are what poolctl did. */
  changed: LoggedChange[];
  /** When nothing was read, and why. */
  gaps: Gap[];
  runs: ReportRun[];
  rollouts: ReportRollout[];
  unfinished: string[];
};

export type ReportSources = {
  recording: Recording | null;
  entries: readonly JournalEntry[];
  recipes: readonly Recipe[];
  /** Runs that a process is executing right now, with its pid. */
  underWay: ReadonlyMap<string, number>;
};

export type ReportScope = {
  /** null: every target of the journal. */
  target: string | null;
  from_ms: number;
  to_ms: number;
  /** Only this run, and those that undid it. */
  run: string | null;
};

/** More snapshots would not change a chart or the table of findings. */
const maxEvaluated = 2000;

/** Collects the recorded snapshots and the journal entries of a scope. */
export async function createReport(sources: ReportSources, scope: ReportScope): Promise<Report> {
  const {recording, entries, recipes} = sources;
  const {from_ms, to_ms} = scope;
  const indexes = (recording?.times() ?? []).flatMap(({at_ms}, index) =>
    at_ms >= from_ms && at_ms <= to_ms ? [index] : [],
  );
  const stride = Math.max(1, Math.ceil(indexes.length / maxEvaluated));
  const evaluated = indexes.filter((_, index) => index % stride === 0 || index === indexes.length - 1);
  const series = seriesOf();
  const statements = periodStatements();
  const holders = lockHolders();
  const findings = findingSpans(recipes);
  const verdicts = verdictSpans();
  let load = noLoad;
  for (const index of evaluated) {
    const [snapshot] = (await recording?.read(index, index)) ?? [];
    if (snapshot === undefined) continue;
    series.add(snapshot);
    statements.add(snapshot);
    holders.add(snapshot);
    load = addLoad(load, snapshot, {isWhole: true});
    findings.add(snapshot);
    verdicts.add(snapshot);
  }
  const runs = runsOf(entries, scope);
  const rollouts = rolloutsOf(entries, scope);
  const spans = findings.spans();
  const over = loadOver(load, Infinity);
  return {
    target:
      scope.target ??
      ([...new Set([...runs.map(({run}) => run.target), ...rollouts.map(({start}) => start.target)])].join(
        ', ',
      ) ||
        '-'),
    from_ms,
    to_ms,
    snapshot_count: indexes.length,
    stride,
    series: series.all(),
    statements: statements.costliest(),
    load: over && summarizeLoad(over),
    holders: holders.all(),
    findings: spans,
    verdicts: verdicts.spans(),
    changed: findings.changed(),
    gaps: recording === null ? [] : gapsOf(recording, scope),
    runs,
    rollouts,
    unfinished: [
      ...unfinishedOf(runs, sources.underWay),
      ...rollouts.flatMap(({start, end}) =>
        end === null ? [`rollout ${start.run} of ${start.name}: no recorded end`] : [],
      ),
      ...spans
        .filter(({isOpen}) => isOpen)
        .map(({severity, summary}) => `still present at the end of the recording, ${severity}: ${summary}`),
    ],
  };
}

export type Gap = {from_ms: number; to_ms: number; isOpen: boolean; reason: string};

/** Readings further apart than this and than three times the usual interval have a gap between them. */
const minGapMs = 65_000;

/** Lost connections, and times without a recording, its beginning and end included. */
function gapsOf(recording: Recording, {from_ms, to_ms}: ReportScope): Gap[] {
  const lost = recording
    .outages()
    .filter(({at_ms, until_ms}) => (until_ms ?? to_ms) >= from_ms && at_ms <= to_ms)
    .map(
      ({at_ms, until_ms, message}): Gap => ({
        from_ms: at_ms,
        to_ms: until_ms ?? to_ms,
        isOpen: until_ms === null,
        reason: message,
      }),
    );
  const within = recording.times().flatMap(({at_ms}) => (at_ms >= from_ms && at_ms <= to_ms ? [at_ms] : []));
  const times = [from_ms, ...within, to_ms];
  const steps = times.slice(1).map(
    (at_ms, index): Gap => ({
      from_ms: times[index] ?? 0,
      to_ms: at_ms,
      isOpen: index === within.length,
      reason: 'no snapshot',
    }),
  );
  const usual = steps
    .slice(1, -1)
    .map(step => step.to_ms - step.from_ms)
    .sort((a, b) => a - b);
  const longest = Math.max(minGapMs, 3 * (usual[usual.length >> 1] ?? 0));
  const silent = steps.filter(
    step =>
      step.to_ms - step.from_ms > longest &&
      !lost.some(each => each.from_ms >= step.from_ms && each.from_ms <= step.to_ms),
  );
  return [...lost, ...silent].sort((a, b) => a.from_ms - b.from_ms);
}

/** A figure over time, with the maximum it can reach; null if it has none. Without points it is unknown. */
export type Series = {title: string; points: {at_ms: number; value: number}[]; most: number | null};

/** A finding, from the first snapshot with it to the last. */
export type FindingSpan = {
  recipe: string;
  subject: string;
  severity: Severity;
  /** From the snapshot in which it was worst. */
  summary: string;
  first_ms: number;
  last_ms: number;
  snapshot_count: number;
  /** Whether the last snapshot has it. */
  isOpen: boolean;
};

/** Collects the figures of snapshots. */
function seriesOf(): {add(snapshot: Snapshot): void; all(): Series[]} {
  const all = figures.map(({title}): Series => ({title, points: [], most: null}));
  return {
    add(snapshot) {
      const sample = historySample(snapshot);
      for (const [index, {read, maxOf}] of figures.entries()) {
        const series = all[index];
        const value = read(sample, snapshot);
        if (series === undefined || value === null) continue;
        series.points.push({at_ms: sample.at_ms, value});
        series.most = maxOf?.(snapshot) ?? null;
      }
    },
    all: () => (all.some(({points}) => points.length > 0) ? all : []),
  };
}

type Figure = {
  title: string;
  read(sample: HistorySample, snapshot: Snapshot): number | null;
  maxOf?(snapshot: Snapshot): number;
};

/** As the console's charts have them. */
const figures: Figure[] = [
  {title: 'slots used', read: ({used}) => used, maxOf: ({budget}) => budget.usable},
  {title: 'active', read: ({active}) => active},
  {title: 'idle in transaction', read: ({idle_in_transaction}) => idle_in_transaction},
  {title: 'waiting for a lock', read: (_, {lock_waits}) => lock_waits.length},
  {title: 'commits per second', read: ({commits_per_second}) => commits_per_second},
];

/** Collects what the recipes find in snapshots. */
function findingSpans(recipes: readonly Recipe[]): {
  add(snapshot: RecordedSnapshot): void;
  spans(): FindingSpan[];
  changed(): LoggedChange[];
} {
  const spans = new Map<string, FindingSpan & {size: number}>();
  let last_ms = 0;
  let samples: Sample[] = [];
  const changes = collectChanges();
  return {
    add(snapshot) {
      last_ms = Date.parse(snapshot.at);
      samples = addSample(samples, snapshot);
      changes.add(samples.at(-1)?.log);
      const {findings} = assessRecorded({recipes, snapshot, samples});
      for (const finding of findings) {
        const {recipe, subject, severity, summary} = finding;
        const id = `${recipe}/${subject}`;
        const known = spans.get(id);
        const size = sizeOf(finding);
        const isWorst =
          known === undefined || (known.severity === severity ? size >= known.size : severity === 'critical');
        spans.set(id, {
          recipe,
          subject,
          severity: known?.severity === 'critical' ? 'critical' : severity,
          summary: isWorst ? summary : known.summary,
          size: isWorst ? size : known.size,
          first_ms: known?.first_ms ?? last_ms,
          last_ms,
          snapshot_count: (known?.snapshot_count ?? 0) + 1,
          isOpen: false,
        });
      }
    },
    spans: () =>
      [...spans.values()]
        .map(({size: _, ...span}) => ({...span, isOpen: span.last_ms === last_ms}))
        .sort((a, b) => a.first_ms - b.first_ms),
    changed: () => changes.all().sort((a, b) => (a.at < b.at ? -1 : 1)),
  };
}

/** How bad a finding is beside itself at another time: its sessions, or else its first count. */
function sizeOf({harm, evidence}: Finding): number {
  const {sessions, waiting} = evidence;
  const counts = Object.entries(evidence).flatMap(([name, value]) =>
    typeof value === 'number' && !name.endsWith('_ms') ? [value] : [],
  );
  const figures = [sessions, waiting, harm?.sessions || undefined, ...counts];
  return figures.find(each => typeof each === 'number') ?? 0;
}
