import type {Finding} from '../recipe.ts';
import {assessHealth, type Health, isBeyond} from './health.ts';
import type {Limits} from './limits.ts';
import {type MetricName, type Metrics, metricNames, metricOf} from './metrics.ts';

export type WatchOptions = {
  for_ms: number;
  every_ms: number;
  /** So long a critical threshold has to hold to end the watch at once. */
  sustain_ms: number;
};

/** Over the readings; the 95th percentile counted from the good side, the peak the worst one. */
type Series = {average: number; p95: number; peak: number};

/** A time the server could not be read. */
type Loss = {at_ms: number; lasted_ms: number; reason: string};

/** The answer of `poolctl check --for`: metrics are the 95th percentiles. */
export type WatchedHealth = Health & {
  watch: {
    for_ms: number;
    elapsed_ms: number;
    seen_ms: number;
    seen_ratio: number;
    readings: number;
    /** Why it did not go on to its end. */
    failed_early: MetricName | null;
    /** Metrics whose worst reading was critical, though not for long. */
    critical_peaks: MetricName[];
    losses: Loss[];
    series: Partial<Record<MetricName, Series>>;
  };
};

/** Readings as they come, on a clock that only goes forward. */
export type Watch = {
  see(at_ms: number, reading: {metrics: Metrics; limits: Limits; findings: readonly Finding[]}): void;
  lose(at_ms: number, loss: {reason: string; is_refused: boolean}): void;
  /** What is critical now and for how long, longest first. */
  holding(at_ms: number): {name: MetricName; held_ms: number}[];
  /** The critical threshold that has held for `sustain_ms`. */
  failure(): MetricName | null;
  seenRatio(at_ms: number): number;
  seenMs(): number;
  /** null until there is a reading. */
  result(at_ms: number): WatchedHealth | null;
};

type Held = {finding: Finding; since_ms: number; longest_ms: number};

