import {Box} from 'ink';
import {useMemo} from 'react';
import {formatAge} from '../../core/text/format.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {filterProblem, legendOf} from '../rows/arrange.ts';
import {changeColumns, changeId, changeRows, changesWindow} from '../rows/changes.ts';
import {clockOf} from '../state/past.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'changes',
  title: 'Changes',
  key: '7',
  badge({samples, past}) {
    const count = past === null ? (samples.at(-1)?.log.entries.length ?? 0) : 0;
    return count > 0 ? {text: String(count), isBad: false} : null;
  },
  legend: () => legendOf(changeColumns),
  Component: Changes,
};

export default view;

function Changes() {
  const {snapshot, samples, past, journal, tables} = useConsole(state => ({
    snapshot: state.snapshot,
    samples: state.samples,
    past: state.past,
    journal: state.journal,
    tables: state.tables,
  }));
  const shown = useMemo(
    () => ({snapshot, samples, past, journal, tables}),
    [snapshot, samples, past, journal, tables],
  );
  const rows = useMemo(() => changeRows(shown), [shown]);
  const window = changesWindow(shown);
  if (window === null) return null;
  const {from_ms, to_ms} = window;
  const {filter} = tables.changes;
  return (
    <>
      <Box flexShrink={0}>
        <Text role="heading">what changed</Text>
        <Text role="muted">{` in ${formatAge(to_ms - from_ms)}, since ${clockOf(from_ms)} UTC`}</Text>
      </Box>
      <Table
        rows={rows}
        table={tables.changes}
        columns={changeColumns}
        idOf={changeId}
        emptyText={
          filter === '' ? emptyText : (filterProblem(filter, changeColumns) ?? `nothing matches ${filter}`)
        }
      />
    </>
  );
}

const emptyText =
  'nothing has changed: no statement is new, gone, slower or more frequent, no setting, no wave of connects, no schema change, no run';
