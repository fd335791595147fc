import {Box} from 'ink';
import {type ReactNode, useMemo} from 'react';
import {sessionsIn} from '../../core/activity/budget.ts';
import {costliestStatements, loadText, type StatementRow} from '../../core/activity/statement-window.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {formatCount, formatMs} from '../../core/text/format.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {Chart, leastChartHeight, type Point} from '../components/chart.tsx';
import {useConsole} from '../components/context.ts';
import {FindingsList} from '../components/findings-list.tsx';
import {GroupsList} from '../components/groups-list.tsx';
import {Measured} from '../components/measured.tsx';
import {gaugeRole, ServerHead} from '../components/server-head.tsx';
import {PaintedRow, Text} from '../components/text.tsx';
import {orderedFindings} from '../rows/findings.ts';
import {groupFilter, groupId, groupRows} from '../rows/groups.ts';
import {selectedGroup} from '../rows/selection.ts';
import {shownWindow, statementText, windowText} from '../rows/statements.ts';
import {span} from '../screen/line.ts';
import {openTable} from '../state/browsing.ts';
import {findingId, findingLetters} from '../state/findings.ts';
import {openFinding, showSessions} from '../state/opening.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'overview',
  title: 'Overview',
  key: '1',
  hasWindow: true,
  opensElsewhere: true,
  badge: ({findings}) => (findings.length > 0 ? {text: `${findings.length}!`, isBad: true} : null),
  legend: ({full, empty, reserved, critical, warning, bullet}) => [
    {
      keys: `slots ${full}${empty}${reserved}`,
      help: 'used, free, reserved for superusers and reserved roles',
    },
    {keys: 'full in ~5min', help: 'if slots fill as fast as in the last 2 minutes'},
    {
      keys: 'commits/s temp',
      help: 'all databases, between the last two snapshots; deadlocks and temporary files if there are any',
    },
    {
      keys: 'hits cache index',
      help: 'share of blocks, and of index blocks, found in shared buffers: this database, over the time named',
    },
    {
      keys: `${critical} ${warning} ${bullet}`,
      help: 'critical, warning, or without impact yet; [a] is its key',
    },
    {keys: 'slots by ...', help: 'who holds the slots; Enter shows these sessions'},
    {
      keys: 'costliest statements',
      help: 'those with the most execution time in the window that the title names; t changes it',
    },
  ],
  ids: state => [...orderedFindings(state).map(findingId), ...groupRows(state).map(groupId)],
  open(state, id) {
    const group = selectedGroup(state);
    if (group !== undefined) return showSessions(state, groupFilter(group));
    return openFinding(
      state,
      state.findings.find(finding => findingId(finding) === id),
    );
  },
  sessionsFilter(state) {
    const group = selectedGroup(state);
    // Before a row is selected: of all.
    return group === undefined || openTable(state).cursor === null ? '' : groupFilter(group);
  },
  Component: Overview,
};

export default view;

/** From this width on the charts are beside the groups and the statements. */
const leastWide = 120;
/** From this height on the statements are below both, in the whole width. */
const leastTall = 44;

function Overview() {
  const {snapshot, isWide, isTall} = useConsole(state => ({
    snapshot: state.snapshot,
    isWide: state.columns >= leastWide,
    isTall: state.rows >= leastTall,
  }));
  const history = useConsole(state => state.history);
  if (snapshot === null) return null;
  return (
    <Box flexDirection="column" flexGrow={1} flexBasis={0} overflow="hidden">
      <ServerHead snapshot={snapshot} history={history} />
      <Box flexDirection="column" flexGrow={1} flexBasis={0}>
        {isWide ? <Wide snapshot={snapshot} isTall={isTall} /> : <Narrow snapshot={snapshot} />}
      </Box>
    </Box>
  );
}

/** Title, one row per letter and "more". */
const mostFindingRows = findingLetters.length + 2;

function Wide({snapshot, isTall}: {snapshot: Snapshot; isTall: boolean}) {
  const [used, active, inTransaction] = useSlotCharts(snapshot);
  return (
    <>
      <FindingsList unavailable={snapshot.unavailable} most={mostFindingRows} />
      <Box flexGrow={1} flexShrink={0} flexBasis={isTall ? '30%' : '60%'} marginTop={1} columnGap={2}>
        <Box flexDirection="column" width="60%">
          <GroupsList groups={snapshot.budget.groups} />
          {!isTall && <Costliest snapshot={snapshot} />}
        </Box>
        <Box flexDirection="column" flexGrow={1} flexBasis={0}>
          <ChartPair isBeside={isTall}>
            {used}
            {active}
          </ChartPair>
          <ChartPair isBeside={isTall}>
            {inTransaction}
            <CommitChart />
          </ChartPair>
        </Box>
      </Box>
      {isTall && <Costliest snapshot={snapshot} />}
    </>
  );
}

