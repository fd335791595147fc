import {type ApplicationHealth, compared} from '../../core/health/applications.ts';
import type {Comparison} from '../../core/health/baseline.ts';
import type {CheckedLimit, Health, Limit} from '../../core/health/health.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {formatMs, formatRatio} from '../../core/text/format.ts';
import type {Severity} from '../../model/recipe.ts';

/** The result of a check, for every output format. */
export type HealthReport = {
  health: Health | WatchedHealth;
  target: string;
  /** The statement with the longest mean execution time. */
  slowest: {queryid: string; query: string | null} | null;
  /** Every recipe that was evaluated. */
  recipes: readonly {id: string; title: string}[];
  comparison: Comparison | null;
  applications: readonly ApplicationHealth[];
};

/** Why a check is not ok, the critical ones first. */
export type Reason = {
  level: Severity;
  text: string;
  kind: 'limit' | 'finding' | 'watch' | 'baseline' | 'application';
};

/** Everything that makes a check a warning or critical, for every output that has no room for the whole report. */
export function reasonsOf({health, comparison, applications}: HealthReport): Reason[] {
  const watch = 'watch' in health ? health.watch : null;
  const failed = watch?.failed_early ?? null;
  const reasons: Reason[] = [
    ...(failed === null
      ? []
      : [
          {
            level: 'critical' as const,
            kind: 'watch' as const,
            text: `${metricOf(failed).title} stayed critical`,
          },
        ]),
    ...metricNames.flatMap((name): Reason[] => {
      const {level, ...limit} = health.thresholds[name];
      if (level !== 'warning' && level !== 'critical') return [];
      const value = formatMetric(name, health.metrics[name]);
      const text = `${metricOf(name).title} ${value} (${limitText(name, {level, ...limit})})`;
      return [{level, kind: 'limit', text}];
    }),
    ...health.findings.map(
      ({severity, summary}): Reason => ({level: severity, kind: 'finding', text: summary}),
    ),
    ...(watch?.critical_peaks ?? []).flatMap((name): Reason[] => {
      if (health.thresholds[name].is_crossed) return [];
      const peak = formatMetric(name, watch?.series[name]?.peak ?? null);
      return [{level: 'warning', kind: 'watch', text: `${metricOf(name).title} was ${peak} at its worst`}];
    }),
    ...(comparison === null ? [] : worseLines(comparison)).map(
      (text): Reason => ({level: 'warning', kind: 'baseline', text}),
    ),
    ...applications.flatMap(applicationReasons),
  ];
  return reasons.sort((a, b) => Number(b.level === 'critical') - Number(a.level === 'critical'));
}

/** What crosses a limit of an application, or is worse than the other one's. */
export function applicationReasons({figures, against, limits, worse}: ApplicationHealth): Reason[] {
  return [
    ...limits.flatMap(({name, value, level, limit}): Reason[] => {
      if (level !== 'warning' && level !== 'critical') return [];
      const text = `${figures.name}: ${metricOf(name).title} ${formatMetric(name, value)} (${atMost(name, limit)})`;
      return [{level, kind: 'application', text}];
    }),
    ...worse.map(({figure, value, against: other}): Reason => {
      const {title, kind} = compared[figure];
      const text = `${figures.name}: ${title} ${formats[kind](value)}, ${against?.name} ${formats[kind](other)}`;
      return {level: 'warning', kind: 'application', text};
    }),
  ];
}

/** Why the result is unknown: what is hidden, and the remedy. */
export function unknownReason({health, applications}: HealthReport): string | null {
  if (health.status !== 'unknown') return null;
  const hidden = health.unavailable.find(({section}) => section === 'backends');
  if (hidden !== undefined) return `${hidden.reason}. ${hidden.remedy}`;
  return applications.find(({level}) => level === 'unknown')?.left_out[0] ?? 'sessions are hidden';
}

export const formats = {
  ratio: (ratio: number) => formatRatio(ratio, 2).replace(/\.?0+%$/, '%'),
  duration: (ms: number) => formatMs(ms).replace(/\.0+(?=[a-z])/, ''),
  count: (count: number) => (Number.isInteger(count) ? String(count) : count.toFixed(1)),
};

/** A metric's value in its unit: `95%`, `10s`, `3`. */
export function formatMetric(name: MetricName, value: number | null): string {
  return value === null ? 'unknown' : formats[metricOf(name).kind](value);
}

/** `500ms`, `10s`, `2h00m`. */
export const formatDuration = formats.duration;

/** `at most 80%`, or `at most 80%, 90% critical`. */
export function limitText(name: MetricName, {warning, critical, judged_by}: CheckedLimit): string {
  if (judged_by === 'findings') return 'no limit';
  return atMost(name, {warning, critical});
}

/** `at most 80%, 90% critical`. */
export function atMost(name: MetricName, {warning, critical}: Limit): string {
  const word = metricOf(name).side === 'max' ? 'at most' : 'at least';
  const limits = [warning, critical].flatMap(limit => (limit === null ? [] : [formatMetric(name, limit)]));
  return `${word} ${limits.join(', ')}${limits.length > 1 ? ' critical' : ''}`;
}

export function rollbackLine({errors}: Comparison): string {
  const percent = (ratio: number | null) => formatRatio(ratio, 2);
  return `rolled back: ${percent(errors.rollback_ratio_before)} before, ${percent(errors.rollback_ratio_after)} now`;
}

/** What is worse than the baseline. */
export function worseLines(comparison: Comparison): string[] {
  return [
    ...(comparison.errors.is_worse ? [`WORSE  ${rollbackLine(comparison)}`] : []),
    ...comparison.slower.map(
      each =>
        `SLOWER ${each.ratio.toFixed(1)} times: ${formatMs(each.mean_before_ms)} (${each.calls_before} calls) before, ${formatMs(each.mean_after_ms)} (${each.calls_after}) now, queryid ${each.queryid}: ${shortened(each.query)}`,
    ),
  ];
}

export function shortened(query: string | null): string {
  const text = (query ?? 'text unknown').replace(/\s+/g, ' ');
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
