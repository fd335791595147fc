import {
  figuresOf,
  foldedText,
  foldSteps,
  outcomeOf,
  type ReportRollout,
  type ReportRun,
  type ReportStep,
  sqlOf,
  statementOf,
} from '../../cli/journal.ts';
import {harmLines} from '../../core/assessment/recovery.ts';
import {valueLines} from '../../core/engine/step-preview.ts';
import {type Clock, utcClock} from '../../core/text/clock.ts';
import {formatAge} from '../../core/text/format.ts';
import {chartsOf, escaped, escapedLines, list, reportStyle} from './html-parts.ts';
import {
  gapTimes,
  holderRows,
  holderTitles,
  loadRows,
  loadSentence,
  loadTitles,
  statementCells,
  statementsWindow,
  statementTitles,
  summaryOf,
  verdictRows,
  verdictTitles,
} from './render-markdown.ts';
import type {Report} from './report.ts';

/** Renders a self-contained file without scripts, fonts or URLs; its content security policy forbids them. */
export function htmlOf(report: Report, clock: Clock): string {
  const {target, from_ms, to_ms, series, findings, changed, gaps, unfinished} = report;
  const changes = changesOf(report, clock);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`${target}, ${utcClock(from_ms)}`)}</title>
<style>${reportStyle}</style>
</head>
<body>
<h1>${escaped(target)}</h1>
<p class="when">${utcClock(from_ms)} to ${utcClock(to_ms)}, ${formatAge(to_ms - from_ms)}</p>
<p>${escaped(summaryOf(report))}</p>
<h2>Unfinished</h2>
${unfinished.length === 0 ? '<p>Nothing.</p>' : list(unfinished)}
${series.length === 0 ? '' : `<h2>Figures</h2>\n${chartsOf({...report, changes, clockOf: clock})}`}
<h2>Findings</h2>
${findings.length === 0 ? `<p>${report.snapshot_count === 0 ? 'No recording.' : 'Nothing.'}</p>` : findingsTable(report, clock)}
${serverSection(report, clock)}
${loadSection(report)}
${holdersSection(report, clock)}
${statementsSection(report, clock)}
${changed.length === 0 ? '' : `<h2>What changed</h2>\n${list(changed.map(({at, what}) => `${clock(at)}: ${what}`))}`}
${gaps.length === 0 ? '' : `<h2>Not observed</h2>\n${list(gaps.map(gap => `${gapTimes(gap, clock)}: ${gap.reason}`))}`}
<h2>Changes</h2>
${changes.length === 0 ? '<p>Nothing.</p>' : changes.map(({number, section}) => section(number)).join('\n')}
</body>
</html>
`;
}

type Change = {number: number; at_ms: number; section(number: number): string};

/** Runs and rollouts by their start. */
function changesOf(report: Report, clock: Clock): Change[] {
  return [
    ...report.runs.map(each => ({
      at_ms: Date.parse(each.run.at),
      section: (number: number) => runSection(each, number, clock),
    })),
    ...report.rollouts.map(each => ({
      at_ms: Date.parse(each.start.at),
      section: (number: number) => rolloutSection(each, number, clock),
    })),
  ]
    .sort((a, b) => a.at_ms - b.at_ms)
    .map((each, index) => ({...each, number: index + 1}));
}

function findingsTable(report: Report, clock: Clock): string {
  const rows = report.findings.map(
    ({first_ms, last_ms, severity, recipe, summary, isOpen}) =>
      `<tr class="${severity}"><td>${clock(first_ms)}</td><td>${isOpen ? 'end' : clock(last_ms)}</td>` +
      `<td>${formatAge(last_ms - first_ms)}</td><td class="severity">${severity}</td>` +
      `<td>${escaped(recipe)}</td><td>${escaped(summary)}</td></tr>`,
  );
  return table(['from', 'to', 'for', 'severity', 'recipe', 'finding'], rows);
}

function table(titles: readonly string[], rows: readonly string[]): string {
  return `<table><thead><tr>${titles.map(title => `<th>${title}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function tableRow(cells: readonly string[]): string {
  return `<tr>${cells.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
}

function serverSection({verdicts}: Report, clock: Clock): string {
  if (verdicts.length === 0) return '';
  const rows = verdictRows(verdicts, clock, text => text).map(tableRow);
  return `<h2>Server</h2>\n${table(verdictTitles, rows)}`;
}

function loadSection({load}: Report): string {
  if (load === null || load.classes.length === 0) return '';
  const rows = loadRows(load, text => text).map(tableRow);
  return `<h2>Load</h2>\n<p>${escaped(loadSentence(load))}</p>\n${table(loadTitles, rows)}`;
}

function holdersSection({holders}: Report, clock: Clock): string {
  if (holders.length === 0) return '';
  return `<h2>Lock holders</h2>\n${table(holderTitles, holderRows(holders, clock, text => text).map(tableRow))}`;
}

function statementsSection({statements}: Report, clock: Clock): string {
  if (statements === null) return '';
  const rows = statements.rows.map(row => tableRow(statementCells(row, text => text)));
  const figures = rows.length === 0 ? '<p>No statement was executed.</p>' : table(statementTitles, rows);
  return `<h2>Statements</h2>\n<p>${escaped(statementsWindow(statements, clock))}</p>\n${figures}`;
}

function runSection({run, steps, end, undone_by}: ReportRun, number: number, clock: Clock): string {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  const facts: [string, string][] = [
    ['run', run.run],
    ['by', run.actor],
    ['on', run.target],
    ['at', clock(run.at)],
    ...(run.undoes === undefined ? [] : ([['undoes', run.undoes]] as [string, string][])),
    ...(params.length === 0
      ? []
      : ([['with', params.map(([name, value]) => `${name}=${value}`).join(' ')]] as [string, string][])),
    ['plan', run.plan],
    ['before', figuresOf(run.before) || 'unknown'],
    ['after', end === null ? 'unknown' : figuresOf(end.after) || 'unknown'],
    ...harmLines(end?.harm ?? []).map((text): [string, string] => {
      const [name = '', ...rest] = text.split(': ');
      return [name, rest.join(': ')];
    }),
    ['ended', endOf(end, clock)],
    ...(undone_by.length === 0 ? [] : ([['undone by', undone_by.join(', ')]] as [string, string][])),
  ];
  const items = foldSteps(steps).map(group => stepItem(group, clock));
  return `<section><h3>${number}. ${escaped(run.recipe)}</h3>
${definitions(facts)}
<ol>${items.join('\n')}</ol></section>`;
}

function rolloutSection({start, stages, end}: ReportRollout, number: number, clock: Clock): string {
  const facts: [string, string][] = [
    ['rollout', start.run],
    ['by', start.actor],
    ['on', start.target],
    ['at', clock(start.at)],
    ['plan', start.plan],
    ['ended', endOf(end, clock)],
  ];
  const items = stages.map(
    ({at, name, phase, detail}) =>
      `<li><time>${clock(at)}</time><span class="${phase === 'failed' || phase === 'not rolled back' ? 'failed' : ''}">${escaped(`${name}: ${phase}${detail === null ? '' : `: ${detail}`}`)}</span></li>`,
  );
  return `<section><h3>${number}. rollout of ${escaped(start.name)}</h3>
${definitions(facts)}
<ul class="stages">${items.join('\n')}</ul></section>`;
}

function endOf(end: ReportRun['end'], clock: Clock): string {
  if (end === null) return 'unknown';
  return `${end.status}${end.reason === null ? '' : `: ${end.reason}`}, ${clock(end.at)}`;
}

function definitions(facts: readonly [string, string][]): string {
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`;
}

/** A step, or several with one statement, whose values unfold. */
function stepItem(group: [ReportStep, ...ReportStep[]], clock: Clock): string {
  const [step] = group;
  const {apply, undo, note} = sqlOf(step.intent);
  const {content} = step.intent;
  const noteLine = note === null ? '' : `<p class="note">${escaped(note)}</p>`;
  if (group.length > 1 && content.kind === 'sql') {
    const items = group.map(each => `${stepHead(each, clock)}<p class="note">${escaped(valuesOf(each))}</p>`);
    return `<li value="${step.intent.step + 1}"><p>${escaped(foldedText(group))}</p>
<pre>${escapedLines(statementOf(content.apply))}</pre>
<details><summary>each step with its values</summary>${items.join('\n')}</details>
${noteLine}</li>`;
  }
  const measures = (step.outcome?.measures ?? []).map(
    ({name, before, after}) => `${name}: ${before ?? 'unknown'} before, ${after ?? 'unknown'} after`,
  );
  return `<li value="${step.intent.step + 1}">${stepHead(step, clock)}
<pre>${escapedLines(apply)}</pre>
${measures.length === 0 ? '' : list(measures)}
${undo === null ? '' : `<p class="note">Undo:</p><pre>${escapedLines(undo)}</pre>`}${noteLine}</li>`;
}

function stepHead(step: ReportStep, clock: Clock): string {
  return `<p>${escaped(step.intent.content.title)}</p>
<p class="outcome">${clock(step.intent.at)} <span class="${step.outcome?.outcome ?? 'unknown'}">${escaped(outcomeOf(step))}</span></p>`;
}

function valuesOf({intent: {content}}: ReportStep): string {
  if (content.kind !== 'sql') return '';
  return valueLines('values', content.apply)
    .map(line => line.text)
    .join(', ');
}
