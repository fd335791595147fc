import {formatAge, formatCount} from '../core/format.ts';
import type {Report} from './report.ts';
import {bucketed, cleanLines, figuresOf, outcomeOf, summaryOf, timeOf} from './report-markdown.ts';
import type {Series} from './report-readings.ts';
import {type ReportRun, type ReportStep, sqlOf} from './report-runs.ts';

/** One file that asks for nothing else: no script, no font, no address; a policy in it says so to the browser too. */
export function htmlOf(report: Report): string {
  const {target, from_ms, to_ms, series, findings, losses, runs, unfinished} = report;
  const acts = runs.map(({run}) => Date.parse(run.at));
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`${target}, ${timeOf(from_ms)} UTC`)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(target)}</h1>
<p class="when">${timeOf(from_ms)} to ${timeOf(to_ms)} UTC</p>
<p>${escaped(summaryOf(report))}</p>
<h2>Unfinished</h2>
${unfinished.length === 0 ? '<p>Nothing.</p>' : list(unfinished)}
${series.length === 0 ? '' : `<h2>Figures</h2>\n<div class="charts">${series.map(each => chartOf(each, acts)).join('\n')}</div>`}
<h2>Found</h2>
${findings.length === 0 ? `<p>${report.readings === 0 ? 'No recording was given.' : 'Nothing.'}</p>` : findingsTable(report)}
${losses.length === 0 ? '' : `<h2>Not seen</h2>\n${list(losses.map(({at_ms, message}) => `${timeOf(at_ms)}: ${message}`))}`}
<h2>Done</h2>
${runs.length === 0 ? '<p>Nothing.</p>' : runs.map(runSection).join('\n')}
</body>
</html>
`;
}

function findingsTable({findings}: Report): string {
  const rows = findings.map(
    ({first_ms, last_ms, severity, recipe, summary, isOpen}) =>
      `<tr class="${severity}"><td>${timeOf(first_ms)}</td><td>${isOpen ? 'the end' : timeOf(last_ms)}</td>` +
      `<td>${formatAge(last_ms - first_ms)}</td><td class="severity">${severity}</td>` +
      `<td>${escaped(recipe)}</td><td>${escaped(summary)}</td></tr>`,
  );
  const titles = ['from', 'to', 'for', 'severity', 'recipe', 'what'];
  return `<table><thead><tr>${titles.map(title => `<th>${title}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function runSection({run, steps, end, undone_by}: ReportRun): string {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  const facts: [string, string][] = [
    ['run', run.run],
    ['by', run.actor],
    ['on', run.target],
    ['at', timeOf(run.at)],
    ...(run.undoes === undefined ? [] : ([['takes back', run.undoes]] as [string, string][])),
    ...(params.length === 0
      ? []
      : ([['with', params.map(([name, value]) => `${name}=${value}`).join(' ')]] as [string, string][])),
    ['plan', run.plan],
    ['before', figuresOf(run.before) || 'unknown'],
    ['after', end === null ? 'unknown' : figuresOf(end.after) || 'unknown'],
    [
      'ended',
      end === null
        ? 'unknown'
        : `${end.status}${end.reason === null ? '' : `: ${end.reason}`}, ${timeOf(end.at)}`,
    ],
    ...(undone_by.length === 0 ? [] : ([['taken back by', undone_by.join(', ')]] as [string, string][])),
  ];
  return `<section><h3>${escaped(run.recipe)}</h3>
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>
<ol>${steps.map(stepItem).join('\n')}</ol></section>`;
}

function stepItem(step: ReportStep): string {
  const {apply, undo, note} = sqlOf(step.intent);
  const measures = (step.outcome?.measures ?? []).map(
    ({name, before, after}) => `${name}: ${before ?? 'unknown'} before, ${after ?? 'unknown'} after`,
  );
  return `<li value="${step.intent.step + 1}"><p>${escaped(step.intent.content.title)}</p>
<p class="outcome ${step.outcome?.outcome ?? 'unknown'}">${timeOf(step.intent.at)}: ${escaped(outcomeOf(step))}</p>
<pre>${lines(apply)}</pre>
${measures.length === 0 ? '' : list(measures)}
${undo === null ? '' : `<p>Undo:</p><pre>${lines(undo)}</pre>`}${note === null ? '' : `<p>${escaped(note)}</p>`}</li>`;
}

const [width, height, left, bottom, top] = [720, 150, 48, 20, 8];

/** A line with its area, the limit it should stay below, and a mark for each act. */
function chartOf({title, points, most}: Series, acts: readonly number[]): string {
  const [from_ms, to_ms] = [points[0]?.at_ms ?? 0, points.at(-1)?.at_ms ?? 1];
  const values = bucketed(
    points.map(({value}) => value),
    width - left,
  );
  const greatest = Math.max(1, most ?? 0, ...values);
  const y = (value: number) => fixed(top + (height - top - bottom) * (1 - value / greatest));
  const x = (ratio: number) => fixed(left + (width - left - 4) * ratio);
  const line = values.map((value, index) => `${x(index / Math.max(1, values.length - 1))},${y(value)}`);
  const marks = acts
    .filter(at_ms => at_ms >= from_ms && at_ms <= to_ms)
    .map(at_ms => x((at_ms - from_ms) / Math.max(1, to_ms - from_ms)))
    .map(at => `<line class="act" x1="${at}" x2="${at}" y1="${top}" y2="${height - bottom}"/>`);
  const limit =
    most === null
      ? ''
      : `<line class="limit" x1="${left}" x2="${width - 4}" y1="${y(most)}" y2="${y(most)}"/>`;
  return `<figure><figcaption>${escaped(title)}${most === null ? '' : ` of ${most}`}, at most ${formatCount(Math.max(...values))}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<polygon class="area" points="${x(0)},${y(0)} ${line.join(' ')} ${x(1)},${y(0)}"/>
<polyline class="line" points="${line.join(' ')}"/>${limit}${marks.join('')}
<line class="axis" x1="${left}" x2="${width - 4}" y1="${y(0)}" y2="${y(0)}"/>
<text x="${left - 6}" y="${y(greatest) + 8}" text-anchor="end">${formatCount(greatest)}</text>
<text x="${left - 6}" y="${y(0)}" text-anchor="end">0</text>
<text x="${left}" y="${height - 4}">${timeOf(from_ms).slice(11)}</text>
<text x="${width - 4}" y="${height - 4}" text-anchor="end">${timeOf(to_ms).slice(11)}</text>
</svg></figure>`;
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10;
}

function list(items: readonly string[]): string {
  return `<ul>${items.map(item => `<li>${escaped(item)}</li>`).join('')}</ul>`;
}

function lines(text: string): string {
  return cleanLines(text).map(escapeMarkup).join('\n');
}

/** A text of others, on one line. */
function escaped(text: string): string {
  return escapeMarkup(cleanLines(text).join(' '));
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? '');
}

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--muted:#667;--rule:#d5dae1;--back:#fff;--box:#f4f6f8;--line:#1f6feb;--warning:#9a6700;--critical:#cf222e;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9aa4ae;--rule:#333b44;--back:#0d1117;--box:#161b22;--line:#58a6ff;--warning:#d29922;--critical:#ff7b72;--good:#3fb950}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--rule)}h3{font-size:1rem;margin:1.5rem 0 .5rem}
.when{color:var(--muted);margin:0 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.87rem}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}td:nth-child(-n+3){white-space:nowrap;font-variant-numeric:tabular-nums}td{overflow-wrap:anywhere}td.severity{overflow-wrap:normal}
tr.critical .severity,.outcome.failed,.outcome.unknown{color:var(--critical)}tr.warning .severity,.outcome.skipped{color:var(--warning)}.outcome.verified,.outcome.applied{color:var(--good)}
pre{background:var(--box);padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.9rem}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0 0 1rem}figcaption{font-size:.87rem;color:var(--muted)}svg{width:100%;height:auto;font:11px system-ui,sans-serif;fill:var(--muted)}
.line{fill:none;stroke:var(--line);stroke-width:1.5}.area{fill:var(--line);opacity:.12}.axis{stroke:var(--rule)}.limit{stroke:var(--critical);stroke-dasharray:4 3}.act{stroke:var(--warning);stroke-width:1.5}
@media print{body{max-width:none;margin:0}}
`;
