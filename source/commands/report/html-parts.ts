import type {Clock} from '../../core/text/clock.ts';
import {formatCount} from '../../core/text/format.ts';
import {cleanLines} from '../../core/text/markdown.ts';
import type {FindingSpan, Gap, Series} from './report.ts';

/** The data of the charts, which share one time axis. */
export type Charted = {
  from_ms: number;
  to_ms: number;
  series: readonly Series[];
  findings: readonly FindingSpan[];
  gaps: readonly Gap[];
  /** Numbered as in the text. */
  changes: readonly {number: number; at_ms: number}[];
  clockOf: Clock;
};

/** Figures, findings and changes below each other on one time axis. */
export function chartsOf(charted: Charted): string {
  const {findings, clockOf, from_ms, to_ms} = charted;
  const times = [from_ms, (from_ms + to_ms) / 2, to_ms].map(at_ms => `<span>${clockOf(at_ms)}</span>`);
  const left = findings.length - maxLanes;
  return [
    ...charted.series.map(each => chartRow(each, charted)),
    ...findings.slice(0, maxLanes).map(each => laneRow(each, charted)),
    ...(left > 0 ? [row('', '', `<div><small>and ${left} more, below</small></div>`)] : []),
    ...(charted.changes.length === 0 ? [] : [marksRow(charted)]),
    row('', '', `<div class="plot axis">${times.join('')}</div>`),
    ...legendOf(charted),
  ].join('\n');
}

function legendOf(charted: Charted): string[] {
  const texts = [
    ...(charted.gaps.length === 0 ? [] : ['hatched: not observed']),
    ...(charted.changes.length === 0 ? [] : ['vertical dashes: changes']),
    ...(charted.series.some(({most}) => most !== null) ? ['horizontal dashes: maximum'] : []),
  ];
  return texts.length === 0 ? [] : [row('', '', `<div><small>${texts.join('; ')}</small></div>`)];
}

const maxLanes = 15;
/** Size of the SVG's view box, which also limits the points of a chart. The SVG is stretched to the available width. */
const [width, height] = [720, 64];

/** A line with its area and limit. The line has a gap while the server was not observed. */
function chartRow({title, points, most}: Series, charted: Charted): string {
  if (points.length === 0) return row(title, 'unknown in every snapshot', '<div></div>');
  const top = Math.max(1, most ?? 0, ...points.map(({value}) => value));
  const peak = Math.max(...points.map(({value}) => value));
  const y = (value: number) => fixed(2 + (height - 2) * (1 - value / top));
  const x = (at_ms: number) => fixed(shareOf(at_ms, charted) * width);
  const runs = observedRuns(points, charted).map(run => peaks(run, x));
  const lines = runs.map(run => {
    const line = run.map(({at, value}) => `${at},${y(value)}`).join(' ');
    const [first, last] = [run[0]?.at ?? 0, run.at(-1)?.at ?? 0];
    return `<polygon class="area" points="${first},${height} ${line} ${last},${height}"/><polyline class="line" points="${line}"/>`;
  });
  const limit =
    most === null ? '' : `<line class="limit" x1="0" x2="${width}" y1="${y(most)}" y2="${y(most)}"/>`;
  const note = `at most ${formatCount(peak)}${most === null ? '' : ` of ${most}`}`;
  return row(
    title,
    note,
    `<div class="plot"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${escaped(`${title}, ${note}`)}">${lines.join('')}${limit}</svg>${gaps(charted)}${marks(charted)}</div>`,
  );
}

function laneRow(
  {recipe, severity, summary, first_ms, last_ms, isOpen}: FindingSpan,
  charted: Charted,
): string {
  const [from, to] = [shareOf(first_ms, charted), isOpen ? 1 : shareOf(last_ms, charted)];
  const bar = `<div class="bar ${severity}" style="left:${percent(from)};width:${percent(to - from)}" title="${escaped(summary)}"></div>`;
  return row(recipe, '', `<div class="plot lane">${bar}${gaps(charted)}${marks(charted)}</div>`);
}

function marksRow(charted: Charted): string {
  const numbers = charted.changes.map(
    ({number, at_ms}) =>
      `<span class="mark" style="left:${percent(shareOf(at_ms, charted))}">${number}</span>`,
  );
  return row('changes', 'numbered as below', `<div class="plot marks">${numbers.join('')}</div>`);
}

function row(title: string, note: string, plot: string): string {
  const small = note === '' ? '' : `<small>${escaped(note)}</small>`;
  return `<div class="row"><div class="label">${escaped(title)}${small}</div>${plot}</div>`;
}

function marks(charted: Charted): string {
  return charted.changes
    .map(({at_ms}) => `<div class="act" style="left:${percent(shareOf(at_ms, charted))}"></div>`)
    .join('');
}

function gaps(charted: Charted): string {
  return charted.gaps
    .map(({from_ms, to_ms}) => {
      const [from, to] = [shareOf(from_ms, charted), shareOf(to_ms, charted)];
      return `<div class="gap" style="left:${percent(from)};width:${percent(to - from)}"></div>`;
    })
    .join('');
}

type Point = Series['points'][number];

