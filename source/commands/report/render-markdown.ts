import {rolloutLines, runLines} from '../../cli/journal.ts';
import {loadDimensions, loadSourceText} from '../../core/activity/load-over.ts';
import type {LoadSummary} from '../../core/activity/load-summary.ts';
import {loadText} from '../../core/activity/statement-window.ts';
import {type Clock, utcClock} from '../../core/text/clock.ts';
import {counted, formatAge, formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import {codeBlock, inlineCode, tableCode} from '../../core/text/markdown.ts';
import {foldHolders, type LockHolder} from './lock-holders.ts';
import {markdownCharts} from './markdown-charts.ts';
import type {Gap, Report} from './report.ts';
import type {ReportStatements} from './report-statements.ts';
import type {VerdictSpan} from './server-verdicts.ts';

/** A report for a post-mortem. Texts from the server are code spans, so they cannot become links or mentions. */
export function markdownOf(report: Report, clock: Clock): string {
  const {target, from_ms, to_ms, series, statements, holders, findings, changed, gaps, unfinished} = report;
  const {runs, rollouts, load} = report;
  return [
    `# ${inlineCode(target)}, ${utcClock(from_ms)} to ${utcClock(to_ms)}`,
    '',
    summaryOf(report),
    '',
    '## Unfinished',
    '',
    ...(unfinished.length === 0 ? ['Nothing.'] : unfinished.map(text => `- ${inlineCode(text)}`)),
    ...section('Figures', series.length > 0, () => codeBlock(markdownCharts(report, clock).join('\n'))),
    '',
    '## Findings',
    '',
    ...(findings.length === 0
      ? [report.snapshot_count === 0 ? 'No recording.' : 'Nothing.']
      : table(
          ['from', 'to', 'for', 'severity', 'recipe', 'finding'],
          findings.map(({first_ms, last_ms, severity, recipe, summary, isOpen}) => [
            ...[clock(first_ms), isOpen ? 'end' : clock(last_ms), formatAge(last_ms - first_ms), severity],
            ...[tableCode(recipe), tableCode(summary)],
          ]),
        )),
    ...section('Server', report.verdicts.length > 0, () =>
      table(verdictTitles, verdictRows(report.verdicts, clock, tableCode)),
    ),
    ...section('Load', load !== null && load.classes.length > 0, () => [
      loadSentence(load),
      '',
      ...table(loadTitles, loadRows(load, tableCode)),
    ]),
    ...section('Lock holders', holders.length > 0, () => [
      ...table(holderTitles, holderRows(holders, clock, tableCode)),
    ]),
    ...section('Statements', statements !== null, () => statementsOf(statements, clock)),
    ...section('What changed', changed.length > 0, () =>
      changed.map(({at, what}) => `- ${clock(at)}: ${inlineCode(what)}`),
    ),
    ...section('Not observed', gaps.length > 0, () =>
      gaps.map(gap => `- ${gapTimes(gap, clock)}: ${inlineCode(gap.reason)}`),
    ),
    '',
    '## Changes',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(each => runLines(each, clock)),
    ...rollouts.flatMap(each => rolloutLines(each, clock)),
  ].join('\n');
}

function section(title: string, isShown: boolean, lines: () => string[]): string[] {
  return isShown ? ['', `## ${title}`, '', ...lines()] : [];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map(row)];
}

function statementsOf(statements: ReportStatements | null, clock: Clock): string[] {
  if (statements === null || statements.rows.length === 0) return ['No statement was executed.'];
  return [
    statementsWindow(statements, clock),
    '',
    ...table(
      statementTitles,
      statements.rows.map(row => statementCells(row, tableCode)),
    ),
  ];
}

type Quote = (text: string) => string;

/** The time that the figures are over. */
export function statementsWindow({from_ms, to_ms, reset_at}: ReportStatements, clock: Clock): string {
  const reset =
    reset_at === null ? '' : `; earlier ones are unknown, statistics were reset at ${clock(reset_at)}`;
  return `${clock(from_ms)} to ${clock(to_ms)}, ${formatAge(to_ms - from_ms)}${reset}.`;
}

export const statementTitles = [
  'share of time',
  'execution time',
  'calls',
  'mean',
  'calls/s',
  'role',
  'statement',
];

