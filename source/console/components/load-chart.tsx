import {useIsScreenReaderEnabled} from 'ink';
import {loadClasses} from '../../core/activity/busy-sessions.ts';
import type {LoadColumn} from '../../core/activity/load-over.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {formatCount} from '../../core/text/format.ts';
import {classSigns} from '../rows/waits.ts';
import {type Span, span} from '../screen/line.ts';
import {chooseTicks, scaleOf} from './chart.tsx';
import {useTheme} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {PaintedRows} from './text.tsx';

type LoadChartProps = {
  /** As many as there is room for: one cell each. */
  columnsOf(count: number): LoadColumn[];
  /** Drawn as a line; null where they are not known. */
  cores: number | null;
};

const axisWidth = 6;
/** Above this many times the busiest the line of the cores would press the load to the floor: it is only named. */
const mostHeadroom = 4;

/** Busy sessions over time, stacked by class: a letter for each, from CPU at the bottom. */
export function LoadChart({columnsOf, cores}: LoadChartProps) {
  const isRead = useIsScreenReaderEnabled();
  return (
    <Measured name="load" {...(isRead && {'aria-label': describe(columnsOf)})}>
      {size => <Stack columnsOf={columnsOf} cores={cores} {...size} />}
    </Measured>
  );
}

/** In columns: what a screen reader says of the chart is of these. */
const describedColumns = 30;

function describe(columnsOf: LoadChartProps['columnsOf']): string {
  const sums = columnsOf(describedColumns).flatMap(({sessions}) =>
    sessions === null ? [] : [sumOf(sessions)],
  );
  if (sums.length === 0) return 'busy sessions: no value yet.';
  const [least, most, last] = [Math.min(...sums), Math.max(...sums), sums.at(-1) ?? 0].map(formatCount);
  return `busy sessions over time: ${last} at the end, ${least} to ${most}.`;
}

function sumOf(sessions: number[]): number {
  return sessions.reduce((sum, each) => sum + each, 0);
}

function Stack({columnsOf, cores, width, height}: LoadChartProps & Size) {
  const {charset, symbols} = useTheme();
  const count = width - axisWidth;
  const rows = height - 1;
  if (count < 1 || rows < 2) return null;
  const columns = columnsOf(count);
  const busiest = Math.max(1, ...columns.map(({sessions}) => sumOf(sessions ?? [])));
  const isNear = cores !== null && cores <= busiest * mostHeadroom;
  const most = isNear ? Math.max(busiest, cores) : busiest;
  const ticks = chooseTicks(most, {rows, isWhole: true});
  const top = ticks.at(-1) ?? most;
  const rowOf = (sessions: number) => rows - 1 - Math.round((sessions / top) * (rows - 1));
  const labels = new Map(ticks.map(tick => [rowOf(tick), formatCount(tick)]));
  const line = isNear ? rowOf(cores) : null;
  const stacks = columns.map(({sessions}) => stackOf(sessions, top, rows));
  const axis = charset === 'unicode' ? '│' : '|';
  const plot = Array.from({length: rows}, (_, y): Span[] => [
    span(`${(labels.get(y) ?? '').padStart(axisWidth - 2)} ${axis}`, 'muted'),
    ...spansOf(
      stacks.map(stack => stack[rows - 1 - y] ?? null),
      y === line ? span(symbols.horizontal, 'warning') : span(' ', 'plain'),
    ),
  ]);
  const scale = `${'busy'.padEnd(axisWidth)}${scaleOf(timeOfDay(columns[0]?.at_ms ?? 0), null, count)}`;
  return <PaintedRows rows={[...plot, [span(scale, 'muted')]]} />;
}

/** The class of each cell from the bottom; sessions that fill no cell round into those above them. */
function stackOf(sessions: number[] | null, top: number, rows: number): (keyof typeof classSigns)[] {
  const cells: (keyof typeof classSigns)[] = [];
  let sum = 0;
  for (const [index, name] of loadClasses.entries()) {
    sum += sessions?.[index] ?? 0;
    const until = Math.round((sum / top) * rows);
    while (cells.length < until) cells.push(name);
  }
  return cells;
}

function spansOf(cells: (keyof typeof classSigns | null)[], blank: Span): Span[] {
  const spans: Span[] = [];
  for (const cell of cells) {
    const {sign, role} = cell === null ? {sign: blank.text, role: blank.role} : classSigns[cell];
    const before = spans.at(-1);
    if (before?.role === role) spans[spans.length - 1] = span(before.text + sign, role);
    else spans.push(span(sign, role));
  }
  return spans;
}
