import asciichart from 'asciichart';
import {useIsScreenReaderEnabled} from 'ink';
import {useRef} from 'react';
import {timeOfDay} from '../../core/text/clock.ts';
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
  /** The oldest first; one column each. */
  points: Point[];
  role: Role;
  /** The axis reaches at least to here. */
  max?: number;
  /** Values are whole numbers, and so are the labels of the axis. */
  isWhole?: boolean;
  /** The time of the newest point; null or absent where that is now. */
  end?: string | null;
  /** Why there is no value now. */
  absent?: string | undefined;
  /** The time of a point as the scale says it. */
  timeOf?: (at_ms: number) => string;
};

/** A line chart in the room that is left: title and latest value, axis from 0, and below it the time that it covers. */
export function Chart(props: ChartProps) {
  const isRead = useIsScreenReaderEnabled();
  return (
    <Measured name={props.title} {...(isRead && {'aria-label': describe(props)})}>
      {size => <Plot {...props} {...size} />}
    </Measured>
  );
}

function describe({title, unit, points, absent}: ChartProps): string {
  const latest = points.at(-1);
  if (absent !== undefined) return `${title}: ${absent}.`;
  if (latest === undefined) return `${title}: no value yet.`;
  const values = points.map(({value}) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)].map(formatCount);
  return `${title}: ${formatCount(latest.value)} ${unit}, ${least} to ${most} in the last ${formatAge(spanOf(points))}.`;
}

/** A title, two rows of the line and the time scale. With less room there is no line. */
export const leastChartHeight = 4;

function Plot({
  title,
  unit,
  points,
  role,
  absent,
  end = null,
  timeOf = timeOfDay,
  width,
  height,
  ...axis
}: ChartProps & Size) {
  const {charset} = useTheme();
  const begin_ms = useRef(0);
  const latest = points.at(-1);
  const plot =
    height < leastChartHeight
      ? null
      : drawPlot(points, {begin_ms: begin_ms.current, width, height: height - 2, charset, ...axis});
  begin_ms.current = plot?.begin_ms ?? 0;
  return (
    <>
      <Text>
        <Text role="muted">{title}</Text>
        {absent === undefined ? (
          <Text role="strong">{latest === undefined ? '' : ` ${formatCount(latest.value)}`}</Text>
        ) : (
          <Text role="muted">{` ${absent}`}</Text>
        )}
      </Text>
      {plot && <PaintedRows rows={plot.rows.map(row => partsOf(row, plot.axisWidth, role))} />}
      {plot && (
        <Text role="muted">
          {unit.padEnd(plot.axisWidth) + scaleOf(timeOf(plot.begin_ms), end, width - plot.axisWidth)}
        </Text>
      )}
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
  /** The time of the first point shown. */
  begin_ms: number;
};

type Axis = Pick<ChartProps, 'max' | 'isWhole'>;

/** Null without points. `begin_ms`: where the line began when it was drawn last. */
function drawPlot(
  points: Point[],
  {
    begin_ms,
    width,
    height,
    max = 1,
    isWhole = false,
    charset,
  }: Size & Axis & Pick<Theme, 'charset'> & {begin_ms: number},
): DrawnPlot | null {
  const [first] = points;
  if (first === undefined || height < 2) return null;
  const ticks = chooseTicks(Math.max(...points.map(({value}) => value), max), {rows: height, isWhole});
  const top = ticks.at(-1) ?? max;
  /** The row in which asciichart draws a value. */
  const rowOf = (value: number) => height - 1 - Math.round((value / top) * (height - 1));
  const labels = new Map(ticks.map(tick => [rowOf(tick), formatCount(tick)]));
  const labelWidth = Math.max(4, ...[...labels.values()].map(label => label.length));
  const axisWidth = labelWidth + 2;
  // The first point lies on the axis.
  const shown = latestOf(points, begin_ms, Math.max(2, width - axisWidth + 1));
  const values = shown.map(({value}) => value);
  // asciichart draws one line more than its height, and throws on an empty series.
  const text = asciichart.plot(values.length === 1 ? [first.value, first.value] : values, {
    height: height - 1,
    min: 0,
    max: top,
    format: (_value, y) => (labels.get(y) ?? '').padStart(labelWidth),
    symbols: charset === 'unicode' ? unicodeSymbols : asciiSymbols,
  });
  const rows = text.split('\n').map((row, y) => {
    const isPlain = !labels.has(y) && y !== rowOf(values[0] ?? 0);
    const axis = charset === 'unicode' ? '│' : '|';
    return (isPlain ? row.slice(0, axisWidth - 1) + axis + row.slice(axisWidth) : row).trimEnd();
  });
  return {rows, axisWidth, begin_ms: shown[0]?.at_ms ?? 0};
}

/**
 * The points from `begin_ms` on, if there are any and they fit; otherwise the newest, with a quarter of the room left
 * for those that follow. So the line grows by a cell a reading, and does not move in between: over a slow connection,
 * a moving line is most of what is written.
 */
function latestOf(points: Point[], begin_ms: number, room: number): Point[] {
  const since = points.filter(({at_ms}) => at_ms >= begin_ms);
  return since.length > 0 && since.length <= room ? since : points.slice(-Math.ceil((room * 3) / 4));
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

/** Begin and end of the line; on a narrow chart only the one that is not obvious. */
export function scaleOf(begin: string, end: string | null, room: number): string {
  const [long, short] = end === null ? [`since ${begin}`, `${begin}-`] : [`${begin}-${end}`, `-${end}`];
  return long.length <= room ? long : short;
}