/** A watch that begins at `started_ms`. */
export function createWatch({for_ms, every_ms, sustain_ms}: WatchOptions, started_ms: number): Watch {
  const values = new Map<MetricName, number[]>();
  const criticalSince = new Map<MetricName, number>();
  const found = new Map<string, Held>();
  const losses: Loss[] = [];
  let last: {at_ms: number; metrics: Metrics; limits: Limits} | null = null;
  let lostSince: number | null = null;
  let failedBy: MetricName | null = null;
  let seen_ms = 0;
  let readings = 0;
  let refused = 0;

  /** Two readings that follow each other at once (what the first left out) are one. */
  function keep(metrics: Metrics, isAgain: boolean): void {
    for (const name of metricNames) {
      const value = metrics[name];
      if (value === null) continue;
      const own = values.get(name) ?? [];
      if (isAgain && last?.metrics[name] !== null) own.pop();
      own.push(value);
      values.set(name, own);
    }
  }

  function holdThresholds(at_ms: number, metrics: Metrics, limits: Limits): void {
    for (const name of metricNames) {
      if (!isBeyond(name, metrics[name], limits[name].critical)) {
        criticalSince.delete(name);
        continue;
      }
      const since = criticalSince.get(name) ?? at_ms;
      criticalSince.set(name, since);
      if (at_ms - since >= sustain_ms) failedBy ??= name;
    }
  }

  function holdFindings(at_ms: number, findings: readonly Finding[]): void {
    const now = new Map(findings.map(finding => [`${finding.recipe} ${finding.subject}`, finding]));
    for (const [key, held] of found) if (!now.has(key)) held.since_ms = Number.POSITIVE_INFINITY;
    for (const [key, finding] of now) {
      const held = found.get(key) ?? {since_ms: at_ms, longest_ms: 0};
      const since_ms = Math.min(held.since_ms, at_ms);
      found.set(key, {finding, since_ms, longest_ms: Math.max(held.longest_ms, at_ms - since_ms)});
    }
  }

  function closeLoss(at_ms: number): void {
    const loss = losses.at(-1);
    if (lostSince === null || loss === undefined) return;
    loss.lasted_ms = at_ms - lostSince;
    lostSince = null;
  }

  const seenRatio = (at_ms: number) => {
    const elapsed_ms = at_ms - started_ms;
    return elapsed_ms <= 0 ? 1 : Math.min(1, seen_ms / elapsed_ms);
  };

  function seriesOf(): Partial<Record<MetricName, Series>> {
    return Object.fromEntries(
      [...values].map(([name, own]) => [name, summarise(own, metricOf(name).side)] as const),
    );
  }

  function overall(at_ms: number, series: Partial<Record<MetricName, Series>>): Metrics {
    const p95 = Object.fromEntries(metricNames.map(name => [name, series[name]?.p95 ?? null])) as Metrics;
    const minutes = Math.max(1, (at_ms - started_ms) / 60_000);
    return {
      ...p95,
      average_used_ratio: series.used_ratio?.average ?? null,
      refused_connections_per_minute: refused / minutes,
      seen_ratio: seenRatio(at_ms),
    };
  }

  return {
    see(at_ms, {metrics, limits, findings}) {
      const gap_ms = last === null ? at_ms - started_ms : at_ms - last.at_ms;
      const isAgain = last !== null && lostSince === null && gap_ms < every_ms / 4;
      if (lostSince === null) seen_ms += gap_ms;
      else criticalSince.clear();
      closeLoss(at_ms);
      keep(metrics, isAgain);
      holdThresholds(at_ms, metrics, limits);
      holdFindings(at_ms, findings);
      if (!isAgain) readings++;
      last = {at_ms, metrics, limits};
    },
    lose(at_ms, {reason, is_refused}) {
      if (is_refused) refused++;
      if (lostSince !== null) return;
      lostSince = at_ms;
      losses.push({at_ms: at_ms - started_ms, lasted_ms: 0, reason});
    },
    holding: at_ms =>
      [...criticalSince]
        .map(([name, since]) => ({name, held_ms: at_ms - since}))
        .sort((a, b) => b.held_ms - a.held_ms),
    failure: () => failedBy,
    seenRatio,
    seenMs: () => seen_ms,
    result(at_ms) {
      if (last === null) return null;
      // What the end cuts off was seen, too.
      if (lostSince === null) seen_ms += Math.max(0, Math.min(at_ms - last.at_ms, every_ms));
      closeLoss(at_ms);
      const series = seriesOf();
      const {limits} = last;
      // A watch shorter than that sees nothing for as long.
      const telling_ms = Math.min(sustain_ms, (at_ms - started_ms) / 2);
      const lasting = [...found.values()].filter(({longest_ms}) => longest_ms >= telling_ms);
      const health = assessHealth(
        overall(at_ms, series),
        limits,
        lasting.map(({finding}) => finding),
      );
      const critical_peaks = metricNames.filter(
        name =>
          metricOf(name).is_peak_judged && isBeyond(name, series[name]?.peak ?? null, limits[name].critical),
      );
      const {status} = health;
      return {
        ...health,
        status:
          failedBy !== null ? 'critical' : status === 'ok' && critical_peaks.length > 0 ? 'warning' : status,
        watch: {
          for_ms,
          elapsed_ms: at_ms - started_ms,
          seen_ms,
          seen_ratio: seenRatio(at_ms),
          readings,
          failed_early: failedBy,
          critical_peaks,
          losses,
          series,
        },
      };
    },
  };
}

/** By rank, without interpolation: a value that was read. */
function summarise(values: readonly number[], side: 'max' | 'min'): Series {
  const fromGood = [...values].sort((a, b) => (side === 'max' ? a - b : b - a));
  const at = (share: number) => fromGood[Math.max(0, Math.ceil(share * fromGood.length) - 1)] ?? 0;
  return {
    average: values.reduce((sum, value) => sum + value, 0) / values.length,
    p95: at(0.95),
    peak: at(1),
  };
}
