import {
  type ApplicationFigures,
  type ApplicationHealth,
  applicationLimits,
  compared,
  worseMeans,
} from '../../core/health/applications.ts';
import type {Comparison} from '../../core/health/baseline.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {utcClock} from '../../core/text/clock.ts';
import {formatAge, formatMs, formatRatio, formatSpan} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {
  atMost,
  formatMetric,
  formats,
  type HealthReport,
  limitText,
  reasonsOf,
  rollbackLine,
  shortened,
  unknownReason,
  worseLines,
} from './reasons.ts';
import {toLimitFlag} from './require-limits.ts';

/** The report as text: status, findings, every limit, and the course of a watch. */
export function healthText(report: HealthReport): string {
  const {health, target, comparison, applications} = report;
  const findings = health.findings.map(({severity, recipe, summary}) => [severity, recipe, summary]);
  const also = health.also.map(({summary}) => `also      ${summary}`);
  const watch = 'watch' in health ? health : null;
  return [
    `${health.status}: ${target}`,
    ...otherReasons(report),
    ...(watch === null ? [] : watchLines(watch)),
    ...(findings.length > 0 ? ['', ...aligned(findings)] : ['', noFinding(health)]),
    ...also,
    '',
    ...aligned([
      ...(watch === null ? [] : [watchHead]),
      ...shownMetrics(report).map(name => metricRow(name, report)),
    ]),
    ...(comparison === null ? [] : ['', ...comparisonLines(comparison)]),
    ...applications.flatMap(each => ['', ...applicationLines(each)]),
  ]
    .map(sanitise)
    .join('\n');
}

/** The reasons of the verdict that neither the findings nor the limits above show. */
function otherReasons(report: HealthReport): string[] {
  const unknown = unknownReason(report);
  const others = reasonsOf(report).filter(({kind}) => ['watch', 'baseline', 'application'].includes(kind));
  return [...(unknown === null ? [] : [unknown]), ...others.map(({level, text}) => `${level}: ${text}`)];
}

/** What was looked at, over how long, and what cannot be seen: no finding is no proof that all is well. */
function noFinding({assessed}: HealthReport['health']): string {
  const {readings, window_ms, looked_at, cannot_see} = assessed;
  const over = readings > 1 ? `${readings} snapshots over ${formatSpan(window_ms)}` : 'one snapshot';
  return `no finding in ${over}: ${looked_at.join(', ')}; not visible from here: ${cannot_see.join(', ')}`;
}

/** The metrics to list: those that need time, two snapshots, a pooler or a report only if they were measured. */
export function shownMetrics({health}: HealthReport): MetricName[] {
  return metricNames.filter(name => {
    const {needs_time, needs_rates, is_reported, section} = metricOf(name);
    const isOptional = needs_time || needs_rates || is_reported || section === 'pooler admin';
    return !isOptional || health.metrics[name] !== null;
  });
}

const watchHead = ['', '', 'average', '95%', 'worst', 'limit', 'flag'];

/** `critical  slots used  95%  at most 80%, 90% critical  --max-used`, and the queryid of a mean. */
function metricRow(name: MetricName, {health, slowest}: HealthReport): string[] {
  const threshold = health.thresholds[name];
  const {title} = metricOf(name);
  const series = 'watch' in health ? health.watch.series[name] : undefined;
  const values =
    'watch' in health
      ? [series?.average, series?.p95 ?? health.metrics[name], series?.peak].map(value =>
          value === undefined ? '' : formatMetric(name, value),
        )
      : [formatMetric(name, health.metrics[name])];
  const isPeak = 'watch' in health && health.watch.critical_peaks.includes(name);
  const verdict = threshold.level === 'ok' && isPeak ? 'warning' : threshold.level;
  const isSlow = name === 'slowest_mean_exec_time_ms' && threshold.is_crossed && slowest !== null;
  return [
    verdict === 'unknown' || threshold.judged_by === 'findings' ? '-' : verdict,
    title,
    ...values,
    limitText(name, threshold),
    toLimitFlag(name),
    ...(isSlow ? [`queryid ${slowest.queryid}: ${shortened(slowest.query)}`] : []),
  ];
}

