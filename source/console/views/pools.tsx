import {useMemo} from 'react';
import {poolKey} from '../../core/assessment/sample.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {filterProblem, legendOf} from '../rows/arrange.ts';
import {poolColumns, poolRows} from '../rows/pools.ts';
import {tableOf} from '../state/browsing.ts';
import {openPool} from '../state/dialog.ts';
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
  legend: () => legendOf(poolColumns),
  columns: poolColumns,
  isSortable: true,
  firstOrder: 'sessions',
  ids: state => poolRows(state).map(poolKey),
  open: (state, id) => noEffects(openPool(state, id)),
  Component: Pools,
};

export default view;

function Pools() {
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
