import {useMemo} from 'react';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {partOfServerView, serverColumns, serverViewRows} from '../rows/server.ts';
import {tableOf} from '../state/browsing.ts';
import {openServerRow} from '../state/dialog.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'server',
  title: 'Server',
  key: '0',
  badge: () => null,
  legend: () => legendOf(serverColumns),
  columns: serverColumns,
  ids: state => serverViewRows(state).map(({id}) => id),
  open(state, id) {
    const row = serverViewRows(state).find(each => each.id === id);
    return noEffects(row === undefined ? state : openServerRow(state, row));
  },
  cells: (state, id) => cellsOf(serverColumns, serverViewRows(state), row => row.id, id),
  effectsWhenShown: ({serverRows}) => (serverRows === null ? [{kind: 'load-server-rows'}] : []),
  Component: Server,
};

export default view;

function Server() {
  const shown = useConsole(partOfServerView);
  const table = tableOf(shown, 'server');
  const rows = useMemo(() => serverViewRows(shown), [shown]);
  const emptyText =
    table.filter === ''
      ? 'reading'
      : (filterProblem(table.filter, serverColumns) ?? `nothing matches ${table.filter}`);
  return (
    <Table rows={rows} table={table} columns={serverColumns} idOf={({id}) => id} emptyText={emptyText} />
  );
}
