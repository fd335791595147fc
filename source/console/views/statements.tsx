import {Box} from 'ink';
import {useMemo} from 'react';
import {mostListed} from '../../core/activity/statement-scan.ts';
import {counted, formatCount, formatSpan} from '../../core/text/format.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {cellFilter} from '../rows/groups.ts';
import {selectedStatement} from '../rows/selection.ts';
import {
  arrangeStatements,
  shownWindow,
  statementColumns,
  statementRows,
  windowText,
} from '../rows/statements.ts';
import {statementGroupColumns, statementGroups, unsorted} from '../rows/tag-groups.ts';
import {loadColumns} from '../rows/waits.ts';
import {tableOf} from '../state/browsing.ts';
import {openStatement} from '../state/dialog.ts';
import {showLoadOf} from '../state/opening.ts';
import {requestWhole} from '../state/past.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'statements',
  title: 'Statements',
  key: '3',
  badge({snapshot}) {
    const info = snapshot?.statements_info;
    return info ? {text: formatCount(info.entries - (info.own_entries ?? 0)), isBad: info.is_evicting} : null;
  },
  legend: () => legendOf(statementColumns),
  columns: statementColumns,
  isSortable: true,
  hasWindow: true,
  isGroupable: true,
  firstOrder: 'load',
  ids: state =>
    (tableOf(state, 'statements').groupBy === null
      ? statementRows(state)
      : statementGroups(state).groups
    ).map(({key}) => key),
  effectsWhenShown: state => (tableOf(state, 'statements').groupBy === null ? [] : requestWhole(state)),
  open(state, id) {
    const {groupBy: tag, filter} = tableOf(state, 'statements');
    if (tag !== null) return showLoadOf(state, `${filter} ${cellFilter(tag, id)}`.trim());
    const statement = selectedStatement(state);
    return statement ? openStatement(state, id, statement) : noEffects(state);
  },
  cells(state, id) {
    const {groupBy: tag} = tableOf(state, 'statements');
    return tag === null
      ? cellsOf(statementColumns, statementRows(state), ({key}) => key, id)
      : cellsOf(statementGroupColumns(tag), statementGroups(state).groups, ({key}) => key, id);
  },
  Component: Statements,
};

export default view;

function Statements() {
  const {symbols} = useTheme();
  const {snapshot, table} = useConsole(state => ({
    snapshot: state.snapshot,
    table: tableOf(state, 'statements'),
  }));
  const shown = useConsole(shownWindow);
  const {load, window, past, tables} = useConsole(state => ({
    load: state.load,
    window: state.window,
    past: state.past,
    tables: state.tables,
  }));
  const {groups, text} = useMemo(
    () => statementGroups({load, window, past, tables}),
    [load, window, past, tables],
  );
  const rows = useMemo(() => arrangeStatements(shown, table), [shown, table]);
  const eviction = evictionText(snapshot);
  const choice = choiceText(snapshot) ?? hiddenText(snapshot);
  if (table.groupBy !== null)
    return (
      <>
        <Box flexShrink={0}>
          <Text role="muted" wrap="wrap">
            {` sampled: ${text || 'no snapshot'}. pg_stat_statements keeps the tags of a statement's first call only`}
          </Text>
        </Box>
        <Table
          rows={groups}
          table={unsorted(table)}
          columns={statementGroupColumns(table.groupBy)}
          idOf={({key}) => key}
          emptyText={
            table.filter === ''
              ? 'no session was busy'
              : (filterProblem(table.filter, loadColumns) ?? 'no busy session matches the filter')
          }
        />
      </>
    );
  return (
    <>
      {eviction !== null && (
        <Box flexShrink={0}>
          <Text role="warning" wrap="wrap">{` ${symbols.warning} ${eviction}`}</Text>
        </Box>
      )}
      {shown.rows.length > 0 && (
        <Box flexShrink={0}>
          <Text role="muted" wrap="wrap">
            {` ${windowText(shown)}${choice === null ? '' : `; ${choice}`}`}
          </Text>
        </Box>
      )}
      <Table
        rows={rows}
        table={table}
        columns={statementColumns}
        idOf={({key}) => key}
        emptyText={emptyText(snapshot, table.filter)}
      />
    </>
  );
}

function emptyText(snapshot: Snapshot | null, filter: string): string {
  const missing = snapshot?.unavailable.find(({section}) => section === 'statements');
  if (missing) return `${missing.reason}: ${missing.remedy}`;
  if (filter !== '') return filterProblem(filter, statementColumns) ?? 'no statement matches the filter';
  const recorded = snapshot?.statements_info?.entries ?? 0;
  if (recorded === 0) return 'no statement has been recorded yet';
  return `${counted(recorded, 'statement')} recorded, none that this role may see${remedyOf(snapshot)}`;
}

function remedyOf(snapshot: Snapshot | null): string {
  const hidden = snapshot?.unavailable.find(({section}) => section === 'backends');
  return hidden ? `: ${hidden.remedy}` : '';
}

function hiddenText(snapshot: Snapshot | null): string | null {
  const {statements = [], statements_info: info} = snapshot ?? {};
  if (statements.length === 0 || !info?.hidden_entries) return null;
  return `${info.hidden_entries} of ${counted(info.entries, 'statement')} are hidden from this role${remedyOf(snapshot)}`;
}

function evictionText(snapshot: Snapshot | null): string | null {
  const info = snapshot?.statements_info;
  if (!info?.is_evicting) return null;
  return `entries are being evicted (${info.entries} of ${info.max_entries}): this list is lossy; raise pg_stat_statements.max`;
}

function choiceText(snapshot: Snapshot | null): string | null {
  const {statements = [], statements_info: info} = snapshot ?? {};
  if (!info || statements.length === 0 || info.entries < mostListed) return null;
  const interval_ms = statements.find(({rates}) => rates)?.rates?.interval_ms;
  const recent =
    interval_ms === undefined
      ? 'the slowest'
      : `the busiest and slowest of the last ${formatSpan(interval_ms)}`;
  return `${statements.length} of ${info.entries.toLocaleString('en')} statements: ${recent}, then those with the most time since the reset`;
}
