import type {Finding} from '../../model/recipe.ts';
import type {Limits} from './health.ts';
import {assessHealth, type Health, isBeyond} from './health.ts';
import {type MetricName, type Metrics, metricNames, metricOf} from './metrics.ts';

export type WatchOptions = {
  for_ms: number;
  every_ms: number;
  /** The watch ends as soon as a limit has been critical for this long. */
  sustain_ms: number;
};

/** Of one metric over all snapshots; `p95` counts from the good side, `peak` is the worst value. */
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
  addSample(at_ms: number, reading: {metrics: Metrics; limits: Limits; findings: readonly Finding[]}): void;
  addLoss(at_ms: number, loss: {reason: string; is_refused: boolean}): void;
  /** Metrics that are critical now and for how long, longest first. */
  criticalMetrics(at_ms: number): {name: MetricName; held_ms: number}[];
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
  const sight = createAvailability(started_ms, every_ms);
  const values = createValues();
  const thresholds = createThresholds(sustain_ms);
  const found = createFindings();
  let last: {metrics: Metrics; limits: Limits} | null = null;
  let readings = 0;

  return {
    addSample(at_ms, {metrics, limits, findings}) {
      const {isAgain, wasLost} = sight.see(at_ms);
      // What was critical before a loss may not have been during it.
      if (wasLost) thresholds.clear();
      values.keep(metrics, isAgain ? (last?.metrics ?? null) : null);
      thresholds.hold(at_ms, metrics, limits);
      found.hold(at_ms, findings);
      if (!isAgain) readings++;
      last = {metrics, limits};
    },
    addLoss: sight.lose,
    criticalMetrics: thresholds.holding,
    failure: thresholds.failure,
    availability: sight.ratio,
    availableMs: sight.seenMs,
    result(at_ms) {
      if (last === null) return null;
      sight.end(at_ms);
      const {limits} = last;
      const elapsed_ms = at_ms - started_ms;
      const series = values.series();
      const overall = overallOf(series, {
        refused_connections_per_minute: sight.refused() / Math.max(1, elapsed_ms / 60_000),
        availability_ratio: sight.ratio(at_ms),
      });
      // A shorter watch could not see a finding for sustain_ms.
      const health = assessHealth(overall, limits, found.lasting(Math.min(sustain_ms, elapsed_ms / 2)));
      const failed_early = thresholds.failure();
      const critical_peaks = criticalPeaks(series, limits);
      return {
        ...health,
        status: statusOf(health.status, failed_early, critical_peaks),
        watch: {
          for_ms,
          elapsed_ms,
          available_ms: sight.seenMs(),
          availability_ratio: sight.ratio(at_ms),
          readings,
          failed_early,
          critical_peaks,
          losses: sight.losses,
          series,
        },
      };
    },
  };
}

/** Tracks when the server could be read. */
function createAvailability(started_ms: number, every_ms: number) {
  const losses: Loss[] = [];
  let lastSeen_ms: number | null = null;
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
    /** `isAgain`: a snapshot that directly follows another one completes it. */
    see(at_ms: number): {isAgain: boolean; wasLost: boolean} {
      const gap_ms = at_ms - (lastSeen_ms ?? started_ms);
      const wasLost = lostSince_ms !== null;
      const isAgain = lastSeen_ms !== null && !wasLost && gap_ms < every_ms / 4;
      if (!wasLost) available_ms += gap_ms;
      closeLoss(at_ms);
      lastSeen_ms = at_ms;
      return {isAgain, wasLost};
    },
    lose(at_ms: number, {reason, is_refused}: {reason: string; is_refused: boolean}): void {
      if (is_refused) refused++;
      if (lostSince_ms !== null) return;
      lostSince_ms = at_ms;
      losses.push({at_ms: at_ms - started_ms, lasted_ms: 0, reason});
    },
    /** Counts the time since the last snapshot. */
    end(at_ms: number): void {
      const since_ms = at_ms - (lastSeen_ms ?? at_ms);
      if (lostSince_ms === null) available_ms += Math.max(0, Math.min(since_ms, every_ms));
      closeLoss(at_ms);
    },
    refused: () => refused,
    seenMs: () => available_ms,
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
    keep(metrics: Metrics, before: Metrics | null): void {
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
function createThresholds(sustain_ms: number) {
  const criticalSince = new Map<MetricName, number>();
  let failedBy: MetricName | null = null;
  return {
    hold(at_ms: number, metrics: Metrics, limits: Limits): void {
      for (const name of metricNames) {
        if (!isBeyond(name, metrics[name], limits[name].critical)) {
          criticalSince.delete(name);
          continue;
        }
        const since = criticalSince.get(name) ?? at_ms;
        criticalSince.set(name, since);
        if (at_ms - since >= sustain_ms) failedBy ??= name;
      }
    },
    clear: () => criticalSince.clear(),
    holding: (at_ms: number) =>
      [...criticalSince]
        .map(([name, since]) => ({name, held_ms: at_ms - since}))
        .sort((a, b) => b.held_ms - a.held_ms),
    failure: () => failedBy,
  };
}

type Held = {finding: Finding; since_ms: number; longest_ms: number};

/** Tracks how long each finding has lasted. */
function createFindings() {
  const found = new Map<string, Held>();
  return {
    hold(at_ms: number, findings: readonly Finding[]): void {
      const now = new Map(findings.map(finding => [`${finding.recipe} ${finding.subject}`, finding]));
      for (const [key, held] of found) if (!now.has(key)) held.since_ms = Number.POSITIVE_INFINITY;
      for (const [key, finding] of now) {
        const held = found.get(key) ?? {since_ms: at_ms, longest_ms: 0};
        const since_ms = Math.min(held.since_ms, at_ms);
        found.set(key, {finding, since_ms, longest_ms: Math.max(held.longest_ms, at_ms - since_ms)});
      }
    },
    lasting: (least_ms: number): Finding[] =>
      [...found.values()].filter(({longest_ms}) => longest_ms >= least_ms).map(({finding}) => finding),
  };
}

type SeriesByName = Partial<Record<MetricName, Series>>;

/** The metrics of the whole watch: 95th percentiles. */
function overallOf(
  series: SeriesByName,
  ofTheWatch: Pick<Metrics, 'refused_connections_per_minute' | 'availability_ratio'>,
): Metrics {
  const p95 = Object.fromEntries(metricNames.map(name => [name, series[name]?.p95 ?? null])) as Metrics;
  return {...p95, average_used_ratio: series.used_ratio?.average ?? null, ...ofTheWatch};
}

function criticalPeaks(series: SeriesByName, limits: Limits): MetricName[] {
  return metricNames.filter(
    name =>
      metricOf(name).is_peak_judged && isBeyond(name, series[name]?.peak ?? null, limits[name].critical),
  );
}

/** A limit that was critical for sustain_ms makes the watch critical; a peak alone is a warning. */
function statusOf(
  status: Health['status'],
  failed_early: MetricName | null,
  critical_peaks: readonly MetricName[],
): Health['status'] {
  if (failed_early !== null) return 'critical';
  return status === 'ok' && critical_peaks.length > 0 ? 'warning' : status;
}

/** Percentile by rank, without interpolation. */
function summarise(values: readonly number[], side: 'max' | 'min'): Series {
  const fromGood = [...values].sort((a, b) => (side === 'max' ? a - b : b - a));
  const at = (share: number) => fromGood[Math.max(0, Math.ceil(share * fromGood.length) - 1)] ?? 0;
  return {
    average: values.reduce((sum, value) => sum + value, 0) / values.length,
    p95: at(0.95),
    peak: at(1),
  };
}
