import {
  figuresOf,
  outcomeOf,
  type ReportRollout,
  type ReportRun,
  type ReportStep,
  sqlOf,
  timeOf,
} from '../../cli/journal.ts';
import {valueLines} from '../../core/engine/step-preview.ts';
import {formatAge} from '../../core/text/format.ts';
import {chartsOf, escaped, escapedLines, list, reportStyle} from './html-parts.ts';
import {clockOf, lossTimes, summaryOf} from './render-markdown.ts';
import type {Report} from './report.ts';

/** Renders a self-contained file without scripts, fonts or URLs; its content security policy forbids them. */
export function htmlOf(report: Report): string {
  const {target, from_ms, to_ms, series, findings, changed, losses, unfinished} = report;
  const clock = clockOf(report);
  const changes = changesOf(report);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`${target}, ${timeOf(from_ms)} UTC`)}</title>
<style>${reportStyle}</style>
</head>
<body>
<h1>${escaped(target)}</h1>
<p class="when">${timeOf(from_ms)} to ${clock(to_ms)} UTC, ${formatAge(to_ms - from_ms)}</p>
<p>${escaped(summaryOf(report))}</p>
<h2>Unfinished</h2>
${unfinished.length === 0 ? '<p>Nothing.</p>' : list(unfinished)}
${series.length === 0 ? '' : `<h2>Figures</h2>\n${chartsOf({...report, changes, clockOf: clock})}`}
<h2>Findings</h2>
${findings.length === 0 ? `<p>${report.snapshot_count === 0 ? 'No recording.' : 'Nothing.'}</p>` : findingsTable(report)}
${changed.length === 0 ? '' : `<h2>What changed</h2>\n${list(changed.map(({at, what}) => `${clock(at)}: ${what}`))}`}
${losses.length === 0 ? '' : `<h2>Not observed</h2>\n${list(losses.map(loss => `${lossTimes(loss, clock)}: ${loss.message}`))}`}
<h2>Changes</h2>
${changes.length === 0 ? '<p>Nothing.</p>' : changes.map(({number, section}) => section(number)).join('\n')}
</body>
</html>
`;
}

type Change = {number: number; at_ms: number; section(number: number): string};

/** Runs and rollouts by their start. */
function changesOf(report: Report): Change[] {
  const clock = clockOf(report);
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

type Clock = (at: number | string) => string;

function findingsTable(report: Report): string {
  const clock = clockOf(report);
  const rows = report.findings.map(
    ({first_ms, last_ms, severity, recipe, summary, isOpen}) =>
      `<tr class="${severity}"><td>${clock(first_ms)}</td><td>${isOpen ? 'end' : clock(last_ms)}</td>` +
      `<td>${formatAge(last_ms - first_ms)}</td><td class="severity">${severity}</td>` +
      `<td>${escaped(recipe)}</td><td>${escaped(summary)}</td></tr>`,
  );
  const titles = ['from', 'to', 'for', 'severity', 'recipe', 'finding'];
  return `<table><thead><tr>${titles.map(title => `<th>${title}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function runSection({run, steps, end, undone_by}: ReportRun, number: number, clock: Clock): string {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  const facts: [string, string][] = [
    ['run', run.run],
    ['by', run.actor],
    ['on', run.target],
    ['at', timeOf(run.at)],
    ...(run.undoes === undefined ? [] : ([['undoes', run.undoes]] as [string, string][])),
    ...(params.length === 0
      ? []
      : ([['with', params.map(([name, value]) => `${name}=${value}`).join(' ')]] as [string, string][])),
    ['plan', run.plan],
    ['before', figuresOf(run.before) || 'unknown'],
    ['after', end === null ? 'unknown' : figuresOf(end.after) || 'unknown'],
    ['ended', endOf(end, clock)],
    ...(undone_by.length === 0 ? [] : ([['undone by', undone_by.join(', ')]] as [string, string][])),
  ];
  const items = steps.map((step, index) => stepItem(step, steps[index - 1], clock));
  return `<section><h3>${number}. ${escaped(run.recipe)}</h3>
${definitions(facts)}
<ol>${items.join('\n')}</ol></section>`;
}

function rolloutSection({start, stages, end}: ReportRollout, number: number, clock: Clock): string {
  const facts: [string, string][] = [
    ['rollout', start.run],
    ['by', start.actor],
    ['on', start.target],
    ['at', timeOf(start.at)],
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

/** A step; if the step before has the same statement, only its values. */
function stepItem(step: ReportStep, before: ReportStep | undefined, clock: Clock): string {
  const {apply, undo, note} = sqlOf(step.intent);
  const measures = (step.outcome?.measures ?? []).map(
    ({name, before, after}) => `${name}: ${before ?? 'unknown'} before, ${after ?? 'unknown'} after`,
  );
  const repeated = before === undefined ? null : changedValues(step.intent.content, before.intent.content);
  return `<li value="${step.intent.step + 1}"><p>${escaped(step.intent.content.title)}</p>
<p class="outcome">${clock(step.intent.at)} <span class="${step.outcome?.outcome ?? 'unknown'}">${escaped(outcomeOf(step))}</span></p>
${repeated === null ? `<pre>${escapedLines(apply)}</pre>` : `<p class="note">the same statement, ${escaped(repeated)}</p>`}
${measures.length === 0 ? '' : list(measures)}
${undo === null ? '' : `<p class="note">Undo:</p><pre>${escapedLines(undo)}</pre>`}${note === null || repeated !== null ? '' : `<p class="note">${escaped(note)}</p>`}</li>`;
}

type Content = ReportStep['intent']['content'];

/** `$1 = 4711` if only the values differ from the step before; else null. */
function changedValues(content: Content, before: Content): string | null {
  if (content.kind !== 'sql' || before.kind !== 'sql') return null;
  const {text, values} = content.apply;
  if (text !== before.apply.text || values.length === 0 || typeof content.undo !== 'string') return null;
  return valueLines('values', content.apply)
    .map(line => line.text)
    .join(', ');
}
