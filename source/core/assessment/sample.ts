import type {
  ActivitySample,
  OpenTransaction,
  PoolSample,
  Sample,
  WaitSample,
} from '../../model/assessment.ts';
import type {StatementSample} from '../../model/change-log.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {statementKey} from '../activity/rates.ts';
import {groupBy, mostOf} from '../group-by.ts';
import {isReporting, queueOf} from '../pool/reported-pool.ts';
import {isActive, isIdleInTransaction, isUnseen, isWaitingForLock} from '../sessions/session.ts';
import {statementName} from '../sql/statement-name.ts';
import {busyInstances} from './busy-instances.ts';
import {rootsOf} from './lock-graph.ts';
import {lockedObject, rowLocks, sharedCondition} from './locked-object.ts';
import {isUnplanned} from './unplanned.ts';
import {unseenUse} from './unseen-use.ts';
import {isSchemaChange, writingStatement} from './writing-statement.ts';

/** What an assessment looks back on. */
export const windowMs = 60_000;

/** Without what is carried on from the sample before. */
export function toSample(
  snapshot: Snapshot,
  at_ms: number,
  before: readonly Sample[],
): Omit<Sample, 'log' | 'pool_counts'> {
  const {backends, budget, databases} = snapshot;
  const sinceLast_ms = at_ms - (before.at(-1)?.at_ms ?? at_ms);
  return {
    at_ms,
    used: budget.used,
    usable: budget.usable,
    ...newestXid(backends),
    pools: poolsOf(backends, at_ms, sinceLast_ms),
    waits: waitsOf(snapshot),
    lwlocks: lwlocksOf(backends),
    transactions: backends.filter(isIdleInTransaction).map(toTransaction),
    databases: databases.map(({datname, xact_commit, xact_rollback, deadlocks, temp_bytes, rates}) => ({
      datname,
      xact_commit,
      xact_rollback,
      deadlocks,
      temp_bytes,
      ...(rates !== undefined && {rates}),
    })),
    begun: begunOf(backends, sinceLast_ms),
    activity: activityOf(backends),
    server: {
      system_identifier: snapshot.target.server?.system_identifier ?? null,
      started_at: snapshot.target.server?.started_at ?? null,
      is_in_recovery: snapshot.target.is_in_recovery,
      stats_reset: snapshot.statements_info?.stats_reset ?? null,
    },
    // Those that run at the first reading are among them: they may be tried again.
    schema_changes: schemaChangesOf(backends, at_ms, before.length === 0 ? Infinity : sinceLast_ms),
    statements_at: snapshot.statements_info?.at ?? null,
    statements: newCounters(snapshot, before),
  };
}

/**
 * A failover or the rescue URL may lead to another server, whose counters are others; a restart is not another one. A standby has the
 * identifier of its primary: it is another one if it was running already when the one before was read.
 */
export function isOtherServer(
  {server, at_ms}: Pick<Sample, 'server' | 'at_ms'>,
  {target}: Snapshot,
): boolean {
  const {system_identifier: identifier = null, started_at = null} = target.server ?? {};
  if (server.system_identifier !== null && identifier !== null && server.system_identifier !== identifier)
    return true;
  const isStartOther = server.started_at !== null && started_at !== null && server.started_at !== started_at;
  return isStartOther && Date.parse(started_at) <= at_ms;
}

function newestXid(backends: readonly Backend[]): Pick<Sample, 'xid'> {
  let xid = 0;
  for (const {backend_xid} of backends) if (backend_xid !== null) xid = Math.max(xid, Number(backend_xid));
  return xid === 0 ? {} : {xid};
}

