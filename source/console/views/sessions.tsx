import {useMemo} from 'react';
import {sessionId} from '../../core/sessions/session.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {filterProblem, legendOf} from '../rows/arrange.ts';
import {sessionColumns, sessionRows} from '../rows/sessions.ts';
import {tableOf} from '../state/browsing.ts';
import {openSessionDetail} from '../state/opening.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'sessions',
  title: 'Sessions',
  key: '2',
  badge: ({snapshot}) => (snapshot ? {text: String(snapshot.backends.length), isBad: false} : null),
  legend: () => legendOf(sessionColumns),
  columns: sessionColumns,
  isSortable: true,
  firstOrder: 'xact',
  isOfSessions: true,
  ids: state => sessionRows(state).map(sessionId),
  open: openSessionDetail,
  Component: Sessions,
};

export default view;

function Sessions() {
  const {snapshot, tables, assessment} = useConsole(state => ({
    snapshot: state.snapshot,
    tables: state.tables,
    assessment: state.assessment,
  }));
  const table = tableOf({tables}, 'sessions');
  const rows = useMemo(() => sessionRows({snapshot, tables, assessment}), [snapshot, tables, assessment]);
  return (
    <Table
      rows={rows}
      table={table}
      columns={sessionColumns}
      idOf={sessionId}
      emptyText={
        table.filter === ''
          ? 'no client session but poolctl'
          : (filterProblem(table.filter, sessionColumns) ?? 'no session matches the filter')
      }
    />
  );
}
