import asciichart from 'asciichart';
import {rolloutLines, runLines, timeOf} from '../../cli/journal.ts';
import {counted, formatAge, formatCount} from '../../core/text/format.ts';
import {codeBlock, inlineCode, tableCode} from '../../core/text/markdown.ts';
import type {Report, Series} from './report.ts';

/** A report for a post-mortem. Texts from the server are code spans, so they cannot become links or mentions. */
export function markdownOf(report: Report): string {
  const {target, from_ms, to_ms, series, findings, changed, losses, runs, rollouts, unfinished} = report;
  return [
    `# ${inlineCode(target)}, ${timeOf(from_ms)} to ${timeOf(to_ms)} UTC`,
    '',
    summaryOf(report),
    '',
    '## Unfinished',
    '',
    ...(unfinished.length === 0 ? ['Nothing.'] : unfinished.map(text => `- ${inlineCode(text)}`)),
    ...(series.length === 0 ? [] : ['', '## Figures', '', ...codeBlock(series.map(chartOf).join('\n\n'))]),
    '',
    '## Findings',
    '',
    ...(findings.length === 0
      ? [report.snapshot_count === 0 ? 'No recording.' : 'Nothing.']
      : [
          '| from | to | for | severity | recipe | finding |',
          '|---|---|---|---|---|---|',
          ...findings.map(
            ({first_ms, last_ms, severity, recipe, summary, isOpen}) =>
              `| ${timeOf(first_ms)} | ${isOpen ? 'end' : timeOf(last_ms)} | ${formatAge(last_ms - first_ms)} | ${severity} | ${tableCode(recipe)} | ${tableCode(summary)} |`,
          ),
        ]),
    ...(changed.length === 0
      ? []
      : ['', '## What changed', '', ...changed.map(({at, what}) => `- ${timeOf(at)}: ${inlineCode(what)}`)]),
    ...(losses.length === 0
      ? []
      : [
          '',
          '## Not observed',
          '',
          ...losses.map(loss => `- ${lossTimes(loss, timeOf)}: ${inlineCode(loss.message)}`),
        ]),
    '',
    '## Changes',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(runLines),
    ...rollouts.flatMap(rolloutLines),
  ].join('\n');
}

/** `14:03:20 to 14:04:02, 42s`. */
export function lossTimes(
  {at_ms, until_ms}: Report['losses'][number],
  clock: (at_ms: number) => string,
): string {
  if (until_ms === null) return `${clock(at_ms)} to the end`;
  return `${clock(at_ms)} to ${clock(until_ms)}, ${formatAge(until_ms - at_ms)}`;
}

/** What the report is based on: snapshots, findings, runs and rollouts. */
export function summaryOf({snapshot_count, stride, findings, runs, rollouts}: Report): string {
  const critical = findings.filter(({severity}) => severity === 'critical').length;
  const observed =
    snapshot_count === 0
      ? 'From the journal only.'
      : `${counted(snapshot_count, 'snapshot')}${stride > 1 ? `, one in ${stride} evaluated` : ''}: ` +
        `${counted(findings.length, 'finding')}, ${critical} critical.`;
  const rolled = rollouts.length === 0 ? '' : ` and ${counted(rollouts.length, 'rollout')}`;
  return `${observed} ${counted(runs.length, 'run')}${rolled} in the journal.`;
}

/** Returns a formatter of times that omits the date if the report covers one day. */
export function clockOf({
  from_ms,
  to_ms,
}: Pick<Report, 'from_ms' | 'to_ms'>): (at: number | string) => string {
  const isOneDay = timeOf(from_ms).slice(0, 10) === timeOf(to_ms).slice(0, 10);
  return at => (isOneDay ? timeOf(at).slice(11) : timeOf(at));
}

const chartColumns = 72;

function chartOf({title, points, most}: Series): string {
  const values = bucketed(
    points.map(({value}) => value),
    chartColumns,
  );
  const top = Math.max(1, ...values);
  const plotted = asciichart.plot(values, {
    height: 6,
    min: 0,
    max: top,
    format: value => formatCount(value).padStart(6),
  });
  return `${title}${most === null ? '' : ` (of ${most})`}\n${plotted}`;
}

/** The maximum of the values of each column, so that no peak is lost. */
function bucketed(values: readonly number[], columns: number): number[] {
  if (values.length <= columns) return [...values];
  return Array.from({length: columns}, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns));
    return Math.max(...values.slice(from, to));
  });
}