function poolsOf(backends: readonly Backend[], at_ms: number, sinceLast_ms: number): PoolSample[] {
  type Counting = PoolSample & {addresses: Record<string, number>};
  const pools = new Map<string, {pool: Counting; own: Backend[]}>();
  const hasQueryIds = backends.some(({query_id}) => query_id !== null);
  for (const backend of backends) {
    const key = poolKey(backend);
    let counting = pools.get(key);
    if (counting === undefined) {
      const pool = {
        application_name: backend.application_name,
        usename: backend.usename ?? '',
        datname: backend.datname ?? '',
        ...{sessions: 0, active: 0, waiting_for_lock: 0, idle: 0, idle_in_transaction: 0, aborted: 0},
        ...{clients: 0, begun: 0, unplanned: 0, xact_ms: 0},
        addresses: {},
      };
      counting = {pool, own: []};
      pools.set(key, counting);
    }
    const {pool, own} = counting;
    own.push(backend);
    pool.sessions++;
    if (isActive(backend)) pool.active++;
    if (hasQueryIds && isUnplanned(backend)) pool.unplanned++;
    if (isActive(backend) || isIdleInTransaction(backend))
      pool.xact_ms += backend.xact_age_ms ?? backend.query_age_ms ?? 0;
    if (isWaitingForLock(backend)) pool.waiting_for_lock++;
    if (backend.state === 'idle') pool.idle++;
    if (isIdleInTransaction(backend)) pool.idle_in_transaction++;
    if (backend.state === 'idle in transaction (aborted)') pool.aborted++;
    const {backend_xid, backend_start, backend_age_ms} = backend;
    if (backend_age_ms !== null && backend_age_ms < sinceLast_ms) {
      pool.begun++;
      pool.begun_ms = Math.min(pool.begun_ms ?? at_ms, at_ms - backend_age_ms);
    }
    if (backend_xid !== null && backend_start !== null && backend_start > (pool.newest_writer ?? ''))
      pool.newest_writer = backend_start;
    if (!isUnseen(backend)) {
      const address = backend.client_addr ?? '';
      pool.addresses[address] = (pool.addresses[address] ?? 0) + 1;
    }
  }
  return [...pools.values()].map(({pool, own}) => {
    const reporting = own.filter(isReporting);
    const busy = busyInstances(own);
    const unseen = unseenUse(own);
    return {
      ...pool,
      // Hidden sessions are those of some client, perhaps of one that is seen.
      clients: Math.max(1, Object.keys(pool.addresses).length),
      ...(reporting.length > 0 && {reported: queueOf(reporting)}),
      ...(busy.length > 0 && {busy_instances: busy}),
      ...(unseen.length > 0 && {unseen}),
    };
  });
}

/** One application, role and database. */
export function poolKey(of: {
  application_name: string;
  usename: string | null;
  datname: string | null;
}): string {
  return `${of.application_name}\0${of.usename ?? ''}\0${of.datname ?? ''}`;
}

const maps = new WeakMap<Sample, Map<string, PoolSample>>();

/** A sample's pool by its `poolKey`; the map is made once for each sample. */
export function poolIn(sample: Sample, key: string): PoolSample | undefined {
  let map = maps.get(sample);
  if (map === undefined) {
    map = new Map(sample.pools.map(pool => [poolKey(pool), pool]));
    maps.set(sample, map);
  }
  return map.get(key);
}

function waitsOf(snapshot: Snapshot): WaitSample[] {
  if (snapshot.lock_waits.length === 0) return [];
  const roots = rootsOf(snapshot);
  const sessions = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  // An autovacuum or apply worker that waits hurts no session by that; sessions that wait for it are counted.
  const waits = snapshot.lock_waits.flatMap(wait => {
    const backend = sessions.get(wait.pid);
    return backend === undefined ? [] : [{...wait, object: lockedObject(wait, backend), backend}];
  });
  return [...groupBy(waits, ({object}) => object)]
    .map(([object, own]): WaitSample => {
      const ages_ms = own.map(({wait_age_ms}) => wait_age_ms ?? 0).sort((a, b) => b - a);
      const pids = [...new Set(own.flatMap(({pid}) => roots.get(pid) ?? []))];
      const {value: pool, count} = mostOf(own, ({backend}) => poolKey(backend));
      const rows = own.filter(({locktype}) => rowLocks.includes(locktype));
      return {
        object,
        locktype: own[0]?.locktype ?? '',
        waiting: own.length,
        longest_ms: ages_ms[0] ?? 0,
        second_ms: ages_ms[1] ?? 0,
        roots: pids,
        held_ms: pids.every(pid => sessions.has(pid))
          ? Math.max(0, ...pids.map(pid => sessions.get(pid)?.xact_age_ms ?? Number.POSITIVE_INFINITY))
          : null,
        pool,
        pool_waiting: count,
        query_id: mostOf(own, ({backend}) => backend.query_id ?? '').value || null,
        condition: sharedCondition(rows.map(({backend}) => backend.query ?? '')),
        is_one_row: rows.some(({locktype}) => locktype === 'tuple'),
      };
    })
    .sort((a, b) => b.waiting - a.waiting);
}

