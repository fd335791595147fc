import {
  comparisonLines,
  formatMetric,
  type HealthReport,
  limitText,
  shownMetrics,
} from '../../cli/health/health-text.ts';
import {metricOf} from '../../core/health/metrics.ts';
import {formatAge, formatRatio} from '../../core/text/format.ts';
import {inlineCode, tableCode} from '../../core/text/markdown.ts';

/** Tables for a pull request or an issue. Texts from the server are code spans, so they cannot become links. */
export function healthMarkdown(report: HealthReport): string {
  const {health, target, comparison} = report;
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
