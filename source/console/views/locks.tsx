import {useMemo} from 'react';
import {formatAge} from '../../core/text/format.ts';
import type {Backend, LockWait} from '../../model/snapshot.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Table} from '../components/table.tsx';
import {type Column, cellsOf, legendOf} from '../rows/arrange.ts';
import {type LockRow, lockGroupFilter, lockGroups, lockRows} from '../rows/locks.ts';
import {oneLine} from '../rows/one-line.ts';
import {tagGroupColumnsOf, tagGroupId} from '../rows/tag-groups.ts';
import type {Theme} from '../screen/theme.ts';
import {tableOf} from '../state/browsing.ts';
import {openSessionDetail, showSessions} from '../state/opening.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'locks',
  title: 'Locks',
  key: '4',
  badge({snapshot}) {
    const waiting = snapshot?.lock_waits.length ?? 0;
    return waiting > 0 ? {text: String(waiting), isBad: true} : null;
  },
  legend: symbols => legendOf(lockColumns(symbols)),
  isOfSessions: true,
  isGroupable: true,
  ids: state =>
    tableOf(state, 'locks').groupBy === null ? lockRows(state).map(idOf) : lockGroups(state).map(tagGroupId),
  open: (state, id) =>
    tableOf(state, 'locks').groupBy === null
      ? openSessionDetail(state, id)
      : showSessions(state, lockGroupFilter(state, id)),
  cells(state, id) {
    const {groupBy: tag} = tableOf(state, 'locks');
    return tag === null
      ? cellsOf(lockColumns(noBranches), lockRows(state), idOf, id)
      : cellsOf(tagGroupColumnsOf(tag), lockGroups(state), tagGroupId, id);
  },
  Component: Locks,
};

export default view;

function Locks() {
  const {symbols} = useTheme();
  const {snapshot, tables} = useConsole(state => ({snapshot: state.snapshot, tables: state.tables}));
  const rows = useMemo(() => lockRows({snapshot, tables}), [snapshot, tables]);
  const groups = useMemo(() => lockGroups({snapshot, tables}), [snapshot, tables]);
  const columns = useMemo(() => lockColumns(symbols), [symbols]);
  const {groupBy: tag} = tableOf({tables}, 'locks');
  if (tag !== null)
    return (
      <Table
        rows={groups}
        table={tableOf({tables}, 'locks')}
        columns={tagGroupColumnsOf(tag)}
        idOf={tagGroupId}
        emptyText="no session waits for a lock"
      />
    );
  return (
    <Table
      rows={rows}
      table={tableOf({tables}, 'locks')}
      columns={columns}
      idOf={idOf}
      emptyText="no session waits for a lock"
    />
  );
}

function idOf({id}: LockRow): string {
  return id;
}

type Branches = Pick<Theme['symbols'], 'trunk' | 'branch' | 'lastBranch'>;
const noBranches: Branches = {trunk: '', branch: '', lastBranch: ''};

export const lockColumns = (symbols: Branches): Column<LockRow>[] => [
  {
    id: 'pid',
    title: 'PID',
    help: 'root blockers, below each the sessions that wait for it',
    width: 18,
    priority: 1,
    text: row => branches(row.path, symbols) + nameOf(row),
    whole: nameOf,
    role: row => (row.path.length === 0 ? 'danger' : 'plain'),
    sortValue: () => null,
  },
  {
    id: 'waiters',
    title: 'BLOCKS',
    help: 'sessions that wait for it, directly or not',
    width: 8,
    priority: 2,
    align: 'right',
    text: row => (row.waiters > 0 ? String(row.waiters) : ''),
    role: () => 'danger',
    sortValue: () => null,
  },
  {
    id: 'state',
    title: 'STATE',
    help: 'state of the session',
    width: 10,
    priority: 6,
    text: row => shortState(row.backend),
    sortValue: () => null,
  },
  {
    id: 'age',
    title: 'WAITS',
    help: 'how long it waits',
    width: 6,
    priority: 4,
    align: 'right',
    text: row => (row.wait ? formatAge(row.wait.wait_age_ms) : ''),
    sortValue: () => null,
  },
  {
    id: 'xact',
    title: 'XACT',
    help: 'age of its transaction',
    width: 6,
    priority: 8,
    align: 'right',
    text: row => formatAge((row.backend ?? row.worker)?.xact_age_ms ?? null),
    sortValue: () => null,
  },
  {
    id: 'mode',
    title: 'WAITS FOR',
    help: 'lock mode and object, or the transaction that changed a row',
    width: 22,
    widest: 60,
    priority: 7,
    text: row => (row.wait ? [waitTarget(row.wait), ...alsoHeld(row)].join('; ') : ''),
    sortValue: () => null,
  },
  {
    id: 'application',
    title: 'APPLICATION',
    help: 'application_name, or what kind of process it is',
    width: 12,
    widest: 40,
    priority: 3,
    text: row => row.backend?.application_name ?? row.worker?.backend_type ?? '',
    sortValue: () => null,
  },
  {
    ...{id: 'route', title: 'ROUTE', isRare: true, width: 14, widest: 30, priority: 9},
    help: 'endpoint, from the tags of its statement',
    text: row => row.backend?.tags.route ?? '',
    sortValue: () => null,
  },
  {
    id: 'query',
    title: 'STATEMENT',
    help: 'statement that runs, or ran last',
    width: 16,
    grows: true,
    priority: 5,
    text: row => oneLine(queryOf(row)),
    whole: queryOf,
    sortValue: () => null,
  },
];

function nameOf({pid}: LockRow): string {
  return pid === 0 ? 'prepared tx' : String(pid);
}

/** Deeper nodes are drawn without their first ancestors, so that the pid stays readable. */
const deepest = 5;

/** `│ └ `: the trunks of ancestors with more siblings, and the node's own branch. */
function branches(path: boolean[], {trunk, branch, lastBranch}: Branches): string {
  return path
    .slice(-deepest)
    .map((isLast, index, {length}) => {
      if (index === length - 1) return isLast ? lastBranch : branch;
      return isLast ? '  ' : trunk;
    })
    .join('');
}

/** What is waited for. A wait for a row is a wait for the transaction that wrote it: its table if known, and its id. */
function waitTarget({object, locktype, mode, relation, transactionid, blocked_by}: LockWait): string {
  const what = relation !== null && /^\d+$/.test(relation) ? `relation ${relation}` : relation;
  const strength = mode.replace(/Lock$/, '');
  if (locktype === 'transactionid') {
    const whose = transactionid === undefined ? `of ${blocked_by[0] ?? '?'}` : transactionid;
    const row = object?.startsWith('row of ') ? object : what === null ? null : `row of ${what}`;
    return `transaction ${whose}${row === null ? '' : `, ${row}`}`;
  }
  // Only of a table does the mode say something that the object does not.
  if (object !== undefined) return object.replace(/^relation /, `${strength} `);
  return `${strength} ${what ?? locktype}`;
}

const mostAlso = 2;

function alsoHeld({also}: LockRow): string[] {
  if (also.length === 0) return [];
  const rest = also.length - mostAlso;
  return [`also held by ${also.slice(0, mostAlso).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`];
}

function queryOf({backend, worker}: LockRow): string {
  return (backend ?? worker)?.query ?? '';
}

function shortState(backend: Backend | null): string {
  if (backend === null) return '';
  return backend.state?.replace('idle in transaction', 'idle in tx') ?? 'hidden';
}
