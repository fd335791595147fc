import {type LockNode, lockTree} from '../../core/activity/lock-tree.ts';
import {sessionId} from '../../core/sessions/session.ts';
import {formatAge} from '../../core/text/format.ts';
import type {Backend, LockWait} from '../../model/snapshot.ts';
import {type Column, drawTable, freezeOrder, type TableSlice} from '../components/table.ts';
import type {Theme} from '../screen/theme.ts';
import type {TableState} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawn} from './drawn.tsx';
import {oneLine} from './sessions.tsx';
import type {View} from './view.ts';

/** One node of the tree: the session, what it waits for, and how many sessions it blocks in total. */
type LockRow = {
  id: string;
  /** From below the root down to itself: whether each is the last of its siblings. */
  path: boolean[];
  waiters: number;
  pid: number;
  backend: Backend | null;
  wait: LockWait | null;
};

const lockColumns = ({symbols}: Theme): Column<LockRow>[] => [
  {
    id: 'pid',
    title: 'PID',
    width: 18,
    priority: 1,
    text: row => `${branches(row.path, symbols)}${row.pid === 0 ? 'prepared tx' : row.pid}`,
    role: row => (row.path.length === 0 ? 'danger' : 'plain'),
    sortValue: () => null,
  },
  {
    id: 'waiters',
    title: 'BLOCKS',
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
    width: 11,
    priority: 4,
    text: row => shortState(row.backend),
    sortValue: () => null,
  },
  {
    id: 'age',
    title: 'WAITS',
    width: 6,
    priority: 3,
    align: 'right',
    text: row => (row.wait ? formatAge(row.wait.wait_age_ms) : ''),
    sortValue: () => null,
  },
  {
    id: 'xact',
    title: 'XACT',
    width: 6,
    priority: 6,
    align: 'right',
    text: row => formatAge(row.backend?.xact_age_ms ?? null),
    sortValue: () => null,
  },
  {
    id: 'mode',
    title: 'WAITS FOR',
    width: 22,
    widest: 60,
    priority: 5,
    text: row => (row.wait ? waitTarget(row.wait) : ''),
    sortValue: () => null,
  },
  {
    id: 'application',
    title: 'APPLICATION',
    width: 15,
    widest: 40,
    priority: 7,
    text: row => row.backend?.application_name ?? '',
    sortValue: () => null,
  },
  {
    id: 'query',
    title: 'STATEMENT',
    width: 16,
    grows: true,
    priority: 2,
    text: row => oneLine(row.backend?.query ?? ''),
    sortValue: () => null,
  },
];

type LocksSlice = Omit<TableSlice<LockRow>, 'columns'>;

const view: View = {
  id: 'locks',
  title: 'Locks',
  key: '4',
  sortColumns: [],
  badge(state) {
    const waiting = state.snapshot?.lock_waits.length ?? 0;
    return waiting > 0 ? {text: String(waiting), isBad: true} : null;
  },
  ids: state => lockRows(state).map(row => row.id),
  Component: drawn<LocksSlice>({
    select: state => ({
      rows: lockRows(state),
      table: unsorted(state.tables.locks),
      idOf: row => row.id,
      emptyText: 'no session waits for a lock',
    }),
    drawSlice: (slice, area, theme) =>
      drawTable({...slice, columns: lockColumns(theme)}, area.width, area.height, theme),
  }),
};

export default view;

/**
 * The lock waits as trees, depth first: the root that blocks most comes first. While a row is selected, siblings keep their
 * order among each other: freezing the whole list would put new waiters under the wrong blocker.
 */
function lockRows({snapshot, tables}: ConsoleState): LockRow[] {
  if (snapshot === null) return [];
  const backends = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const waits = new Map(snapshot.lock_waits.map(wait => [wait.pid, wait]));
  const idOf = ({pid}: {pid: number}) => {
    const backend = backends.get(pid);
    return backend ? sessionId(backend) : `${pid}@`;
  };
  const inOrder = (nodes: LockNode[]) => freezeOrder(nodes, tables.locks.frozenOrder, idOf);
  const rowsOf = (node: LockNode, path: boolean[]): LockRow[] => [
    {
      id: idOf(node),
      path,
      waiters: node.waiters_total,
      pid: node.pid,
      backend: backends.get(node.pid) ?? null,
      wait: waits.get(node.pid) ?? null,
    },
    ...inOrder(node.children).flatMap((child, index, {length}) =>
      rowsOf(child, [...path, index === length - 1]),
    ),
  ];
  return inOrder(lockTree(snapshot.backends, snapshot.lock_waits)).flatMap(root => rowsOf(root, []));
}

/** Deeper nodes are drawn without their first ancestors, so that the pid stays readable. */
const deepest = 5;

/** `│ └ `: the trunks of ancestors with more siblings, and the node's own branch. */
function branches(path: boolean[], {trunk, branch, lastBranch}: Theme['symbols']): string {
  return path
    .slice(-deepest)
    .map((isLast, index, {length}) => {
      if (index === length - 1) return isLast ? lastBranch : branch;
      return isLast ? '  ' : trunk;
    })
    .join('');
}

/** What is waited for. A wait for a row is a wait for the transaction that wrote it: its id, and the row's table if known. */
function waitTarget({locktype, mode, relation, transactionid, blocked_by}: LockWait): string {
  const what = relation !== null && /^\d+$/.test(relation) ? `relation ${relation}` : relation;
  if (locktype !== 'transactionid') return `${mode.replace(/Lock$/, '')} ${what ?? locktype}`;
  const whose = transactionid === undefined ? `of ${blocked_by[0] ?? '?'}` : transactionid;
  return `transaction ${whose}${what === null ? '' : `, row of ${what}`}`;
}

function unsorted(table: TableState): TableState {
  return {...table, sort: {column: '', isDescending: true}};
}

function shortState(backend: Backend | null): string {
  if (backend === null) return '';
  return backend.state?.replace('idle in transaction', 'idle in tx') ?? 'hidden';
}
