import {Box} from 'ink';
import {useMemo} from 'react';
import {poolKey} from '../../core/assessment/sample.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {poolRowFilter} from '../rows/groups.ts';
import {isPoolerId, poolerColumns, poolerId, poolerRows, shownPooler} from '../rows/poolers.ts';
import {poolColumns, poolRows} from '../rows/pools.ts';
import {selectedPool} from '../rows/selection.ts';
import {unsorted} from '../rows/tag-groups.ts';
import {tableOf} from '../state/browsing.ts';
import {openPool, openPooler} from '../state/dialog.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'pools',
  title: 'Pools',
  key: '8',
  badge({findings}) {
    const full = findings.filter(({harm}) => harm?.kind === 'pool');
    return full.length === 0 ? null : {text: String(full.length), isBad: true};
  },
  legend: () => [...legendOf(poolColumns), ...legendOf(poolerColumns)],
  columns: poolColumns,
  isSortable: true,
  firstOrder: 'sessions',
  ids: state => [...poolRows(state).map(poolKey), ...poolerRows(state).map(poolerId)],
  sessionsFilter(state) {
    const pool = selectedPool(state);
    return pool === undefined ? '' : poolRowFilter(pool);
  },
  open: (state, id) => noEffects(isPoolerId(id) ? openPooler(state, id) : openPool(state, id)),
  cells: (state, id) =>
    isPoolerId(id)
      ? cellsOf(poolerColumns, poolerRows(state), poolerId, id)
      : cellsOf(poolColumns, poolRows(state), poolKey, id),
  Component: Pools,
};

export default view;

/** From the application's pools over PgBouncer's to the server: each with its queue. */
function Pools() {
  return (
    <>
      <Box flexDirection="column" flexGrow={1} flexBasis={0} minHeight={0}>
        <Applications />
      </Box>
      <Poolers />
    </>
  );
}

function Applications() {
  const {assessment, tables} = useConsole(state => ({assessment: state.assessment, tables: state.tables}));
  const table = tableOf({tables}, 'pools');
  const rows = useMemo(() => poolRows({assessment, tables}), [assessment, tables]);
  return (
    <Table
      rows={rows}
      table={table}
      columns={poolColumns}
      idOf={poolKey}
      emptyText={
        table.filter === ''
          ? 'no client session but poolctl'
          : (filterProblem(table.filter, poolColumns) ?? 'no application matches the filter')
      }
    />
  );
}

/** At most this many of PgBouncer's pools have a row; their table scrolls. */
const mostPoolerRows = 8;

function Poolers() {
  const {pooler, problem} = useConsole(shownPooler);
  const {assessment, snapshot, tables, rows} = useConsole(state => ({
    assessment: state.assessment,
    snapshot: state.snapshot,
    tables: state.tables,
    rows: state.rows,
  }));
  const hasApplications = poolRows({assessment, tables}).length > 0;
  const queues = useMemo(() => poolerRows({assessment, snapshot, tables}), [assessment, snapshot, tables]);
  if (pooler === null)
    return (
      problem && (
        <Box flexShrink={0}>
          <Text role="muted" wrap="wrap">
            {problem}
          </Text>
        </Box>
      )
    );
  const table = tableOf({tables}, 'pools');
  const height = 1 + Math.max(1, Math.min(queues.length, mostPoolerRows, Math.floor(rows / 4)));
  const {version, address, settings} = pooler;
  return (
    <>
      <Box flexShrink={0}>
        <Text role="heading">{`  PgBouncer ${version} at ${address}, ${settings.pool_mode} mode`}</Text>
      </Box>
      <Box flexDirection="column" flexShrink={0} height={height}>
        <Table
          rows={queues}
          // Without a selected row the first application is the one, where the filter shows any.
          table={{...unsorted(table), cursor: table.cursor ?? (hasApplications ? '' : null)}}
          columns={poolerColumns}
          idOf={poolerId}
          emptyText="no client has used it yet"
        />
      </Box>
    </>
  );
}
