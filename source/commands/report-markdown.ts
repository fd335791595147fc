import asciichart from 'asciichart';
import {counted, formatAge, formatCount, formatMs} from '../core/format.ts';
import {redactSecrets} from '../core/redact.ts';
import {sanitise} from '../core/sanitise.ts';
import type {Report} from './report.ts';
import type {Series} from './report-readings.ts';
import {type ReportRollout, type ReportRun, type ReportStep, sqlOf} from './report-runs.ts';

/** A report to be pasted into a post-mortem. Texts of others stand in code, where they can neither link nor mention. */
export function markdownOf(report: Report): string {
  const {target, from_ms, to_ms, series, findings, losses, runs, rollouts, unfinished} = report;
  return [
    `# ${code(target)}, ${timeOf(from_ms)} to ${timeOf(to_ms)} UTC`,
    '',
    summaryOf(report),
    '',
    '## Unfinished',
    '',
    ...(unfinished.length === 0 ? ['Nothing.'] : unfinished.map(text => `- ${code(text)}`)),
    ...(series.length === 0 ? [] : ['', '## Figures', '', ...block(series.map(chartOf).join('\n\n'))]),
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
              `| ${timeOf(first_ms)} | ${isOpen ? 'the end' : timeOf(last_ms)} | ${formatAge(last_ms - first_ms)} | ${severity} | ${cell(recipe)} | ${cell(summary)} |`,
          ),
        ]),
    ...(losses.length === 0
      ? []
      : ['', '## Not seen', '', ...losses.map(({at_ms, message}) => `- ${timeOf(at_ms)}: ${code(message)}`)]),
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

/** A text of others without secrets and control sequences; its lines stay lines. */
export function cleanLines(text: string): string[] {
  return redactSecrets(text)
    .split(/\r\n|\n|\r/)
    .map(sanitise);
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
    `### ${code(`${run.recipe}${run.undoes === undefined ? '' : `, taking back run ${run.undoes}`}`)} at ${timeOf(run.at)}`,
    '',
    `- run ${code(run.run)} by ${code(run.actor)} on ${code(run.target)}, plan ${code(run.plan)}`,
    ...(params.length === 0
      ? []
      : [`- with ${code(params.map(([name, value]) => `${name}=${value}`).join(' '))}`]),
    `- before: ${code(figuresOf(run.before) || 'unknown')}; after: ${code(end === null ? 'unknown' : figuresOf(end.after) || 'unknown')}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${code(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...(undone_by.length === 0 ? [] : [`- taken back by run ${code(undone_by.join(', '))}`]),
    '',
    ...steps.flatMap(stepLines),
  ];
}

function rolloutLines({start, stages, end}: ReportRollout): string[] {
  return [
    `### rollout of ${code(start.name)} at ${timeOf(start.at)}`,
    '',
    `- rollout ${code(start.run)} by ${code(start.actor)} on ${code(start.target)}, plan ${code(start.plan)}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${code(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...stages.map(
      ({at, name, phase, detail}) =>
        `- ${timeOf(at)} ${code(name)}: ${phase}${detail === null ? '' : `: ${code(detail)}`}`,
    ),
    '',
  ];
}

function stepLines(step: ReportStep): string[] {
  const {apply, undo, note} = sqlOf(step.intent);
  const measures = step.outcome?.measures ?? [];
  return [
    `**${step.intent.step + 1}.** ${code(step.intent.content.title)} at ${timeOf(step.intent.at)}: ${code(outcomeOf(step))}`,
    '',
    ...block(apply, 'sql'),
    ...measures.map(
      ({name, before, after}) =>
        `- ${code(name)}: ${code(before ?? 'unknown')} before, ${code(after ?? 'unknown')} after`,
    ),
    ...(undo === null ? [] : ['', 'Undo:', '', ...block(undo, 'sql')]),
    ...(note === null ? [] : ['', note.startsWith('undone') ? code(note) : note]),
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

/** Inline code with more backticks around it than are in it. */
function code(text: string): string {
  const clean = cleanLines(text).join(' ').trim() || '-';
  const fence = '`'.repeat(longestRun(clean) + 1);
  return fence.length === 1 ? `\`${clean}\`` : `${fence} ${clean} ${fence}`;
}

/** The same in a table, where a bar ends a cell even in code. */
function cell(text: string): string {
  return code(text).replaceAll('|', '\\|');
}

function block(text: string, language = 'text'): string[] {
  const lines = cleanLines(text);
  const fence = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1));
  return [`${fence}${language}`, ...lines, fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({length}) => length));
}
