import asciichart from 'asciichart';
import {formatAge, formatCount} from '../../core/text/format.ts';
import {type Role, type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {useTheme} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {PaintedRows, Text} from './text.tsx';

/** `at_ms` by the server's clock, milliseconds since 1970. */
export type Point = {at_ms: number; value: number};

type ChartProps = {
  title: string;
  /** Stands below the axis: `slots`, `/s`. */
  unit: string;
  /** The oldest first; one column each, as many of the newest as fit. */
  points: Point[];
  role: Role;
  /** The axis reaches at least to here. */
  max?: number;
  /** Values are whole numbers, and so are the labels of the axis. */
  isWhole?: boolean;
  /** The time at the right edge. */
  end?: string;
};

/** A line chart in the room that is left: title and latest value, axis from 0, and below it the time that it covers. */
export function Chart(props: ChartProps) {
  return (
    <Measured name={props.title} aria-label={describe(props)}>
      {size => <Plot {...props} {...size} />}
    </Measured>
  );
}

function describe({title, unit, points}: ChartProps): string {
  const latest = points.at(-1);
  if (latest === undefined) return `${title}: no value yet`;
  const values = points.map(({value}) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)].map(formatCount);
  return `${title}: ${formatCount(latest.value)} ${unit}, ${least} to ${most} in the last ${formatAge(spanOf(points))}`;
}

/** A title, two rows of the line and the time scale. */
const leastHeight = 4;

function Plot({title, unit, points, role, end = 'now', width, height, ...axis}: ChartProps & Size) {
  const {charset} = useTheme();
  const latest = points.at(-1);
  const plot = height < leastHeight ? null : drawPlot(points, {width, height: height - 2, charset, ...axis});
  return (
    <>
      <Text>
        <Text role="muted">{title}</Text>
        <Text role="strong">{latest === undefined ? '' : ` ${formatCount(latest.value)}`}</Text>
      </Text>
      {plot && <PaintedRows rows={plot.rows.map(row => partsOf(row, plot.axisWidth, role))} />}
      {plot && <Text role="muted">{drawScale(plot, unit, end, width)}</Text>}
    </>
  );
}

/** The axis, and the line in its role, which cells without a part of the line do not have. */
function partsOf(row: string, axisWidth: number, role: Role): Span[] {
  const line = row.slice(axisWidth).split(/( +)/);
  return [
    span(row.slice(0, axisWidth), 'muted'),
    ...line.map(part => span(part, part.trim() === '' ? 'plain' : role)),
  ];
}

type DrawnPlot = {
  rows: string[];
  /** Cells of the labels and the axis. */
  axisWidth: number;
  /** Cells between the axis and the first point. */
  indent: number;
  /** From the first point shown to the last. */
  span_ms: number;
};

type Axis = Pick<ChartProps, 'max' | 'isWhole'>;

/** The newest point is at the right edge; null without points. */
function drawPlot(
  points: Point[],
  {width, height, max = 1, isWhole = false, charset}: Size & Axis & Pick<Theme, 'charset'>,
): DrawnPlot | null {
  const [first] = points;
  if (first === undefined || height < 2) return null;
  const ticks = chooseTicks(Math.max(...points.map(({value}) => value), max), {rows: height, isWhole});
  const top = ticks.at(-1) ?? max;
  // A tick's row is the one in which asciichart draws its value.
  const labels = new Map(
    ticks.map(tick => [height - 1 - Math.round((tick / top) * (height - 1)), formatCount(tick)]),
  );
  const labelWidth = Math.max(4, ...[...labels.values()].map(label => label.length));
  const axisWidth = labelWidth + 2;
  // The first point lies on the axis.
  const shown = points.slice(-Math.max(2, width - axisWidth + 1));
  const values = shown.map(({value}) => value);
  // asciichart draws one line more than its height, and throws on an empty series.
  const text = asciichart.plot(values.length === 1 ? [first.value, first.value] : values, {
    height: height - 1,
    min: 0,
    max: top,
    format: (_value, y) => (labels.get(y) ?? '').padStart(labelWidth),
    symbols: charset === 'unicode' ? unicodeSymbols : asciiSymbols,
  });
  const indent = Math.max(0, width - axisWidth - Math.max(1, values.length - 1));
  const rows = text.split('\n').map((row, y) => {
    const isPlain = !labels.has(y) && (indent > 0 || row[axisWidth] === ' ');
    const axis = isPlain
      ? row.slice(0, axisWidth - 1) + (charset === 'unicode' ? '│' : '|')
      : row.slice(0, axisWidth);
    return axis + ' '.repeat(indent) + row.slice(axisWidth).trimEnd();
  });
  return {rows, axisWidth, indent, span_ms: spanOf(shown)};
}

const mostIntervals = 5;
/** What floating point adds to a quotient that is whole. */
const rounding = 1e-9;

/**
 * Round values from 0 up to the largest value or the next one above it, in steps of 1, 2 or 5 times a power of ten; whole
 * ones for counts. No two of them are in the same row, or look the same.
 */
export function chooseTicks(largest: number, {rows, isWhole}: {rows: number; isWhole: boolean}): number[] {
  const least = largest / Math.min(mostIntervals, rows - 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const round = [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least) ?? least;
  const step = isWhole ? Math.max(1, round) : round;
  return Array.from({length: Math.ceil(largest / step - rounding) + 1}, (_, index) => index * step);
}

type Symbols = NonNullable<Parameters<typeof asciichart.plot>[1]>['symbols'];
const unicodeSymbols: Symbols = ['┤', '┤', '╶', '╴', '─', '╰', '╭', '╮', '╯', '│'];
const asciiSymbols: Symbols = ['|', '|', '-', '-', '-', '`', '.', ',', "'", '|'];

function spanOf(points: Point[]): number {
  return (points.at(-1)?.at_ms ?? 0) - (points[0]?.at_ms ?? 0);
}

/** The unit below the axis, the first point's age below it, further left where it would touch the time at the right edge. */
function drawScale(
  {axisWidth, indent, span_ms}: DrawnPlot,
  unit: string,
  end: string,
  width: number,
): string {
  const begin = span_ms === 0 ? '' : `-${formatAge(span_ms)}`;
  const room = width - axisWidth;
  const left = ' '.repeat(Math.max(0, Math.min(indent, room - begin.length - end.length - 1))) + begin;
  return unit.padEnd(axisWidth) + left + end.padStart(room - left.length);
}
