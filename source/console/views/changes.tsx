import {Box} from 'ink';
import {useMemo} from 'react';
import {statementKey} from '../../core/activity/rates.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {formatAge} from '../../core/text/format.ts';
import {useConsole} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {Text} from '../components/text.tsx';
import {cellsOf, filterProblem, legendOf} from '../rows/arrange.ts';
import {type ChangeRow, changeColumns, changeId, changeRows, changesWindow} from '../rows/changes.ts';
import {cellFilter} from '../rows/groups.ts';
import {tableOf} from '../state/browsing.ts';
import {inform, openRun, openStatement} from '../state/dialog.ts';
import {showEffect} from '../state/events.ts';
import {showRows, showSessions} from '../state/opening.ts';
import {requestWhole} from '../state/past.ts';
import {type ConsoleState, noEffects, type UpdateResult} from '../state/state.ts';
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
  columns: changeColumns,
  firstOrder: 'time',
  opensElsewhere: true,
  ids: state => changeRows(state).map(changeId),
  open: (state, id) =>
    openChange(
      state,
      changeRows(state).find(row => changeId(row) === id),
    ),
  cells: (state, id) => cellsOf(changeColumns, changeRows(state), changeId, id),
  effectsWhenShown: state => [{kind: 'read-journal'}, ...requestWhole(state)],
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
  const table = tableOf({tables}, 'changes');
  const {filter} = table;
  return (
    <>
      <Box flexShrink={0}>
        <Text role="heading">what changed</Text>
        <Text role="muted">{` in ${formatAge(to_ms - from_ms)}, since ${timeOfDay(from_ms)}`}</Text>
      </Box>
      <Table
        rows={rows}
        table={table}
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

/** Where a change leads: to its statement, its sessions or its run; else its sentence. */
function openChange(state: ConsoleState, change: ChangeRow | undefined): UpdateResult {
  if (change === undefined) return noEffects(state);
  const {run, statement, wave, by} = change;
  if (run !== undefined) {
    const shown = showRows(state, 'journal', {cursor: String(run.seq)});
    return noEffects(openRun(shown, run.run));
  }
  const found = state.snapshot?.statements.find(each => statementKey(each) === statement);
  if (statement !== undefined && found !== undefined) {
    const shown = showRows(state, 'statements', {cursor: statement});
    const opened = openStatement(shown, statement, found);
    return {state: opened.state, effects: [showEffect(opened.state), ...opened.effects]};
  }
  if (wave && by !== null) return showSessions(state, filterOf(by));
  return noEffects(inform(state, change.what));
}

/** The sessions of `web/app`, as the filter of Sessions names them. */
function filterOf(pool: string): string {
  const at = pool.lastIndexOf('/');
  const [application, role] = [pool.slice(0, at), pool.slice(at + 1)];
  return `${cellFilter('application', application === '(no name)' ? '' : application)} ${cellFilter('role', role)}`;
}
