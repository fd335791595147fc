import type {Act, Finding} from '../../../model/recipe.ts';
import type {LockTable, MostLocks} from '../../../model/server-facts.ts';
import type {Backend, Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {isActive} from '../../sessions/session.ts';
import {counted, formatAge, formatCount, formatRatio} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {advice} from './failing-part.ts';
import {rollbacksOf} from './failing-signs.ts';
import {type RecentError, recentErrors} from './logged.ts';

/**
 * The shared lock table is full: statements that need one more fail with "out of shared memory" (53200), whatever memory the machine
 * has. One transaction that reads very many tables or partitions fills it, or a session that takes an advisory lock for each row.
 */
export function examineLockTable(context: Context): Finding[] {
  const {snapshot, facts} = context;
  const table = facts.lock_table && leftOf(facts.lock_table, snapshot);
  if (table === undefined || ratioOf(table) < thresholds.lock_table_ratio.warning) return [];
  const isCritical = ratioOf(table) >= thresholds.lock_table_ratio.critical;
  const failing = isCritical
    ? rollbacksOf(context).filter(
        ({unasked_per_second, per_second}) =>
          (unasked_per_second ?? per_second) >= thresholds.rollbacks_per_second.warning,
      )
    : [];
  const holder = snapshot.backends.find(each => isOf(each, table.most));
  const keeper = holder !== undefined && keepsLocks(holder, table) ? holder : undefined;
  const rate = failing.reduce((sum, each) => sum + (each.unasked_per_second ?? each.per_second), 0);
  const areLogged = recentErrors(context).some(isOutOfLocks);
  const fate =
    isCritical || areLogged ? `${areLogged ? '' : 'may '}fail (53200)` : 'will fail (53200) when it is full';
  const acts = [...(keeper === undefined ? [] : releaseActs(keeper, table, context)), ...settingActs(table)];
  return [
    {
      recipe: acts[0]?.recipe ?? 'lock-table-full',
      ...(acts[0]?.recipe && {params: acts[0].params}),
      severity: isCritical ? 'critical' : 'warning',
      subject: 'server/lock-table',
      summary: `the shared lock table is ${failing.length > 0 ? 'full' : `${formatRatio(Math.min(1, ratioOf(table)), 0)} full`}: ${describeMost(table, holder, keeper)}; ${failing.length > 0 ? `statements ${fate}, ${Math.round(rate)} rollbacks/s` : `statements that need more ${fate}`}`,
      evidence: {
        locks: table.used,
        capacity: table.capacity,
        most_locks: table.most?.locks ?? null,
        ...(holder !== undefined && {pid: holder.pid}),
      },
      harm: {
        kind: failing.length > 0 ? 'failing' : 'soon',
        sessions: failing.length > 0 ? snapshot.backends.filter(isActive).length : 0,
        share: Math.max(0.5, ...failing.map(({share}) => share)),
        since: failing[0]?.since ?? null,
      },
      cause: 'lock-table-full',
      explains: [
        ...failing.map(({datname}) => `database:${datname}/rollbacks`),
        ...(keeper === undefined ? [] : [subjectOf(keeper.pid), poolSubject(keeper)]),
      ],
      confidence: failing.length > 0 ? 'likely' : 'certain',
      reasons: [
        `${formatCount(table.used)} objects are locked; there is room for about ${formatCount(table.capacity)}: max_locks_per_transaction times the number of possible processes and prepared transactions, shared by all of them.`,
        'A transaction keeps each lock to its end, one for every table, partition and index that it reads; a session keeps those of pg_advisory_lock.',
        'The message "out of shared memory" (53200) is about this table, not about the memory of the machine.',
      ],
      acts,
    },
  ];
}

/** Where the session that had most of them is gone since the table was read: what others have at least. */
function leftOf(table: LockTable, {backends, background_workers = []}: Snapshot): LockTable {
  const {most, used} = table;
  const isThere =
    most === null ||
    most.pid === null ||
    backends.some(each => isOf(each, most)) ||
    background_workers.some(({pid}) => pid === most.pid);
  return isThere ? table : {...table, used: used - most.locks, most: null};
}

/** A later session may have the same pid. */
function isOf({pid, backend_start}: Backend, most: MostLocks | null): boolean {
  return pid === most?.pid && backend_start === most.backend_start;
}

/** It is known to have them still: a pooled session may since be in the transaction of another request. */
function keepsLocks({backend_start, xact_start}: Backend, {at, most}: LockTable): boolean {
  if (backend_start === null || most === null) return false;
  return !most.in_transaction || (xact_start !== null && xact_start <= at);
}

/** The state is also that of a machine without memory. */
function isOutOfLocks({sqlstate, message}: RecentError): boolean {
  return sqlstate === '53200' && message.includes('shared memory');
}

function ratioOf({used, capacity}: LockTable): number {
  return used / capacity;
}

function describeMost(
  {used, most}: LockTable,
  holder: Backend | undefined,
  keeper: Backend | undefined,
): string {
  if (most === null) return `at least ${counted(used, 'lock')}`;
  const who =
    holder !== undefined
      ? poolName(holder)
      : most.pid === null
        ? 'a prepared transaction'
        : `session ${most.pid}`;
  return `${who} has ${formatCount(most.locks)} of its ${formatCount(used)} locks${most.in_transaction && keeper?.xact_age_ms != null ? `, in one transaction (${formatAge(keeper.xact_age_ms)})` : ''}`;
}

function releaseActs(holder: Backend, {most}: LockTable, {snapshot}: Context): Act[] {
  const protection = protectionOf(holder, snapshot, false);
  const who = poolName(holder);
  if (protection !== null)
    return [
      advice(`wait until ${who} is done (${protection.reason})`, {
        frees: null,
        costs: 'until then statements fail',
      }),
    ];
  const isEnded = !isActive(holder) || most?.in_transaction === false;
  return [
    {
      recipe: isEnded ? 'terminate-sessions' : 'cancel-statements',
      params: {pid: String(holder.pid)},
      title: isEnded ? `terminate the session of ${who}` : `cancel the statement of ${who}`,
      frees: 'frees its locks immediately',
      costs: 'its transaction is rolled back',
    },
  ];
}

function settingActs({capacity}: LockTable): Act[] {
  return [
    advice('let it read fewer tables in one transaction: commit after each, or name the partition key', {
      frees: null,
      costs: 'an application change',
    }),
    advice(`raise max_locks_per_transaction, for more than ${counted(capacity, 'lock')}`, {
      frees: null,
      costs: 'a restart, and some shared memory',
    }),
  ];
}
