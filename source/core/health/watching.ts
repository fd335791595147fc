import type {Finding} from '../../model/recipe.ts';
import type {Limits} from './health.ts';
import {assessHealth, type Found, type Health, isBeyond} from './health.ts';
import {type MetricName, type Metrics, metricNames, metricOf} from './metrics.ts';

export type WatchOptions = {
  for_ms: number;
  every_ms: number;
  /** The watch ends as soon as a limit has been critical for this long. */
  sustain_ms: number;
};

/** One metric over all snapshots. `p95`: 95 % of the values are as good or better; `peak`: the worst. */
type Series = {average: number; p95: number; peak: number};

/** A period in which the server could not be read. */
type Loss = {at_ms: number; lasted_ms: number; reason: string};

/** `check --for --json`; metrics are the 95th percentiles. */
export type WatchedHealth = Health & {
  watch: {
    for_ms: number;
    elapsed_ms: number;
    available_ms: number;
    availability_ratio: number;
    readings: number;
    /** The metric that ended the watch early. */
    failed_early: MetricName | null;
    /** Metrics whose worst value was critical. */
    critical_peaks: MetricName[];
    losses: Loss[];
    series: SeriesByName;
  };
};

/** Collects snapshots over a period; times are of a monotonic clock. */
export type Watch = {
  addSample(at_ms: number, reading: {metrics: Metrics; limits: Limits; found: Found}): void;
  addLoss(at_ms: number, loss: {reason: string; is_refused: boolean}): void;
  /** Metrics that are critical now and for how long, longest first. */
  criticalMetrics(at_ms: number): {name: MetricName; critical_ms: number}[];
  /** The metric that has been critical for `sustain_ms`. */
  failure(): MetricName | null;
  availability(at_ms: number): number;
  availableMs(): number;
  /** null before the first snapshot. */
  result(at_ms: number): WatchedHealth | null;
};

/** Starts a watch. */
export function createWatch(options: WatchOptions, started_ms: number): Watch {
  const {for_ms, every_ms, sustain_ms} = options;
  const availability = createAvailability(started_ms, every_ms);
  const values = createValues();
  const criticalTracker = createCriticalTracker(sustain_ms);
  const findingTracker = createFindingTracker();
  let last: {metrics: Metrics; limits: Limits; found: Found} | null = null;
  let readings = 0;

  return {
    addSample(at_ms, {metrics, limits, found}) {
      const {isRepeated, wasLost} = availability.recordRead(at_ms);
      // What was critical before a loss may not have been during it.
      if (wasLost) criticalTracker.clear();
      values.add(metrics, isRepeated ? (last?.metrics ?? null) : null);
      criticalTracker.update(at_ms, metrics, limits);
      findingTracker.update(at_ms, found.findings);
      if (!isRepeated) readings++;
      last = {metrics, limits, found};
    },
    addLoss: availability.recordLoss,
    criticalMetrics: criticalTracker.critical,
    failure: criticalTracker.failure,
    availability: availability.ratio,
    availableMs: availability.availableMs,
    result(at_ms) {
      if (last === null) return null;
      availability.end(at_ms);
      const {limits, found} = last;
      const elapsed_ms = at_ms - started_ms;
      const series = values.series();
      const overall = overallOf(series, {
        refused_connections_per_minute: availability.refused() / Math.max(1, elapsed_ms / 60_000),
        availability_ratio: availability.ratio(at_ms),
      });
      // A shorter watch cannot see a finding for sustain_ms; whether holders change, only the third reading can tell.
      const least_ms = Math.max(every_ms / 2, (elapsed_ms - 2 * every_ms) / 2);
      const findings = findingTracker.lastingAtLeast(Math.min(sustain_ms, least_ms));
      const health = assessHealth(overall, limits, {...found, findings});
      const failed_early = criticalTracker.failure();
      const critical_peaks = criticalPeaks(series, limits);
      return {
        ...health,
        status: statusOf(health.status, failed_early, critical_peaks),
        watch: {
          for_ms,
          elapsed_ms,
          available_ms: availability.availableMs(),
          availability_ratio: availability.ratio(at_ms),
          readings,
          failed_early,
          critical_peaks,
          losses: availability.losses,
          series,
        },
      };
    },
  };
}

/** Tracks when the server could be read. */
function createAvailability(started_ms: number, every_ms: number) {
  const losses: Loss[] = [];
  let lastRead_ms: number | null = null;
  let lostSince_ms: number | null = null;
  let available_ms = 0;
  let refused = 0;

  function closeLoss(at_ms: number): void {
    const loss = losses.at(-1);
    if (lostSince_ms === null || loss === undefined) return;
    loss.lasted_ms = at_ms - lostSince_ms;
    lostSince_ms = null;
  }

  return {
    losses,
    /** `isRepeated`: a snapshot that directly follows another one completes it. */
    recordRead(at_ms: number): {isRepeated: boolean; wasLost: boolean} {
      const gap_ms = at_ms - (lastRead_ms ?? started_ms);
      const wasLost = lostSince_ms !== null;
      const isRepeated = lastRead_ms !== null && !wasLost && gap_ms < every_ms / 4;
      if (!wasLost) available_ms += gap_ms;
      closeLoss(at_ms);
      lastRead_ms = at_ms;
      return {isRepeated, wasLost};
    },
    recordLoss(at_ms: number, {reason, is_refused}: {reason: string; is_refused: boolean}): void {
      if (is_refused) refused++;
      if (lostSince_ms !== null) return;
      lostSince_ms = at_ms;
      losses.push({at_ms: at_ms - started_ms, lasted_ms: 0, reason});
    },
    /** Counts the time since the last snapshot. */
    end(at_ms: number): void {
      const since_ms = at_ms - (lastRead_ms ?? at_ms);
      if (lostSince_ms === null) available_ms += Math.max(0, Math.min(since_ms, every_ms));
      closeLoss(at_ms);
    },
    refused: () => refused,
    availableMs: () => available_ms,
    ratio(at_ms: number): number {
      const elapsed_ms = at_ms - started_ms;
      return elapsed_ms <= 0 ? 1 : Math.min(1, available_ms / elapsed_ms);
    },
  };
}

