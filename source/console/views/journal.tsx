import {Box} from 'ink';
import {useMemo} from 'react';
import {counted} from '../../core/text/format.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {entryId, journalColumns, journalRows} from '../rows/journal.ts';
import {selectedRun} from '../rows/selection.ts';
import {tableOf} from '../state/browsing.ts';
import {openRun} from '../state/dialog.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'journal',
  title: 'Journal',
  key: '6',
  badge: ({journal}) =>
    journal && journal.unfinished > 0 ? {text: `${journal.unfinished}?`, isBad: true} : null,
  legend: () => legendOf(journalColumns),
  columns: journalColumns,
  firstOrder: 'seq',
  ids: state => journalRows(state).map(entryId),
  open(state) {
    const run = selectedRun(state);
    return noEffects(run === undefined ? state : openRun(state, run));
  },
  cells: (state, id) => cellsOf(journalColumns, journalRows(state), entryId, id),
  effectsWhenShown: () => [{kind: 'read-journal'}],
  Component: Journal,
};

export default view;

function Journal() {
  const {symbols} = useTheme();
  const {journal, tables} = useConsole(state => ({journal: state.journal, tables: state.tables}));
  const table = tableOf({tables}, 'journal');
  const rows = useMemo(() => journalRows({journal, tables}), [journal, tables]);
  const unfinished = journal?.unfinished ?? 0;
  return (
    <>
      <Box flexDirection="column" flexShrink={0}>
        {journal?.problem && (
          <Text role="danger" wrap="wrap">{`  ${symbols.critical} ${journal.problem}`}</Text>
        )}
        {unfinished > 0 && (
          <Text role="warning" wrap="wrap">
            {`  ${symbols.warning} ${counted(unfinished, 'step')} started without a recorded result: check whether it changed anything (poolctl journal verify)`}
          </Text>
        )}
      </Box>
      <Table
        rows={rows}
        table={table}
        columns={journalColumns}
        idOf={entryId}
        emptyText={emptyText(journal !== null, table.filter)}
      />
    </>
  );
}

function emptyText(isRead: boolean, filter: string): string {
  if (!isRead) return 'reading the journal';
  return filter === ''
    ? 'nothing has been done yet'
    : (filterProblem(filter, journalColumns) ?? `nothing matches ${filter}`);
}
