import type {Clock} from '../../core/text/clock.ts';
import {formatCount} from '../../core/text/format.ts';
import type {Report, Series} from './report.ts';

type Charted = Pick<Report, 'series' | 'gaps' | 'from_ms' | 'to_ms'>;

/** The figures below each other on one time axis, which has a gap where nothing was read. */
export function markdownCharts(charted: Charted, clock: Clock): string[] {
  const charts = charted.series.flatMap((each, index) => [
    ...(index === 0 ? [] : ['']),
    ...chartOf(each, charted),
  ]);
  return [...charts, ...timeScale(charted, clock)];
}

const [columns, height] = [72, 5];
const labelWidth = 5;
const eighths = 8;
const blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

function chartOf({title, points, most}: Series, charted: Charted): string[] {
  if (points.length === 0) return [`${title}: unknown in every snapshot`];
  const values = columnsOf(points, charted);
  const top = Math.max(...points.map(({value}) => value));
  const rows = Array.from({length: height}, (_, index) => {
    const cells = values.map(value => {
      const level = value === null || top <= 0 ? 0 : Math.ceil((value / top) * height * eighths);
      return blocks[Math.max(0, Math.min(eighths, level - (height - 1 - index) * eighths))];
    });
    return `${(index === 0 ? formatCount(top) : '').padStart(labelWidth)} │${cells.join('').trimEnd()}`;
  });
  const axis = values.map(value => (value === null ? ' ' : '─')).join('');
  return [
    `${title}, at most ${formatCount(top)}${most === null ? '' : ` of ${most}`}`,
    ...rows,
    `${'0'.padStart(labelWidth)} └${axis.trimEnd()}`,
  ];
}

/** The maximum in the time of each column, so that no peak is lost, or the value before; null where nothing was read. */
function columnsOf(points: Series['points'], {gaps, from_ms, to_ms}: Charted): (number | null)[] {
  const width_ms = Math.max(1, to_ms - from_ms) / columns;
  const columnAt = (at_ms: number) => Math.min(columns - 1, Math.floor((at_ms - from_ms) / width_ms));
  const values: (number | null)[] = [];
  for (const {at_ms, value} of points) {
    const column = columnAt(at_ms);
    values[column] = Math.max(values[column] ?? value, value);
  }
  const isGap = (column: number) =>
    gaps.some(gap => columnAt(gap.from_ms) <= column && column <= columnAt(gap.to_ms));
  let latest: number | null = null;
  return Array.from({length: columns}, (_, column) => {
    latest = values[column] ?? (isGap(column) ? null : latest);
    return latest;
  });
}

/** Begin, middle and end; in two rows where each has a local time beside it. */
function timeScale({from_ms, to_ms}: Charted, clock: Clock): string[] {
  const times = [from_ms, (from_ms + to_ms) / 2, to_ms].map(at_ms => clock(at_ms).split(' ('));
  const rowOf = (part: number) => {
    const [begin = '', middle = '', end = ''] = times.map(parts => (parts[part] ?? '').replace(')', ''));
    const room = columns - begin.length - middle.length - end.length;
    const left = Math.max(1, Math.floor(room / 2));
    return (
      ' '.repeat(labelWidth + 2) +
      begin +
      ' '.repeat(left) +
      middle +
      ' '.repeat(Math.max(1, room - left)) +
      end
    );
  };
  return times.every(({length}) => length === 1) ? [rowOf(0)] : [rowOf(0), rowOf(1)];
}
