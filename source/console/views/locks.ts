import {formatAge} from '../../core/format.ts';
import {type LockNode, lockTree} from '../../core/lock-tree.ts';
import {sessionId} from '../../core/session-id.ts';
import type {Backend, LockWait} from '../../core/snapshot.ts';
import {type Column, drawTable, type TableSlice} from '../components/table.ts';
import type {ConsoleState, TableState} from '../state.ts';
import {oneLine} from './sessions.ts';
import {defineView} from './view.ts';

/** One place in the tree: who waits, for what, and how many sessions it holds up in all. */
type LockRow = {
  id: string;
  depth: number;
  isRoot: boolean;
  waiters: number;
  pid: number;
  backend: Backend | null;
  wait: LockWait | null;
};

const columns: Column<LockRow>[] = [
  {
    id: 'pid',
    title: 'PID',
    width: 18,
    priority: 1,
    text: row =>
      `${'  '.repeat(Math.min(row.depth, 5))}${row.isRoot ? '' : '└ '}${row.pid === 0 ? 'prepared tx' : row.pid}`,
    role: row => (row.isRoot ? 'danger' : 'plain'),
    sortValue: () => null,
  },
  {
    id: 'waiters',
    title: 'HOLDS UP',
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
    priority: 5,
    text: row =>
      row.wait ? `${row.wait.mode.replace(/Lock$/, '')} ${row.wait.relation ?? row.wait.locktype}` : '',
    sortValue: () => null,
  },
  {
    id: 'application',
    title: 'APPLICATION',
    width: 15,
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

/** The forest of waits, depth first: the root that frees most comes first. */
function lockRows(state: ConsoleState): LockRow[] {
  const {snapshot} = state;
  if (snapshot === null) return [];
  const backends = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const waits = new Map(snapshot.lock_waits.map(wait => [wait.pid, wait]));
  const rows: LockRow[] = [];
  const walk = (node: LockNode, depth: number) => {
    const backend = backends.get(node.pid) ?? null;
    rows.push({
      id: backend ? sessionId(backend) : `${node.pid}@`,
      depth,
      isRoot: depth === 0,
      waiters: node.waiters_total,
      pid: node.pid,
      backend,
      wait: waits.get(node.pid) ?? null,
    });
    for (const child of node.children) walk(child, depth + 1);
  };
  for (const root of lockTree(snapshot.backends, snapshot.lock_waits)) walk(root, 0);
  return rows;
}

export default defineView<TableSlice<LockRow>>({
  id: 'locks',
  title: 'Locks',
  key: '4',
  sortColumns: [],
  badge(state) {
    const waiting = state.snapshot?.lock_waits.length ?? 0;
    return waiting > 0 ? {text: String(waiting), isBad: true} : null;
  },
  ids: state => lockRows(state).map(row => row.id),
  select: state => ({
    rows: lockRows(state),
    table: unsorted(state.tables.locks),
    columns,
    idOf: row => row.id,
    emptyText: 'no session waits for a lock',
  }),
  drawSlice: (slice, area, theme) => drawTable(slice, area.width, area.height, theme),
});

function unsorted(table: TableState): TableState {
  return {...table, sort: {column: '', isDescending: true}};
}

function shortState(backend: Backend | null): string {
  if (backend === null) return '';
  return backend.state?.replace('idle in transaction', 'idle in tx') ?? 'hidden';
}
