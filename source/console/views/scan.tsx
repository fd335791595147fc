import {Box} from 'ink';
import {useMemo} from 'react';
import {counted} from '../../core/text/format.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {scanColumns, scanRows} from '../rows/scan.ts';
import {tableOf} from '../state/browsing.ts';
import {openEndpoint} from '../state/dialog.ts';
import {noEffects} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'scan',
  title: 'Scan',
  key: 'A',
  isShown: ({scan}) => scan !== null,
  badge: () => null,
  legend: () => legendOf(scanColumns),
  columns: scanColumns,
  isSortable: true,
  firstOrder: 'exec',
  ids: state => scanRows(state).map(({id}) => id),
  open: (state, id) => noEffects(openEndpoint(state, id)),
  cells: (state, id) => cellsOf(scanColumns, scanRows(state), row => row.id, id),
  effectsWhenShown: () => [{kind: 'scan'}],
  Component: Scan,
};

export default view;

function Scan() {
  const {scan, tables} = useConsole(state => ({scan: state.scan, tables: state.tables}));
  const rows = useMemo(() => scanRows({scan, tables}), [scan, tables]);
  if (scan === null) return null;
  const {directory, result, problem} = scan;
  const table = tableOf({tables}, 'scan');
  const {filter} = table;
  const emptyText =
    result === null
      ? (problem ?? 'reading the source in another process')
      : filter === ''
        ? 'no endpoint with queries found'
        : (filterProblem(filter, scanColumns) ?? `nothing matches ${filter}`);
  return (
    <>
      <Box flexShrink={0}>
        <Text wrap="wrap">
          <Text role="heading">{directory}</Text>
          {result && <Text role="muted">{`  ${summaryOf(result.report)}`}</Text>}
          {result !== null && problem !== null && <Text role="warning">{`  ${problem}`}</Text>}
          {result?.unjoined && <Text role="warning">{`  ${result.unjoined}`}</Text>}
        </Text>
      </Box>
      <Table rows={rows} table={table} columns={scanColumns} idOf={({id}) => id} emptyText={emptyText} />
    </>
  );
}

function summaryOf({files, endpoints, problems}: {files: number; endpoints: unknown[]; problems: unknown[]}) {
  const read = `${counted(endpoints.length, 'endpoint')} with queries in ${counted(files, 'file')}`;
  return problems.length === 0
    ? read
    : `${read}; ${counted(problems.length, 'file')} not read, or only in part`;
}
