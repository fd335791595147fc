import asciichart from 'asciichart';
import {
  type ReportRollout,
  type ReportRun,
  type ReportStep,
  sqlOf,
} from '../../cli/journal/journaled-runs.ts';
import {counted, formatAge, formatCount, formatMs} from '../../core/text/format.ts';
import {codeBlock, inlineCode, tableCode} from '../../core/text/markdown.ts';
import type {Series} from './readings.ts';
import type {Report} from './report.ts';

/** A report to be pasted into a post-mortem. Texts of others stand in code, where they can neither link nor mention. */
export function markdownOf(report: Report): string {
  const {target, from_ms, to_ms, series, findings, losses, runs, rollouts, unfinished} = report;
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
    '## Found',
    '',
    ...(findings.length === 0
      ? [report.readings === 0 ? 'No recording was given.' : 'Nothing.']
      : [
          '| from | to | for | severity | recipe | what |',
          '|---|---|---|---|---|---|',
          ...findings.map(
            ({first_ms, last_ms, severity, recipe, summary, isOpen}) =>
              `| ${timeOf(first_ms)} | ${isOpen ? 'the end' : timeOf(last_ms)} | ${formatAge(last_ms - first_ms)} | ${severity} | ${tableCode(recipe)} | ${tableCode(summary)} |`,
          ),
        ]),
    ...(losses.length === 0
      ? []
      : [
          '',
          '## Not seen',
          '',
          ...losses.map(({at_ms, message}) => `- ${timeOf(at_ms)}: ${inlineCode(message)}`),
        ]),
    '',
    '## Done',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(runLines),
    ...rollouts.flatMap(rolloutLines),
  ].join('\n');
}

/** What it rests on, in a sentence or two. */
export function summaryOf({readings, stride, findings, runs, rollouts}: Report): string {
  const critical = findings.filter(({severity}) => severity === 'critical').length;
  const seen =
    readings === 0
      ? 'From the journal alone.'
      : `${counted(readings, 'reading')}${stride > 1 ? `, one of ${stride} looked at` : ''}: ` +
        `${counted(findings.length, 'finding')}, ${critical} of them critical.`;
  const rolled = rollouts.length === 0 ? '' : ` and ${counted(rollouts.length, 'rollout')}`;
  return `${seen} ${counted(runs.length, 'run')}${rolled} in the journal.`;
}

/** `2026-11-21 14:03:20`. */
export function timeOf(at: number | string): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** The same without its day where all of a report is of one. */
export function clockOf({
  from_ms,
  to_ms,
}: Pick<Report, 'from_ms' | 'to_ms'>): (at: number | string) => string {
  const isOneDay = timeOf(from_ms).slice(0, 10) === timeOf(to_ms).slice(0, 10);
  return at => (isOneDay ? timeOf(at).slice(11) : timeOf(at));
}

/** `verified after 12ms`. */
export function outcomeOf({outcome}: ReportStep): string {
  if (outcome === null) return 'unknown: no outcome was written, verify';
  const {message, sqlstate, duration_ms, row_count} = outcome;
  const rows = row_count > 0 ? `, ${counted(row_count, 'row')}` : '';
  return `${outcome.outcome}${message === null ? '' : `: ${message}`}${sqlstate === null ? '' : ` (${sqlstate})`} after ${formatMs(duration_ms)}${rows}`;
}

/** Names and numbers, `used 54, headroom 3`. */
export function figuresOf(figures: Record<string, number>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** What was done, run by run. */
export function runsMarkdown(runs: readonly ReportRun[], rollouts: readonly ReportRollout[]): string {
  return [
    '# Journal',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(runLines),
    ...rollouts.flatMap(rolloutLines),
  ].join('\n');
}

function runLines({run, steps, end, undone_by}: ReportRun): string[] {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  return [
    `### ${inlineCode(`${run.recipe}${run.undoes === undefined ? '' : `, taking back run ${run.undoes}`}`)} at ${timeOf(run.at)}`,
    '',
    `- run ${inlineCode(run.run)} by ${inlineCode(run.actor)} on ${inlineCode(run.target)}, plan ${inlineCode(run.plan)}`,
    ...(params.length === 0
      ? []
      : [`- with ${inlineCode(params.map(([name, value]) => `${name}=${value}`).join(' '))}`]),
    `- before: ${inlineCode(figuresOf(run.before) || 'unknown')}; after: ${inlineCode(end === null ? 'unknown' : figuresOf(end.after) || 'unknown')}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${inlineCode(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...(undone_by.length === 0 ? [] : [`- taken back by run ${inlineCode(undone_by.join(', '))}`]),
    '',
    ...steps.flatMap(stepLines),
  ];
}

function rolloutLines({start, stages, end}: ReportRollout): string[] {
  return [
    `### rollout of ${inlineCode(start.name)} at ${timeOf(start.at)}`,
    '',
    `- rollout ${inlineCode(start.run)} by ${inlineCode(start.actor)} on ${inlineCode(start.target)}, plan ${inlineCode(start.plan)}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${inlineCode(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...stages.map(
      ({at, name, phase, detail}) =>
        `- ${timeOf(at)} ${inlineCode(name)}: ${phase}${detail === null ? '' : `: ${inlineCode(detail)}`}`,
    ),
    '',
  ];
}

function stepLines(step: ReportStep): string[] {
  const {apply, undo, note} = sqlOf(step.intent);
  const measures = step.outcome?.measures ?? [];
  return [
    `**${step.intent.step + 1}.** ${inlineCode(step.intent.content.title)} at ${timeOf(step.intent.at)}: ${inlineCode(outcomeOf(step))}`,
    '',
    ...codeBlock(apply, 'sql'),
    ...measures.map(
      ({name, before, after}) =>
        `- ${inlineCode(name)}: ${inlineCode(before ?? 'unknown')} before, ${inlineCode(after ?? 'unknown')} after`,
    ),
    ...(undo === null ? [] : ['', 'Undo:', '', ...codeBlock(undo, 'sql')]),
    ...(note === null ? [] : ['', note.startsWith('undone') ? inlineCode(note) : note]),
    '',
  ];
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

/** The greatest of as many as stand for one column: a peak is never lost. */
function bucketed(values: readonly number[], columns: number): number[] {
  if (values.length <= columns) return [...values];
  return Array.from({length: columns}, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns));
    return Math.max(...values.slice(from, to));
  });
}