function ChartPair({isBeside, children}: {isBeside: boolean; children: ReactNode}) {
  return (
    <Box flexDirection={isBeside ? 'row' : 'column'} columnGap={2} flexGrow={1} flexBasis={0}>
      {children}
    </Box>
  );
}

/**
 * The findings, then what the first of them is about: those that hold the slots, or the statements; at least a third of
 * the rows. The charts get what is left.
 */
function Narrow({snapshot}: {snapshot: Snapshot}) {
  const charts = useSlotCharts(snapshot);
  const isAboutStatements = useConsole(({findings: [first]}) =>
    ['slow', 'chatty'].includes(first?.harm?.kind ?? ''),
  );
  return (
    <>
      <FindingsList unavailable={snapshot.unavailable} />
      <Box flexDirection="column" flexGrow={1} flexShrink={0} flexBasis="35%" overflow="hidden">
        {isAboutStatements && <Costliest snapshot={snapshot} />}
        <GroupsList groups={snapshot.budget.groups} />
        <Measured name="charts">
          {({height}) =>
            height >= leastChartHeight && (
              <Box flexBasis={highestCharts} columnGap={1}>
                {charts}
              </Box>
            )
          }
        </Measured>
      </Box>
    </>
  );
}

const highestCharts = 10;

function useSlotCharts({budget}: Snapshot): ReactNode[] {
  const end = useChartEnd();
  const used = usePoints('used');
  const active = usePoints('active');
  const idle = usePoints('idle_in_transaction');
  const absent = sessionsIn(budget, 'active') === null ? 'unknown: see sessions by state' : undefined;
  const role = gaugeRole(budget.used_ratio);
  return [
    <Chart
      key="used"
      title="slots used"
      unit="slots"
      points={used}
      role={role}
      max={budget.usable}
      isWhole
      end={end}
    />,
    <Chart
      key="active"
      title="active"
      unit="slots"
      points={active}
      role="good"
      isWhole
      end={end}
      absent={absent}
    />,
    <Chart
      key="idle"
      title="idle in transaction"
      unit="slots"
      points={idle}
      role="warning"
      isWhole
      end={end}
      absent={absent}
    />,
  ];
}

function CommitChart() {
  const points = usePoints('commits_per_second');
  return <Chart title="commits/s" unit="/s" points={points} role="accent" end={useChartEnd()} />;
}

type Series = 'used' | 'active' | 'idle_in_transaction' | 'commits_per_second';

function usePoints(series: Series): Point[] {
  const history = useConsole(state => state.history);
  return useMemo(
    () =>
      history.flatMap(({at_ms, [series]: value}) =>
        value === null || !Number.isFinite(value) ? [] : [{at_ms, value}],
      ),
    [history, series],
  );
}

/** Where the charts end: null for now, or the time of what is shown of the past or from before the connection was lost. */
function useChartEnd(): string | null {
  return useConsole(({past, link, history}) => {
    const at_ms = past?.at_ms ?? history.at(-1)?.at_ms;
    return at_ms === undefined || (past === null && link.kind === 'live') ? null : timeOfDay(at_ms);
  });
}

/** A blank row, the title and the columns. */
const headRows = 3;

function Costliest({snapshot: {unavailable}}: {snapshot: Snapshot}) {
  const shown = useConsole(shownWindow);
  const costliest = useMemo(() => costliestStatements(shown.rows), [shown]);
  const missing = unavailable.find(({section}) => section === 'statements');
  return (
    <Measured name="costliest" flexGrow={0} flexBasis={headRows + costliest.length}>
      {({height}) => (
        <>
          <Text> </Text>
          <Text>
            <Text role="heading">costliest statements</Text>
            <Text role="muted">{` ${windowText(shown)}`}</Text>
          </Text>
          <Text role="muted">
            {missing
              ? `${missing.reason}: ${missing.remedy}`
              : `${'load'.padStart(6)} ${'mean'.padStart(8)} ${'calls/s'.padStart(8)}  statement`}
          </Text>
          {costliest.slice(0, height - headRows).map(statement => (
            <PaintedRow key={statement.key} spans={[span(costOf(statement))]} />
          ))}
        </>
      )}
    </Measured>
  );
}

function costOf(row: StatementRow): string {
  const load = loadText(row).padStart(6);
  const mean = formatMs(row.figures?.mean_exec_time_ms ?? null).padStart(8);
  const calls = formatCount(row.figures?.calls_per_second ?? null).padStart(8);
  return `${load} ${mean} ${calls}  ${statementText(row)}`;
}
