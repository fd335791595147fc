import {formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {Budget, Snapshot} from '../../model/snapshot.ts';
import {drawChart} from '../components/chart.ts';
import {drawFindings} from '../components/findings-list.ts';
import {gaugeRole} from '../components/gauge.ts';
import {drawGroups} from '../components/groups-list.ts';
import {drawServerHead} from '../components/server-head.ts';
import {orderedFindings} from '../rows/findings.ts';
import {oneLine} from '../rows/one-line.ts';
import {fitLine, type Line, line, padLines, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {findingLetters} from '../state/findings.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawn} from './drawn.tsx';
import type {Area, View} from './view.ts';

/** Title, one row per letter, "more" and a blank row. */
const mostFindingRows = findingLetters.length + 3;

type OverviewSlice = Pick<ConsoleState, 'snapshot' | 'findings' | 'letters' | 'history'> & {
  cursor: string | null;
};

const view: View = {
  id: 'overview',
  title: 'Overview',
  key: '1',
  badge: state => (state.findings.length > 0 ? {text: `${state.findings.length}!`, isBad: true} : null),
  Component: drawn<OverviewSlice>({
    select: state => ({
      snapshot: state.snapshot,
      findings: orderedFindings(state),
      letters: state.letters,
      history: state.history,
      cursor: state.tables.overview.cursor,
    }),
    drawSlice(slice, area, theme) {
      if (slice.snapshot === null) return [];
      const head = drawServerHead(slice.snapshot, slice.history, area.width, theme);
      const rest = {width: area.width, height: area.height - head.length};
      return [
        ...head,
        ...(area.width >= 120
          ? drawWide(slice, slice.snapshot, rest, theme)
          : drawNarrow(slice, slice.snapshot, rest, theme)),
      ];
    },
  }),
};

export default view;

function drawNarrow(slice: OverviewSlice, snapshot: Snapshot, area: Area, theme: Theme): Line[] {
  const chartHeight = area.height >= 17 ? Math.min(9, area.height - 12) : 0;
  const findingsHeight = Math.min(
    Math.max(2, slice.findings.length + 1 + snapshot.unavailable.length),
    Math.max(3, area.height - chartHeight - 4),
  );
  const groupsHeight = area.height - chartHeight - findingsHeight;
  return [
    ...drawFindings(
      {...slice, unavailable: snapshot.unavailable},
      {width: area.width, height: findingsHeight},
      theme,
    ),
    ...drawGroups(snapshot.budget, {width: area.width, height: groupsHeight}),
    ...drawChartRow(slice, snapshot.budget, {width: area.width, height: chartHeight}, theme),
  ];
}

function drawWide(slice: OverviewSlice, snapshot: Snapshot, area: Area, theme: Theme): Line[] {
  const leftWidth = Math.floor(area.width * 0.6);
  const findingsHeight = Math.min(
    slice.findings.length + snapshot.unavailable.length + 2,
    mostFindingRows,
    Math.floor(area.height / 3),
  );
  const statementsHeight = Math.min(12, Math.floor((area.height - findingsHeight) / 2));
  const groupsHeight = area.height - findingsHeight - statementsHeight;
  const left = [
    ...drawGroups(snapshot.budget, {width: leftWidth, height: groupsHeight}),
    ...drawCostliest(snapshot, {width: leftWidth, height: statementsHeight}),
  ];
  const right = drawCharts(
    slice,
    snapshot.budget,
    {width: area.width - leftWidth - 2, height: area.height - findingsHeight},
    theme,
  );
  return [
    ...drawFindings(
      {...slice, unavailable: snapshot.unavailable},
      {width: area.width, height: findingsHeight},
      theme,
    ),
    ...left.map((of, y) => ({
      spans: [...fitLine(of, leftWidth).spans, span('  '), ...(right[y]?.spans ?? [])],
    })),
  ];
}

function drawCostliest(snapshot: Snapshot, area: Area): Line[] {
  const byLoad = [...snapshot.statements].sort((a, b) => loadOf(b) - loadOf(a)).slice(0, area.height - 3);
  const missing = snapshot.unavailable.find(({section}) => section === 'statements');
  return padLines(
    [
      {spans: []},
      line(span('costliest statements', 'heading')),
      missing
        ? line(span(`${missing.reason}: ${missing.remedy}`, 'muted'))
        : line(
            span(`${'load'.padStart(6)} ${'mean'.padStart(8)} ${'calls/s'.padStart(8)}  statement`, 'muted'),
          ),
      ...byLoad.map(s =>
        line(
          `${formatRatio(s.rates?.exec_share_ratio ?? null, 0).padStart(6)} ${formatMs(s.mean_exec_time_ms).padStart(8)} ${formatCount(s.rates?.calls_per_second ?? null).padStart(8)}  `,
          span(oneLine(s.query ?? `(${s.queryid})`)),
        ),
      ),
    ],
    area.height,
  );
}

/** Current load; before the second snapshot, the total execution time. */
function loadOf(statement: Snapshot['statements'][number]): number {
  return statement.rates ? 1e12 + statement.rates.exec_ms_per_second : statement.total_exec_time_ms;
}

function chartsOf(slice: OverviewSlice, budget: Budget) {
  const series = (read: (sample: OverviewSlice['history'][number]) => number | null) =>
    slice.history.map(read).filter(value => value !== null);
  return [
    {
      title: 'slots used',
      values: series(s => s.used),
      role: gaugeRole(budget.used_ratio),
      max: budget.usable,
    },
    {title: 'active', values: series(s => s.active), role: 'good' as const},
    {title: 'idle in transaction', values: series(s => s.idle_in_transaction), role: 'warning' as const},
  ];
}

function drawChartRow(slice: OverviewSlice, budget: Budget, area: Area, theme: Theme): Line[] {
  if (area.height === 0) return [];
  const charts = chartsOf(slice, budget);
  const width = Math.floor((area.width - 2) / charts.length);
  const drawn = charts.map(chart => drawChart(chart, width, area.height, theme));
  return Array.from({length: area.height}, (_, y) => ({
    spans: drawn.flatMap((lines, index) => [
      span(index === 0 ? '' : ' '),
      ...fitLine(lines[y] ?? {spans: []}, width).spans,
    ]),
  }));
}

function drawCharts(slice: OverviewSlice, budget: Budget, area: Area, theme: Theme): Line[] {
  const charts = [
    ...chartsOf(slice, budget),
    {
      title: 'commits/s',
      values: slice.history.map(s => s.commits_per_second).filter(v => v !== null),
      role: 'accent' as const,
    },
  ];
  const height = Math.floor(area.height / charts.length);
  return charts.flatMap(chart => drawChart(chart, area.width, height, theme));
}
