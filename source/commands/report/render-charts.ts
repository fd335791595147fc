import {formatCount} from '../../core/text/format.ts';
import {escaped} from './markup.ts';
import type {FindingSpan, Series} from './report.ts';

/** The data of the charts, which share one time axis. */
export type Charted = {
  from_ms: number;
  to_ms: number;
  series: readonly Series[];
  findings: readonly FindingSpan[];
  losses: readonly {at_ms: number}[];
  /** Numbered as in the text. */
  changes: readonly {number: number; at_ms: number}[];
  clockOf(at_ms: number): string;
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
    ...(findGaps(charted).length === 0 ? [] : ['hatched: not observed']),
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
  return findGaps(charted)
    .map(({from_ms, to_ms}) => {
      const [from, to] = [shareOf(from_ms, charted), shareOf(to_ms, charted)];
      return `<div class="gap" style="left:${percent(from)};width:${percent(to - from)}"></div>`;
    })
    .join('');
}

/** A gap is longer than this and than three times the usual interval. */
const minGapMs = 65_000;

/** From the loss of the server, or the end of recording, to the next snapshot. */
function findGaps({series, losses, to_ms}: Charted): {from_ms: number; to_ms: number}[] {
  const times = series[0]?.points.map(({at_ms}) => at_ms) ?? [];
  const steps = times.slice(1).map((at_ms, index) => at_ms - (times[index] ?? 0));
  const usual_ms = steps.toSorted((a, b) => a - b)[steps.length >> 1] ?? 0;
  const ended = steps.flatMap((step, index) =>
    step > Math.max(minGapMs, 3 * usual_ms) ? [times[index] ?? 0] : [],
  );
  return [...losses.map(({at_ms}) => at_ms), ...ended].map(from_ms => ({
    from_ms,
    to_ms: times.find(each => each > from_ms) ?? to_ms,
  }));
}

type Point = Series['points'][number];

/** The points between two gaps. */
function observedRuns(points: readonly Point[], charted: Charted): Point[][] {
  const ends = findGaps(charted).map(({to_ms}) => to_ms);
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
