import {Box} from 'ink';
import {useCallback, useMemo} from 'react';
import {loadClasses} from '../../core/activity/busy-sessions.ts';
import {loadColumns as columnsOver, type LoadGroup, loadSourceText} from '../../core/activity/load-over.ts';
import type {LoadOf} from '../../core/activity/session-load.ts';
import {counted} from '../../core/text/format.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {LoadChart} from '../components/load-chart.tsx';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, createFilter, filterProblem, legendOf} from '../rows/arrange.ts';
import {
  classSigns,
  drillInto,
  groupColumns,
  groupId,
  loadColumns,
  loadRange,
  loadText,
  type ShownLoad,
  shownLoad,
  wholeValue,
} from '../rows/waits.ts';
import {setFilter, sortBy, tableOf} from '../state/browsing.ts';
import {inform} from '../state/dialog.ts';
import {requestWhole} from '../state/past.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'waits',
  title: 'Waits',
  key: '9',
  badge: () => null,
  legend: () => [...legendOf(groupColumns), ...legendOf(loadColumns)],
  columns: loadColumns,
  isSortable: true,
  openLabel: 'look into it',
  opensElsewhere: true,
  sortLabel: 'group by',
  hasWindow: true,
  firstOrder: 'event',
  ids: state => (shownLoad(state)?.groups ?? []).map(groupId),
  cells(state, id) {
    const shown = shownLoad(state);
    if (shown === null) return [];
    const columns = columnsFor(shown).map(column =>
      column.id === 'value' ? {...column, whole: (group: LoadGroup) => wholeValue(state, group)} : column,
    );
    return cellsOf(columns, shown.groups, groupId, id);
  },
  effectsWhenShown: requestWhole,
  open(state, key) {
    const shown = shownLoad(state);
    const found = shown && drillInto(shown, {filter: tableOf(state, 'waits').filter, key});
    if (!found)
      return noEffects(inform(state, 'these sessions differ in nothing else: s groups by another dimension'));
    return noEffects(sortBy(setFilter(state, found.filter), {id: found.dimension}));
  },
  Component: Waits,
};

export default view;

function Waits() {
  const {load, window, past, tables, rows} = useConsole(state => ({
    rows: state.rows,
    past: state.past,
    load: state.load,
    window: state.window,
    tables: state.tables,
  }));
  const table = tableOf({tables}, 'waits');
  const shown = useMemo(() => shownLoad({load, window, past, tables}), [load, window, past, tables]);
  const {filter} = table;
  const columnsOf = useCallback(
    (count: number) => {
      const matches = createFilter(filter, loadColumns);
      const {load: readings, ...range} = loadRange({load, window, past});
      return columnsOver(readings, {...range, count}, (of: LoadOf) => matches({...of, sessions: 0}));
    },
    [load, window, past, filter],
  );
  if (shown === null) return null;
  const {cores} = shown.over;
  return (
    <>
      <Head shown={shown} isWhole={window === 'reset' && Boolean(past?.whole)} />
      <Box flexDirection="column" height={chartHeight(rows)} flexShrink={0}>
        <LoadChart columnsOf={columnsOf} cores={cores} />
      </Box>
      <Legend shown={shown} cores={cores} />
      <Box flexDirection="column" flexGrow={1} flexBasis={0} minHeight={0}>
        <Table
          rows={shown.groups}
          table={table}
          columns={columnsFor(shown)}
          idOf={groupId}
          emptyText={emptyText(shown, filter)}
        />
      </Box>
    </>
  );
}

/** In rows, with the time scale; on a small terminal the table keeps more than half of them. */
function chartHeight(rows: number): number {
  return Math.max(4, Math.min(14, Math.floor((rows - 8) / 2)));
}

function columnsFor({dimension}: ShownLoad) {
  return groupColumns.map(column =>
    column.id === 'value' ? {...column, title: dimension.toUpperCase()} : column,
  );
}

function Head({shown, isWhole}: {shown: ShownLoad; isWhole: boolean}) {
  const {hidden} = shown.over;
  return (
    <Box flexShrink={0}>
      <Text wrap="truncate">
        <Text role="strong">{loadText(shown)}</Text>
        {isWhole && ', the whole recording'}
        <Text role="muted">{` (${loadSourceText(shown.over)})`}</Text>
        {hidden > 0 && (
          <Text role="warning">{`, and ${hidden.toFixed(1)} sessions whose state is hidden`}</Text>
        )}
      </Text>
    </Box>
  );
}

/** The classes that are there, with their averages. */
function Legend({shown: {groups}, cores}: {shown: ShownLoad; cores: number | null}) {
  const {symbols} = useTheme();
  const sums = new Map<string, number>();
  for (const {classes} of groups)
    for (const each of classes) sums.set(each.class, (sums.get(each.class) ?? 0) + each.sessions);
  const present = loadClasses.filter(name => sums.has(name));
  return (
    <Box flexShrink={0}>
      <Text>
        {present.map(name => {
          const {sign, role, name: words} = classSigns[name];
          return (
            <Text key={name}>
              <Text role={role}>{` ${sign} `}</Text>
              {`${words} ${(sums.get(name) ?? 0).toFixed(1)} `}
            </Text>
          );
        })}
        {cores !== null && <Text role="warning">{` ${symbols.horizontal} ${counted(cores, 'core')}`}</Text>}
      </Text>
    </Box>
  );
}

function emptyText({over}: ShownLoad, filter: string): string {
  if (filter !== '') return filterProblem(filter, loadColumns) ?? `no busy session matches ${filter}`;
  return over.hidden > 0 ? 'no session that this role may see was busy' : 'no session was busy';
}
