import {type LockNode, lockTree} from '../../core/activity/lock-tree.ts';
import {sessionId} from '../../core/sessions/session.ts';
import type {Backend, BackgroundWorker, LockWait} from '../../model/snapshot.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {freezeOrder} from './arrange.ts';
import {type TagGroup, tagFilter, tagGroupId, tagGroups} from './tag-groups.ts';

/** One node of the tree: the session, what it waits for, and how many sessions it blocks in total. */
export type LockRow = {
  id: string;
  /** From below the root down to itself: whether each is the last of its siblings. */
  path: boolean[];
  waiters: number;
  pid: number;
  backend: Backend | null;
  /** If it is no client session: autovacuum, an apply worker, the startup process of a standby. */
  worker: BackgroundWorker | null;
  wait: LockWait | null;
  /** Who else holds what it waits for, `4712 web`; not those that only wait before it. */
  also: string[];
};

/**
 * The lock waits as trees, depth first: the root that blocks most comes first. While a row is selected, siblings keep their
 * order among each other: freezing the whole list would put new waiters under the wrong blocker.
 */
export function lockRows({snapshot, tables}: Pick<ConsoleState, 'snapshot' | 'tables'>): LockRow[] {
  if (snapshot === null) return [];
  const {frozenOrder} = tableOf({tables}, 'locks');
  const backends = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const workers = new Map(snapshot.background_workers.map(worker => [worker.pid, worker]));
  const waits = new Map(snapshot.lock_waits.map(wait => [wait.pid, wait]));
  const nameOf = (pid: number) => {
    if (pid === 0) return 'a prepared transaction';
    const worker = workers.get(pid);
    return `${pid} ${backends.get(pid)?.application_name || worker?.backend_type || ''}`.trimEnd();
  };
  const idOf = ({pid}: {pid: number}) => {
    const backend = backends.get(pid);
    return backend ? sessionId(backend) : `${pid}@`;
  };
  const inOrder = (nodes: LockNode[]) => freezeOrder(nodes, frozenOrder, idOf);
  const rowsOf = (node: LockNode, path: boolean[]): LockRow[] => [
    {
      id: idOf(node),
      path,
      waiters: node.waiters_total,
      pid: node.pid,
      backend: backends.get(node.pid) ?? null,
      worker: workers.get(node.pid) ?? null,
      wait: waits.get(node.pid) ?? null,
      also: node.also_blocked_by.filter(pid => !waits.has(pid)).map(nameOf),
    },
    ...inOrder(node.children).flatMap((child, index, {length}) =>
      rowsOf(child, [...path, index === length - 1]),
    ),
  ];
  return inOrder(lockTree(snapshot.backends, snapshot.lock_waits)).flatMap(root => rowsOf(root, []));
}

/** The sessions of the trees by tag, those first that block most; [] where they are shown one by one. */
export function lockGroups(state: Pick<ConsoleState, 'snapshot' | 'tables'>): TagGroup[] {
  const {groupBy: tag, frozenOrder} = tableOf(state, 'locks');
  if (tag === null || state.snapshot === null) return [];
  const groups = tagGroups(sessionsOf(state), tag, state.snapshot).sort(
    (a, b) => b.blocked - a.blocked || b.waiting - a.waiting,
  );
  return freezeOrder(groups, frozenOrder, tagGroupId);
}

/** The filter of Sessions that shows those of a group which wait or block. */
export function lockGroupFilter(state: Pick<ConsoleState, 'snapshot' | 'tables'>, id: string): string {
  const {groupBy: tag} = tableOf(state, 'locks');
  const pids = sessionsOf(state).map(({pid}) => pid);
  return `${tag === null ? '' : `${tagFilter(tag, id)} `}pid=${pids.join(',')}`;
}

function sessionsOf(state: Pick<ConsoleState, 'snapshot' | 'tables'>): Backend[] {
  return lockRows(state).flatMap(({backend}) => backend ?? []);
}