/** The points between two gaps. */
function observedRuns(points: readonly Point[], charted: Charted): Point[][] {
  const ends = charted.gaps.map(({to_ms}) => to_ms);
  const runs: Point[][] = [[]];
  for (const [index, point] of points.entries()) {
    const last_ms = points[index - 1]?.at_ms ?? point.at_ms;
    if (ends.some(end => end > last_ms && end <= point.at_ms)) runs.push([]);
    runs.at(-1)?.push(point);
  }
  return runs.filter(run => run.length > 0);
}

/** The maximum at each position, so that no peak is lost. */
function peaks(points: readonly Point[], x: (at_ms: number) => number): {at: number; value: number}[] {
  const places = new Map<number, {at: number; value: number}>();
  for (const {at_ms, value} of points) {
    const at = x(at_ms);
    const known = places.get(Math.round(at));
    if (known === undefined) places.set(Math.round(at), {at, value});
    else known.value = Math.max(known.value, value);
  }
  return [...places.values()];
}

function shareOf(at_ms: number, {from_ms, to_ms}: Pick<Charted, 'from_ms' | 'to_ms'>): number {
  return Math.min(1, Math.max(0, (at_ms - from_ms) / Math.max(1, to_ms - from_ms)));
}

function percent(share: number): string {
  return `${fixed(share * 100)}%`;
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Escapes a text and joins its lines with spaces. */
export function escaped(text: string): string {
  return escapeMarkup(cleanLines(text).join(' '));
}

/** Escapes a text and keeps its lines. */
export function escapedLines(text: string): string {
  return cleanLines(text).map(escapeMarkup).join('\n');
}

export function list(items: readonly string[]): string {
  return `<ul>${items.map(item => `<li>${escaped(item)}</li>`).join('')}</ul>`;
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

/** The style sheet of a report: light and dark, for desktop, phone and print. */
export const reportStyle = `
:root{color-scheme:light dark;--ink:#1b1f24;--muted:#59636e;--rule:#d5dae1;--back:#fff;--box:#f4f6f8;--line:#1f6feb;--warning:#9a6700;--critical:#cf222e;--good:#1a7f37;--label:11rem}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9aa4ae;--rule:#333b44;--back:#0d1117;--box:#161b22;--line:#58a6ff;--warning:#d29922;--critical:#ff7b72;--good:#3fb950}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.25;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .75rem;padding-bottom:.2rem;border-bottom:1px solid var(--rule)}h3{font-size:1rem;margin:1.75rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.4rem 0}ul{margin:.4rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}.when,.note,.outcome,small{color:var(--muted)}.when{margin:.2rem 0 1rem}
.row{display:grid;grid-template-columns:var(--label) 1fr;gap:0 .75rem;margin-bottom:.6rem}.label{font-size:.85rem;line-height:1.3;overflow-wrap:anywhere}.label small{display:block;font-size:.78rem}
.plot{position:relative;border-bottom:1px solid var(--rule);min-width:0}svg{display:block;width:100%;height:64px}
.line{fill:none;stroke:var(--line);stroke-width:1.5;vector-effect:non-scaling-stroke;stroke-linejoin:round}.area{fill:var(--line);opacity:.13}.limit{stroke:var(--critical);stroke-width:1;stroke-dasharray:4 3;vector-effect:non-scaling-stroke}
.act,.gap{position:absolute;top:0;bottom:0}.act{border-left:1.5px dashed var(--warning)}.gap{background:repeating-linear-gradient(45deg,var(--rule) 0 2px,transparent 2px 6px)}
.lane{border-bottom:0;min-height:1.1rem;background:linear-gradient(var(--rule),var(--rule)) 0 50%/100% 1px no-repeat}.bar{z-index:1;position:absolute;top:.2rem;height:.7rem;min-width:3px;border-radius:2px;background:var(--warning)}.bar.critical{background:var(--critical)}
.marks{height:1.2rem;border:0}.mark{position:absolute;transform:translateX(-50%);font-size:.72rem;line-height:1.1rem;min-width:1.1rem;text-align:center;border-radius:.55rem;background:var(--warning);color:var(--back)}
.axis{display:flex;justify-content:space-between;border:0;font-size:.78rem;color:var(--muted);font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:.87rem}th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}th{color:var(--muted);font-weight:500}td{overflow-wrap:anywhere}td:nth-child(-n+5){white-space:nowrap;font-variant-numeric:tabular-nums}
.critical .severity,.failed,.unknown{color:var(--critical)}.warning .severity,.skipped{color:var(--warning)}.severity{font-weight:600}.verified,.applied{color:var(--good)}
pre{background:var(--box);border:1px solid var(--rule);border-radius:4px;margin:.4rem 0;padding:.5rem .7rem;white-space:pre-wrap;overflow-wrap:anywhere;font:12.5px/1.45 ui-monospace,monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.87rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
ol{padding-left:1.6rem}ol>li{margin-bottom:.7rem}ol>li>p{margin:0}.outcome{font-size:.87rem}.stages{list-style:none;padding:0;font-size:.87rem}.stages time,.measures{font-variant-numeric:tabular-nums}.stages time{color:var(--muted);margin-right:.75rem}
@media (max-width:42rem){body{margin-top:1rem}.row{grid-template-columns:1fr}.label small{display:inline;margin-left:.5rem}thead{display:none}tr{display:flex;flex-wrap:wrap;gap:0 .75rem;padding:.45rem 0;border-bottom:1px solid var(--rule)}td{border:0;padding:0}td:last-child{flex-basis:100%}}
@media print{body{max-width:none;margin:0}pre,li,.row{break-inside:avoid}}
`;
