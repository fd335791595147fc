import {awaitedObject, type LockTag} from '../../core/activity/awaited-object.ts';
import {isWaitingForLock} from '../../core/sessions/session.ts';
import type {Backend, BackgroundWorker, LockHolder, LockWait} from '../../model/snapshot.ts';
import type {LockWaitRow} from '../queries/lock-waits.ts';

/** A session or a background process that waits for a lock. */
type Waiter = Pick<
  Backend | BackgroundWorker,
  'pid' | 'blocked_by' | 'wait_event' | 'query_age_ms' | 'xact_age_ms' | 'query'
>;

/**
 * Every read says which processes wait for a lock. What they wait for is in pg_locks, which is read from the tick after
 * the first wait; until then the wait event names the kind of lock. A parallel worker's wait is its leader's. Waits are as old
 * as at the reading of the sessions, whose ages they are compared with.
 */
export function toLockWaits(
  at: string,
  sessions: readonly Backend[],
  workers: readonly BackgroundWorker[],
  details: ReadonlyMap<number, LockWaitRow>,
): LockWait[] {
  const waitingWorkers = workers.filter(isWaitingForLock);
  const waits = sessions
    .filter(isWaitingForLock)
    .map(session => toLockWait(session, details.get(session.pid), {at, workers}));
  for (const worker of waitingWorkers) {
    const leader = leaderOf(worker.pid, workers);
    if (waits.some(({pid}) => pid === leader)) continue;
    waits.push({...toLockWait(worker, details.get(worker.pid), {at, workers}), pid: leader});
  }
  return waits;
}

/** Of a parallel worker of a statement, its leader; else the process itself. */
function leaderOf(pid: number, workers: readonly BackgroundWorker[]): number {
  const worker = workers.find(each => each.pid === pid);
  return worker?.backend_type === 'parallel worker' ? (worker.leader_pid ?? pid) : pid;
}

function toLockWait(
  waiter: Waiter,
  row: LockWaitRow | undefined,
  {at, workers}: {at: string; workers: readonly BackgroundWorker[]},
): LockWait {
  const {pid, blocked_by, wait_event, query_age_ms, query} = waiter;
  // An apply worker has no statement. Before PostgreSQL 14 a wait is as old as what it is part of, at most.
  const most_ms = query_age_ms ?? waiter.xact_age_ms;
  if (row === undefined) {
    return {
      pid,
      blocked_by,
      locktype: wait_event ?? '',
      mode: '',
      relation: null,
      wait_age_ms: most_ms,
    };
  }
  const [, locktype, mode, , wait_start_ms, transactionid] = row;
  const tag = toTag(row);
  const own = leaderOf(pid, workers);
  const holders = toHolders(row, workers).filter(holder => holder.pid !== own);
  const holder = holders[0]?.pid ?? null;
  return {
    pid,
    // The startup process of a standby is in no list that pg_blocking_pids() looks into (InitAuxiliaryProcess in proc.c).
    blocked_by: blocked_by.length > 0 ? blocked_by : [...new Set(holders.map(each => each.pid))],
    locktype,
    mode,
    object: awaitedObject(tag, {holder, query}),
    relation: tag.relation ?? (tag.tables.length === 1 ? (tag.tables[0] ?? null) : null),
    ...(transactionid !== null && {transactionid}),
    holders,
    wait_age_ms: wait_start_ms === null ? most_ms : Math.max(0, Date.parse(at) - wait_start_ms),
  };
}

function toTag(row: LockWaitRow): LockTag {
  return {
    locktype: row[1],
    relation: row[3],
    transactionid: row[5],
    database: row[6],
    is_elsewhere: row[7],
    page: row[8],
    virtualxid: row[9],
    catalog: row[10],
    object_name: row[11],
    classid: row[12],
    objid: row[13],
    objsubid: row[14],
    tables: row[15] ?? [],
  };
}

function toHolders(row: LockWaitRow, workers: readonly BackgroundWorker[]): LockHolder[] {
  const [pids, modes] = [row[16] ?? [], row[17] ?? []];
  const holders = new Map<string, LockHolder>();
  for (const [index, each] of pids.entries()) {
    const holder = {pid: leaderOf(each, workers), mode: modes[index] ?? ''};
    holders.set(`${holder.pid} ${holder.mode}`, holder);
  }
  return [...holders.values()];
}
