import {useMemo} from 'react';
import {sessionId} from '../../core/sessions/session.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {sessionColumns, sessionGroups, sessionRows} from '../rows/sessions.ts';
import {tagFilter, tagGroupColumnsOf, tagGroupId, unsorted} from '../rows/tag-groups.ts';
import {openGroup, tableOf} from '../state/browsing.ts';
import {openSessionDetail} from '../state/opening.ts';
import {noEffects} from '../state/state.ts';
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
  isGroupable: true,
  ids: state =>
    tableOf(state, 'sessions').groupBy === null
      ? sessionRows(state).map(sessionId)
      : sessionGroups(state).map(tagGroupId),
  open(state, id) {
    const {groupBy: tag, filter} = tableOf(state, 'sessions');
    if (tag === null) return openSessionDetail(state, id);
    return noEffects(openGroup(state, `${filter} ${tagFilter(tag, id)}`.trim()));
  },
  cells(state, id) {
    const {groupBy: tag} = tableOf(state, 'sessions');
    return tag === null
      ? cellsOf(sessionColumns, sessionRows(state), sessionId, id)
      : cellsOf(tagGroupColumnsOf(tag), sessionGroups(state), tagGroupId, id);
  },
  Component: Sessions,
};

export default view;

function Sessions() {
  const {snapshot, tables, assessment, past, pooler_of_ms} = useConsole(state => ({
    snapshot: state.snapshot,
    tables: state.tables,
    assessment: state.assessment,
    past: state.past,
    pooler_of_ms: state.pooler_of_ms,
  }));
  const table = tableOf({tables}, 'sessions');
  const {groupBy: tag} = table;
  const {rows, groups} = useMemo(() => {
    const shown = {snapshot, tables, assessment, past, pooler_of_ms};
    return {rows: sessionRows(shown), groups: sessionGroups(shown)};
  }, [snapshot, tables, assessment, past, pooler_of_ms]);
  const emptyText =
    table.filter === ''
      ? 'no client session but poolctl'
      : (filterProblem(table.filter, sessionColumns) ?? 'no session matches the filter');
  return tag === null ? (
    <Table rows={rows} table={table} columns={sessionColumns} idOf={sessionId} emptyText={emptyText} />
  ) : (
    <Table
      rows={groups}
      table={unsorted(table)}
      columns={tagGroupColumnsOf(tag)}
      idOf={tagGroupId}
      emptyText={emptyText}
    />
  );
}
