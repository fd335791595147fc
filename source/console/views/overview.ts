import {slotForecast} from '../../core/budget.ts';
import {formatAge, formatBytes, formatCount, formatMs, formatRatio} from '../../core/format.ts';
import type {Finding} from '../../core/recipe.ts';
import type {Budget, BudgetGroup, Database, Snapshot, Unavailable} from '../../core/snapshot.ts';
import {drawChart} from '../components/chart.ts';
import {drawGauge, gaugeRole} from '../components/gauge.ts';
import {fitLine, fitText, type Line, line, padLines, type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state.ts';
import {oneLine} from './sessions.ts';
import {type Area, defineView} from './view.ts';

/** One key per finding: the recipe that answers it opens at once. */
export const findingKeys = ['a', 'b', 'c', 'd', 'e'] as const;

type OverviewSlice = {
  snapshot: Snapshot | null;
  findings: Finding[];
  history: ConsoleState['history'];
  cursor: string | null;
};

export function findingId(finding: Finding): string {
  return `${finding.recipe}/${finding.subject}`;
}

export default defineView<OverviewSlice>({
  id: 'overview',
  title: 'Overview',
  key: '1',
  sortColumns: [],
  badge: state => (state.findings.length > 0 ? {text: `${state.findings.length}!`, isBad: true} : null),
  ids: state => state.findings.map(findingId),
  select: state => ({
    snapshot: state.snapshot,
    findings: state.findings,
    history: state.history,
    cursor: state.tables.overview.cursor,
  }),
  drawSlice(slice, area, theme) {
    if (slice.snapshot === null) return [];
    const head = drawHead(slice.snapshot, slice.history, area.width, theme);
    const rest = {width: area.width, height: area.height - head.length};
    return [
      ...head,
      ...(area.width >= 120
        ? drawWide(slice, slice.snapshot, rest, theme)
        : drawNarrow(slice, slice.snapshot, rest, theme)),
    ];
  },
});

/** The answer in four lines: how full, who does what, how fast, until when. */
function drawHead(snapshot: Snapshot, history: ConsoleState['history'], width: number, theme: Theme): Line[] {
  const {budget} = snapshot;
  return [
    {spans: [span('slots ', 'strong'), ...drawGauge(budget, width - 6, theme).spans]},
    slotsLine(budget, history),
    statesLine(budget),
    throughputLine(snapshot),
  ];
}

function slotsLine(budget: Budget, history: ConsoleState['history']): Line {
  const reserved = budget.superuser_reserved_connections + budget.reserved_connections;
  const spans: Span[] = [
    span('      '),
    span(
      `${budget.used} of ${budget.usable} used (${formatRatio(budget.used_ratio, 0)})`,
      gaugeRole(budget.used_ratio),
    ),
    span(`, ${budget.headroom} free, ${reserved} reserved, max_connections ${budget.max_connections}`),
  ];
  const forecast = slotForecast(history, budget.usable);
  if (forecast.full_in_ms !== null)
    spans.push(span(`, full in ~${formatAge(forecast.full_in_ms)}`, 'danger'));
  return {spans};
}

function statesLine(budget: Budget): Line {
  const count = (state: string) => budget.by_state[state] ?? 0;
  const inTransaction = count('idle in transaction');
  const aborted = count('idle in transaction (aborted)');
  const spans: Span[] = [
    span('      '),
    span(`active ${count('active')}`, 'good'),
    span(`  idle ${count('idle')}`),
    span(`  idle in transaction ${inTransaction}`, inTransaction > 0 ? 'warning' : 'plain'),
  ];
  if (aborted > 0) spans.push(span(`  aborted ${aborted}`, 'warning'));
  if (count('hidden') > 0) spans.push(span(`  hidden ${count('hidden')}`, 'muted'));
  return {spans};
}

function throughputLine(snapshot: Snapshot): Line {
  const sum = (read: (rates: NonNullable<Database['rates']>) => number) =>
    snapshot.databases.reduce((total, {rates}) => total + (rates ? read(rates) : 0), 0);
  const own = snapshot.databases.find(({datname}) => datname === snapshot.target.database);
  const cacheHit = ratioOf(
    snapshot.databases,
    db => db.blks_hit,
    db => db.blks_hit + db.blks_read,
  );
  const hasRates = snapshot.databases.some(({rates}) => rates);
  const perSecond = (value: number) => (hasRates ? formatCount(value) : '-');
  const deadlocks = sum(rates => rates.deadlocks_per_second);
  return {
    spans: [
      span('      '),
      span(
        `${perSecond(sum(r => r.commits_per_second))} commits/s  ${perSecond(sum(r => r.rollbacks_per_second))} rollbacks/s  `,
      ),
      span(deadlocks > 0 ? `deadlocks ${formatCount(deadlocks)}/s  ` : '', 'danger'),
      span(`temp ${hasRates ? formatBytes(sum(r => r.temp_bytes_per_second)) : '-'}/s  `),
      hitSpan('cache hit', cacheHit),
      span('  '),
      hitSpan('index hit', own?.index_hit_ratio ?? null),
    ],
  };
}

function hitSpan(title: string, ratio: number | null): Span {
  return span(`${title} ${formatRatio(ratio)}`, ratio !== null && ratio < 0.99 ? 'warning' : 'plain');
}

function ratioOf(
  databases: Database[],
  part: (db: Database) => number,
  whole: (db: Database) => number,
): number | null {
  const total = databases.reduce((sum, db) => sum + whole(db), 0);
  return total === 0 ? null : databases.reduce((sum, db) => sum + part(db), 0) / total;
}

function drawNarrow(slice: OverviewSlice, snapshot: Snapshot, area: Area, theme: Theme): Line[] {
  const chartHeight = area.height >= 17 ? Math.min(9, area.height - 12) : 0;
  const findingsHeight = Math.min(
    Math.max(2, slice.findings.length + 1 + snapshot.unavailable.length),
    Math.max(3, area.height - chartHeight - 4),
  );
  const groupsHeight = area.height - chartHeight - findingsHeight;
  return [
    ...drawFindings(slice, snapshot.unavailable, {width: area.width, height: findingsHeight}, theme),
    ...drawGroups(snapshot.budget, {width: area.width, height: groupsHeight}),
    ...drawChartRow(slice, snapshot.budget, {width: area.width, height: chartHeight}, theme),
  ];
}

function drawWide(slice: OverviewSlice, snapshot: Snapshot, area: Area, theme: Theme): Line[] {
  const leftWidth = Math.floor(area.width * 0.6);
  const findingsHeight = Math.min(
    slice.findings.length + snapshot.unavailable.length + 2,
    10,
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
    ...drawFindings(slice, snapshot.unavailable, {width: area.width, height: findingsHeight}, theme),
    ...left.map((of, y) => ({
      spans: [...fitLine(of, leftWidth).spans, span('  '), ...(right[y]?.spans ?? [])],
    })),
  ];
}

/** What is wrong, and what cannot be seen: the first with the recipe that answers it, the second with its remedy. */
function drawFindings(slice: OverviewSlice, unavailable: Unavailable[], area: Area, theme: Theme): Line[] {
  const allIsWell = unavailable.length === 0 ? '  none: all is well' : '  none in what is visible';
  const lines = [
    line(span('findings', 'heading'), span(slice.findings.length === 0 ? allIsWell : '', 'good')),
    ...slice.findings.map((finding, index) => drawFinding(finding, index, slice.cursor, area.width, theme)),
  ];
  const room = Math.max(1, area.height - unavailable.length);
  return padLines(
    [...lines.slice(0, room), ...unavailable.map(part => drawUnavailable(part, theme))],
    area.height,
  );
}

function drawFinding(
  finding: Finding,
  index: number,
  cursor: string | null,
  width: number,
  theme: Theme,
): Line {
  const isCritical = finding.severity === 'critical';
  const sign = isCritical ? `${theme.symbols.critical} critical ` : `${theme.symbols.warning} warning  `;
  const key = findingKeys[index];
  const answer = key === undefined ? '' : ` ${finding.recipe} `;
  const spans = [
    span(sign, isCritical ? 'danger' : 'warning'),
    span(fitText(finding.summary, Math.max(10, width - 16 - answer.length))),
    span(answer, 'muted'),
    span(key === undefined ? '' : `[${key}]`, 'key'),
  ];
  return cursor === findingId(finding) ? {spans, isSelected: true} : {spans};
}

function drawUnavailable({reason, remedy}: Unavailable, theme: Theme): Line {
  return line(span(`${theme.symbols.stale} unseen   ${remedy} `, 'warning'), span(reason, 'muted'));
}

function drawGroups(budget: Budget, area: Area): Line[] {
  if (area.height < 2) return padLines([], area.height);
  const nameWidth = Math.max(10, Math.floor((area.width - 30) / 3));
  const columns = (name: string, role: string, client: string, counts: string[]) =>
    [
      fitText(name, nameWidth),
      fitText(role, nameWidth),
      fitText(client, nameWidth),
      ...counts.map(count => count.padStart(6)),
    ].join(' ');
  const row = (group: BudgetGroup): Line => ({
    spans: [
      span(
        columns(group.application_name || '(no name)', group.usename, group.client_addr ?? 'local', [
          String(group.count),
          String(group.active),
          String(group.idle),
        ]),
      ),
      span(
        String(group.idle_in_transaction).padStart(7),
        group.idle_in_transaction > 0 ? 'warning' : 'muted',
      ),
    ],
  });
  return padLines(
    [
      line(span('who holds them', 'heading')),
      line(span(`${columns('application', 'role', 'client', [' slots', 'active', 'idle'])}  in tx`, 'muted')),
      ...budget.groups.slice(0, area.height - 2).map(row),
    ],
    area.height,
  );
}

function drawCostliest(snapshot: Snapshot, area: Area): Line[] {
  const byLoad = [...snapshot.statements].sort((a, b) => loadOf(b) - loadOf(a)).slice(0, area.height - 3);
  const missing = snapshot.unavailable.find(({section}) => section === 'statements');
  return padLines(
    [
      {spans: []},
      line(span('what costs most', 'heading')),
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

/** By what it costs now; before a second reading, by what it has cost in all. */
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
    spans: drawn.flatMap(lines => [...fitLine(lines[y] ?? {spans: []}, width).spans, span(' ')]),
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