/** `quote`: for texts of the server. */
export function statementCells(row: ReportStatements['rows'][number], quote: Quote): string[] {
  const {figures, statement} = row;
  const {exec_ms = null, calls = null, mean_exec_time_ms = null, calls_per_second = null} = figures ?? {};
  return [
    ...[loadText(row), formatMs(exec_ms), formatCount(calls), formatMs(mean_exec_time_ms)],
    ...[formatCount(calls_per_second), quote(statement.usename ?? statement.userid)],
    quote(statement.query ?? `(${statement.queryid})`),
  ];
}

export const verdictTitles = ['from', 'to', 'for', 'verdict', 'topic', 'what'];

/** `quote`: for texts of the server. */
export function verdictRows(verdicts: readonly VerdictSpan[], clock: Clock, quote: Quote): string[][] {
  return verdicts.map(({first_ms, last_ms, lasted_ms, isOpen, verdict, topic, text}) => [
    ...[clock(first_ms), isOpen ? 'end' : clock(last_ms), formatAge(lasted_ms), verdict, topic],
    quote(text),
  ]);
}

/** `3.4 busy sessions on average of 600 samples: Lock 2.1 (62%), CPU 1.3 (38%); the server has 8 cores. Source: …` */
export function loadSentence(load: LoadSummary | null): string {
  if (load === null) return '';
  const {average_active_sessions: busy, readings, classes, cores, hidden_sessions: hidden} = load;
  const parts = classes.map(each => `${each.class} ${busyOf(each)} (${formatRatio(each.share, 0)})`);
  const ofCores = cores === null ? '' : `; the server has ${counted(cores, 'core')}`;
  const unseen = hidden === 0 ? '' : `; ${hidden.toFixed(1)} sessions whose state is hidden are not counted`;
  return `${busy.toFixed(1)} busy sessions on average of ${counted(readings, 'snapshot')}: ${parts.join(', ')}${ofCores}${unseen}. Source: ${loadSourceText({...load, from_ms: Date.parse(load.from), to_ms: Date.parse(load.to)})}.`;
}

function busyOf({average_active_sessions: busy}: {average_active_sessions: number}): string {
  return busy.toFixed(busy < 10 ? 2 : 1);
}

export const loadTitles = ['by', 'busy', 'share', 'value', 'classes'];

/** The top of each dimension that has a value. `quote`: for texts of the server. */
export function loadRows(load: LoadSummary | null, quote: Quote): string[][] {
  return loadDimensions.flatMap(dimension =>
    (load?.top[dimension] ?? [])
      .filter(({value}) => value !== null)
      .slice(0, mostOfDimension)
      .map((each, index) => [
        ...[index === 0 ? dimension : '', busyOf(each), formatRatio(each.share, 0)],
        ...[quote(each.value ?? ''), each.classes.map(of => `${of.class} ${busyOf(of)}`).join(', ')],
      ]),
  );
}

/** All of them are in `--json`. */
const mostOfDimension = 3;

/** Of the rows of holders; each session is in `--json`. */
const mostHolders = 12;

export const holderTitles = [
  ...['from', 'to', 'waiting for it, at most', 'longest wait', 'session', 'state'],
  ...['transaction, at most', 'locked', 'statement'],
];

/** `quote`: for texts of the server. */
export function holderRows(holders: readonly LockHolder[], clock: Clock, quote: Quote): string[][] {
  return foldHolders(holders)
    .slice(0, mostHolders)
    .map(({holder, sessions}) => {
      const {pid, application_name, usename, first_ms, last_ms, waiting, objects, state, query} = holder;
      const name = usename === null ? application_name : `${application_name}/${usename}`;
      const who = sessions > 1 ? `${sessions} sessions of ${name}` : pid === 0 ? name : `${pid} ${name}`;
      return [
        ...[clock(first_ms), clock(last_ms), counted(waiting, 'session'), ageText(holder.longest_wait_ms)],
        ...[quote(who), state ?? '?', ageText(holder.xact_age_ms)],
        ...[quote(objects.join(', ') || '?'), quote(query ?? '?')],
      ];
    });
}

/** `450ms`, `12s`. */
function ageText(ms: number | null): string {
  return ms !== null && ms < 1000 ? formatMs(ms) : formatAge(ms);
}

/** `14:03:20Z to 14:04:02Z, 42s`. */
export function gapTimes({from_ms, to_ms, isOpen}: Gap, clock: Clock): string {
  return `${clock(from_ms)} to ${isOpen ? 'the end' : clock(to_ms)}, ${formatAge(to_ms - from_ms)}`;
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