function watchLines({watch}: WatchedHealth): string[] {
  const {elapsed_ms, for_ms, readings, availability_ratio, failed_early, losses} = watch;
  const failed =
    failed_early === null ? [] : [`stopped early: ${metricOf(failed_early).title} stayed critical`];
  return [
    `watched ${formatAge(elapsed_ms)} of ${formatAge(for_ms)}, ${readings} snapshots, server readable ${formatRatio(availability_ratio)} of the time`,
    ...failed,
    ...losses.map(
      ({at_ms, lasted_ms, reason}) =>
        `not readable after ${formatAge(at_ms)}, for ${formatMs(lasted_ms)}: ${reason}`,
    ),
  ];
}

export function comparisonLines(comparison: Comparison): string[] {
  const {at, since, slots, errors, new_statements, left_out} = comparison;
  return [
    `compared with ${since === null ? '' : `${utcClock(since)} to `}${utcClock(at)}`,
    `slots used: ${formats.count(slots.used_before)} before, ${formats.count(slots.used_after)} now`,
    ...(errors.is_worse ? [] : [rollbackLine(comparison)]),
    ...worseLines(comparison),
    ...comparison.more_calls.map(
      ({times, calls_per_second_before: before, calls_per_second_after: after, queryid, query}) =>
        `MORE CALLS: grew ${times.toFixed(1)} times as much as the median statement${before === null || after === null ? '' : `: ${before.toFixed(1)}/s before, ${after.toFixed(1)}/s now`}, queryid ${queryid}: ${shortened(query)}`,
    ),
    ...new_statements
      .slice(0, maxNew)
      .map(
        each =>
          `new: ${formatMs(each.mean_exec_time_ms)} on average, ${each.calls} calls, queryid ${each.queryid}: ${shortened(each.query)}`,
      ),
    ...(new_statements.length > maxNew ? [`and ${new_statements.length - maxNew} more new statements`] : []),
    `slower means: ${comparison.test}`,
    ...left_out,
  ];
}

/** The figures of an application, beside those of the other one, and its limits. */
export function applicationLines({figures, against, limits, left_out}: ApplicationHealth): string[] {
  const row = (title: string, text: (of: ApplicationFigures) => string, limit = ''): string[] => [
    title,
    text(figures),
    ...(against === null ? [] : [text(against)]),
    limit,
  ];
  const limitOf = (name: MetricName) => {
    const own = limits.find(each => each.name === name);
    return own === undefined ? '' : `${own.level}: ${atMost(name, own.limit)}`;
  };
  const metric = (name: (typeof applicationLimits)[number]) =>
    row(metricOf(name).title, of => formatMetric(name, of[name]), limitOf(name));
  const share = (name: 'waiting_ratio' | 'idle_in_transaction_ratio' | 'aborted_ratio') =>
    row(compared[name].title, of => (of[name] === null ? 'unknown' : formats.ratio(of[name])));
  const count = (value: number | null) => (value === null ? 'unknown' : formats.count(value));
  return [
    ...aligned([
      row(`in ${figures.readings} snapshots`, of => of.name),
      row('sessions, on average', of => count(of.average_sessions)),
      row('busy sessions, on average', of => count(of.average_busy_sessions)),
      ...(figures.connects_per_minute === null
        ? []
        : [row('connects per minute', of => count(of.connects_per_minute))]),
      ...applicationLimits.map(metric),
      ...(['waiting_ratio', 'idle_in_transaction_ratio', 'aborted_ratio'] as const).map(share),
    ]),
    ...(against === null ? [] : [`worse means: ${worseMeans}`]),
    ...left_out,
  ];
}

const maxNew = 10;

/** Pads the columns of a table. The last cell of a row does not widen its column. */
export function aligned(rows: readonly string[][]): string[] {
  const columns = Math.max(0, ...rows.map(row => row.length));
  const widths = Array.from({length: columns}, (_, column) =>
    Math.max(...rows.map(row => (column < row.length - 1 ? (row[column]?.length ?? 0) : 0))),
  );
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
