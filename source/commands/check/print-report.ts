import type {Output} from '../../cli/context.ts';
import {applicationLines, comparisonLines, healthText, shownMetrics} from '../../cli/health/health-text.ts';
import {
  formatMetric,
  type HealthReport,
  limitText,
  reasonsOf,
  unknownReason,
} from '../../cli/health/reasons.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {isWorse} from '../../core/health/baseline.ts';
import {type Health, worst} from '../../core/health/health.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import {formatAge, formatRatio} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {inlineCode, tableCode} from '../../core/text/markdown.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Severity} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import {junitXml} from './junit.ts';

export type CheckFormat = 'text' | 'json' | 'markdown' | 'nagios';

export type PrintPorts = {output: Output; writeFile(path: string, text: string): Promise<void>};

export type PrintOptions = {
  format: CheckFormat;
  /** Path of the JUnit file; `-` is stdout. */
  junit: string | null;
  /** Exit 1 from this level on; a Nagios plugin has its own codes. */
  fail_on: Severity;
};

/** Prints the report and writes the JUnit file. Exit 0 or 1; with Nagios 0 to 3. */
export async function printHealthReport(
  ports: PrintPorts,
  checked: HealthReport,
  {format, junit, fail_on}: PrintOptions,
): Promise<ExitCode> {
  const report = withComparison(checked);
  if (junit !== null) await writeJunit(ports, junit, junitXml(report));
  if (junit !== '-') ports.output.stdout(renderers[format](report));
  const {status} = report.health;
  if (format === 'nagios') return nagiosCodes[status];
  const isFailed = status === 'critical' || (status === 'warning' && fail_on === 'warning');
  return isFailed ? exitCodes.findings : exitCodes.ok;
}

/** Throws AbortError (exit 7) if the file cannot be written. `-` is stdout. */
export async function writeJunit({output, writeFile}: PrintPorts, path: string, xml: string): Promise<void> {
  if (path === '-') output.stdout(xml);
  else await writeFile(path, `${xml}\n`).catch(throwWriteError(path));
}

/** The exit codes of a Nagios plugin, which differ from poolctl's. */
export const nagiosCodes = {ok: 0, warning: 1, critical: 2, unknown: 3} as const satisfies Record<
  Health['status'],
  ExitCode
>;

const renderers: Record<CheckFormat, (report: HealthReport) => string> = {
  text: healthText,
  markdown: healthMarkdown,
  nagios: nagiosLine,
  json: ({health, comparison, applications}) =>
    jsonText(
      {
        ...health,
        ...(comparison !== null && {baseline: comparison}),
        ...(applications.length > 0 && {applications}),
      },
      2,
    ),
};

/** The status, with what the baseline and the applications add to it. */
function withComparison(report: HealthReport): HealthReport {
  const {comparison, health, applications} = report;
  const levels = applications.map(({level}) => level);
  const baseline = comparison !== null && isWorse(comparison) ? 'warning' : 'ok';
  const known = worst([health.status, baseline, ...levels]);
  const isUnknown = [health.status, ...levels].includes('unknown');
  return {...report, health: {...health, status: known === 'ok' && isUnknown ? 'unknown' : known}};
}

function throwWriteError(path: string) {
  return (error: unknown): never => {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new AbortError(`cannot write ${path}: ${reason}`, {exitCode: exitCodes.actFailed, cause: error});
  };
}

/** `POOLCTL CRITICAL - slots used 95% (at most 80%, 90% critical); ...|used_ratio=95%;80;90;0;100 ...`, and a line for each reason. */
function nagiosLine(report: HealthReport): string {
  const {health, target} = report;
  const reasons = reasonsOf(report);
  const [finding] = reasons.filter(({kind}) => kind === 'finding');
  const first = reasons.filter(each => each.kind !== 'finding' || each === finding).map(({text}) => text);
  const what = first.join('; ') || unknownReason(report) || target;
  const data = metricNames.flatMap(name => perfdata(name, {health}));
  return [
    `POOLCTL ${health.status.toUpperCase()} - ${replaceBars(what)}|${data.join(' ')}`,
    ...reasons.map(({level, text}) => replaceBars(`${level}: ${text}`)),
    ...health.findings.flatMap(({reasons = []}) => reasons.map(each => replaceBars(`  ${each}`))),
  ].join('\n');
}

/** The line for a check that could not be made. */
export function nagiosFailure(status: 'CRITICAL' | 'UNKNOWN', message: string): string {
  return `POOLCTL ${status} - ${replaceBars(message)}`;
}

/** `'label'=value[UOM];warn;crit;min;max`; a range `90:` alerts below 90 (monitoring-plugins' guidelines). */
function perfdata(name: MetricName, {health}: Pick<HealthReport, 'health'>): string[] {
  const value = health.metrics[name];
  if (value === null) return [];
  const {kind, side} = metricOf(name);
  const {warning, critical, judged_by} = health.thresholds[name];
  const scaled = (number: number) =>
    String(
      Number((kind === 'ratio' ? number * 100 : kind === 'duration' ? number / 1000 : number).toFixed(3)),
    );
  const range = (limit: number | null) =>
    limit === null || judged_by === 'findings' ? '' : side === 'max' ? scaled(limit) : `${scaled(limit)}:`;
  const unit = {ratio: '%', duration: 's', count: ''}[kind];
  const label = name.replace(/_ms$/, '');
  return [
    `${label}=${scaled(value)}${unit};${range(warning)};${range(critical)};0${kind === 'ratio' ? ';100' : ''}`,
  ];
}

/** Replaces bars, which would start the performance data. */
function replaceBars(text: string): string {
  return sanitise(text).replaceAll('|', '/');
}

/** Tables for a pull request or an issue. Texts from the server are code spans, so they cannot become links. */
function healthMarkdown(report: HealthReport): string {
  const {health, target, comparison, applications} = report;
  const watch = 'watch' in health ? health.watch : null;
  return [
    `### poolctl check: ${health.status}`,
    '',
    watch === null
      ? inlineCode(target)
      : `${inlineCode(target)}, watched for ${formatAge(watch.elapsed_ms)}, readable ${formatRatio(watch.availability_ratio)} of the time`,
    ...(health.findings.length === 0
      ? []
      : [
          '',
          ...table(
            ['', 'finding', 'recipe'],
            health.findings.map(({severity, summary, recipe}) => [
              severity,
              tableCode(summary),
              tableCode(recipe),
            ]),
          ),
        ]),
    '',
    ...metricsTable(report),
    ...(comparison === null ? [] : ['', ...comparisonLines(comparison).map(line => `- ${inlineCode(line)}`)]),
    ...applications.flatMap(each => ['', ...applicationLines(each).map(line => `- ${inlineCode(line)}`)]),
  ].join('\n');
}

function metricsTable(report: HealthReport): string[] {
  const {health} = report;
  const series = 'watch' in health ? health.watch.series : null;
  const head = series === null ? ['', '', 'value', 'limit'] : ['', '', 'average', '95 %', 'worst', 'limit'];
  const rows = shownMetrics(report).map(name => {
    const own = series?.[name];
    const value = formatMetric(name, health.metrics[name]);
    const values =
      series === null
        ? [value]
        : [own && formatMetric(name, own.average), value, own && formatMetric(name, own.peak)].map(
            each => each ?? '',
          );
    const threshold = health.thresholds[name];
    return [threshold.level, metricOf(name).title, ...values, limitText(name, threshold)].map(escapeBars);
  });
  return table(head, rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}

/** Escapes bars, which would start a new cell. */
function escapeBars(text: string): string {
  return text.replaceAll('|', '\\|');
}
