import {useMemo} from 'react';
import {sessionId} from '../../core/sessions/session.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {filterProblem, legendOf} from '../rows/arrange.ts';
import {sessionColumns, sessionRows} from '../rows/sessions.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'sessions',
  title: 'Sessions',
  key: '2',
  badge: ({snapshot}) => (snapshot ? {text: String(snapshot.backends.length), isBad: false} : null),
  legend: () => legendOf(sessionColumns),
  Component: Sessions,
};

export default view;

function Sessions() {
  const {snapshot, tables} = useConsole(state => ({snapshot: state.snapshot, tables: state.tables}));
  const rows = useMemo(() => sessionRows({snapshot, tables}), [snapshot, tables]);
  return (
    <Table
      rows={rows}
      table={tables.sessions}
      columns={sessionColumns}
      idOf={sessionId}
      emptyText={
        tables.sessions.filter === ''
          ? 'no client session but poolctl'
          : (filterProblem(tables.sessions.filter, sessionColumns) ?? 'no session matches the filter')
      }
    />
  );
}