/** All values, by metric. */
function createValues() {
  const values = new Map<MetricName, number[]>();
  return {
    /** Replaces the values of `before`, if any. */
    add(metrics: Metrics, before: Metrics | null): void {
      for (const name of metricNames) {
        const value = metrics[name];
        if (value === null) continue;
        const own = values.get(name) ?? [];
        if (before !== null && before[name] !== null) own.pop();
        own.push(value);
        values.set(name, own);
      }
    },
    series: (): SeriesByName =>
      Object.fromEntries(
        [...values].map(([name, own]) => [name, summarise(own, metricOf(name).side)] as const),
      ),
  };
}

/** Tracks since when each metric has been critical. */
function createCriticalTracker(sustain_ms: number) {
  const criticalSince = new Map<MetricName, number>();
  let failedBy: MetricName | null = null;
  return {
    update(at_ms: number, metrics: Metrics, limits: Limits): void {
      for (const name of metricNames) {
        if (!isBeyond(name, metrics[name], limits[name]?.critical ?? null)) {
          criticalSince.delete(name);
          continue;
        }
        const since = criticalSince.get(name) ?? at_ms;
        criticalSince.set(name, since);
        if (at_ms - since >= sustain_ms) failedBy ??= name;
      }
    },
    clear: () => criticalSince.clear(),
    critical: (at_ms: number) =>
      [...criticalSince]
        .map(([name, since]) => ({name, critical_ms: at_ms - since}))
        .sort((a, b) => b.critical_ms - a.critical_ms),
    failure: () => failedBy,
  };
}

type TrackedFinding = {finding: Finding; since_ms: number; longest_ms: number};

/** Tracks how long each finding has lasted. */
function createFindingTracker() {
  const found = new Map<string, TrackedFinding>();
  return {
    update(at_ms: number, findings: readonly Finding[]): void {
      const now = new Map(findings.map(finding => [`${finding.recipe} ${finding.subject}`, finding]));
      for (const [key, each] of found) if (!now.has(key)) each.since_ms = Number.POSITIVE_INFINITY;
      for (const [key, finding] of now) {
        const known = found.get(key) ?? {since_ms: at_ms, longest_ms: 0};
        const since_ms = Math.min(known.since_ms, at_ms);
        found.set(key, {
          finding,
          since_ms,
          longest_ms: Math.max(known.longest_ms, at_ms - since_ms),
        });
      }
    },
    lastingAtLeast: (least_ms: number): Finding[] =>
      [...found.values()].filter(({longest_ms}) => longest_ms >= least_ms).map(({finding}) => finding),
  };
}

type SeriesByName = Partial<Record<MetricName, Series>>;

/** The metrics of the whole watch: 95th percentiles. */
function overallOf(
  series: SeriesByName,
  measuredOverall: Pick<Metrics, 'refused_connections_per_minute' | 'availability_ratio'>,
): Metrics {
  const p95 = Object.fromEntries(metricNames.map(name => [name, series[name]?.p95 ?? null])) as Metrics;
  return {...p95, average_used_ratio: series.used_ratio?.average ?? null, ...measuredOverall};
}

function criticalPeaks(series: SeriesByName, limits: Limits): MetricName[] {
  return metricNames.filter(
    name =>
      metricOf(name).is_peak_judged &&
      isBeyond(name, series[name]?.peak ?? null, limits[name]?.critical ?? null),
  );
}

/** A limit that was critical for sustain_ms makes the watch critical; a peak alone is a warning. */
function statusOf(
  status: Health['status'],
  failed_early: MetricName | null,
  critical_peaks: readonly MetricName[],
): Health['status'] {
  if (failed_early !== null) return 'critical';
  return (status === 'ok' || status === 'unknown') && critical_peaks.length > 0 ? 'warning' : status;
}

/** Percentile by rank, without interpolation. */
export function summarise(values: readonly number[], side: 'max' | 'min'): Series {
  const bestFirst = [...values].sort((a, b) => (side === 'max' ? a - b : b - a));
  const at = (share: number) => bestFirst[Math.max(0, Math.ceil(share * bestFirst.length) - 1)] ?? 0;
  return {
    average: values.reduce((sum, value) => sum + value, 0) / values.length,
    p95: at(0.95),
    peak: at(1),
  };
}