function lwlocksOf(backends: readonly Backend[]): Sample['lwlocks'] {
  const waiting: Sample['lwlocks'] = {};
  for (const {wait_event_type, wait_event} of backends)
    if (wait_event_type === 'LWLock' && wait_event !== null)
      waiting[wait_event] = (waiting[wait_event] ?? 0) + 1;
  return waiting;
}

function toTransaction(backend: Backend): OpenTransaction {
  const {pid, xact_start, application_name, usename, state_age_ms, query_id} = backend;
  return {pid, xact_start, application_name, usename: usename ?? '', idle_ms: state_age_ms ?? 0, query_id};
}

function activityOf(backends: readonly Backend[]): ActivitySample[] {
  const activity = new Map<string, ActivitySample>();
  for (const backend of backends) {
    if (!isActive(backend)) continue;
    const {query_id, application_name, wait_event_type, wait_event} = backend;
    const event = wait_event_type === null ? null : `${wait_event_type}:${wait_event}`;
    const key = `${query_id}\0${event}\0${poolKey(backend)}`;
    const own = activity.get(key);
    if (own !== undefined) own.sessions++;
    else {
      const [usename, datname] = [backend.usename ?? '', backend.datname ?? ''];
      activity.set(key, {query_id, application_name, usename, datname, event, sessions: 1});
    }
  }
  return [...activity.values()];
}

/** How often statements begin is seen by looking: of those that take less than the interval, only the last in each session. */
function begunOf(backends: readonly Backend[], sinceLast_ms: number): Sample['begun'] {
  const begun = new Map<string, Sample['begun'][number]>();
  for (const backend of backends) {
    const {query_id, query_age_ms} = backend;
    if (query_id === null || query_age_ms === null || query_age_ms >= sinceLast_ms) continue;
    const key = `${query_id}\0${poolKey(backend)}`;
    const writes = writingStatement(backend.query);
    const own = begun.get(key) ?? {
      query_id,
      application_name: backend.application_name,
      usename: backend.usename ?? '',
      datname: backend.datname ?? '',
      count: 0,
      ...(writes !== null && {writes}),
    };
    own.count++;
    begun.set(key, own);
  }
  return [...begun.values()];
}

/** Recordings of 0.1 do not say when the counters were read: there, unchanged ones count as not read. */
function newCounters(
  {at, statements, statements_info}: Snapshot,
  before: readonly Sample[],
): StatementSample[] | null {
  const previous = before.findLast(sample => sample.statements !== null);
  const read_at = statements_info?.at ?? null;
  if (read_at !== null && read_at === previous?.statements_at) return null;
  const last = previous?.statements ?? [];
  const isSame =
    read_at === null &&
    last.length === statements.length &&
    statements.every(
      ({calls, total_exec_time_ms}, index) =>
        calls === last[index]?.calls && total_exec_time_ms === last[index]?.total_exec_time_ms,
    );
  if (isSame) return null;
  const at_ms = Date.parse(at);
  return statements.map(statement => {
    const {queryid, calls, total_exec_time_ms, rows, stats_since} = statement;
    const since_ms = stats_since === null ? null : Date.parse(stats_since);
    return {
      id: statementKey(statement),
      queryid,
      calls,
      total_exec_time_ms,
      rows,
      ...(since_ms !== null && at_ms - since_ms <= windowMs && {since_ms}),
    };
  });
}

function schemaChangesOf(
  backends: readonly Backend[],
  at_ms: number,
  sinceLast_ms: number,
): Sample['schema_changes'] {
  return backends.flatMap(backend => {
    const {pid, query, query_age_ms} = backend;
    const isBegun = isActive(backend) && query_age_ms !== null && query_age_ms < sinceLast_ms;
    if (!isBegun || !isSchemaChange(query)) return [];
    const {application_name, usename} = backend;
    const statement = statementName(query);
    return [{pid, at_ms: at_ms - query_age_ms, statement, query, application_name, usename}];
  });
}
