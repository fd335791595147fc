import type {PoolQueue} from '../../../model/application-pool.ts';
import type {BusyInstance} from '../../../model/assessment.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {instancesOf} from '../../pool/clients.ts';
import {isActive} from '../../sessions/session.ts';
import {counted, formatMs} from '../../text/format.ts';
import type {Context, PoolHistory} from '../context.ts';
import {busyReadings, isBusyPool} from './pools-readings.ts';

/** What has no session free for the next request: all of an application's pool, or one of its instances. */
export type FullPart = {
  sessions: readonly [Backend, ...Backend[]];
  /** Of the readings in which all of them were busy. */
  share: number;
  /** null: all of them are full, or they say so themselves. */
  instance: {client_addr: string | null} | null;
};

/** null: no request waits for a session, as far as the server shows it. */
export function fullPart(context: Context, history: PoolHistory): FullPart | null {
  const [first, ...others] = history.sessions;
  if (first === undefined) return null;
  if (!isSaturated(context, history)) return fullInstance(history);
  return {
    sessions: [first, ...others],
    share: busyReadings(history) / history.samples.length,
    instance: null,
  };
}

/**
 * Whether requests wait for a session: the application says so, or all of its sessions are busy in most readings. Where locks
 * keep them busy, that is the finding.
 */
function isSaturated(context: Context, history: PoolHistory): boolean {
  const {samples, last} = history;
  const waiting = samples.reduce((sum, {pool}) => sum + pool.waiting_for_lock, 0);
  const active = samples.reduce((sum, {pool}) => sum + pool.active, 0);
  if (waiting > active / 2) return false;
  const reports = samples.slice(-leastReadings).flatMap(({pool}) => pool.reported ?? []);
  if (isQueue(reports)) return true;
  // All of its pools report, or some: one never has more sessions than its size.
  if (reports.length > 0 && last.sessions <= (last.reported?.size ?? 0)) return false;
  return (
    samples.length >= leastReadings && isBusyPool(history) && !isFast(history) && !isJob(context, history)
  );
}

/** Requests wait in most readings, each for long: a pool that is used well makes some wait for a moment. */
function isQueue(reports: readonly PoolQueue[]): boolean {
  const waits = reports.filter(
    ({waiting, wait_p95_ms}) => waiting > 0 && (wait_p95_ms ?? Infinity) >= thresholds.pool_wait_ms.warning,
  );
  return (
    reports.length >= leastReports &&
    waits.length > reports.length / 2 &&
    waits.includes(reports.at(-1) as PoolQueue)
  );
}

/** As many as `check` without a watch takes: a report is of several seconds. */
const leastReports = 3;

/**
 * The one with the most busy readings of those that report no pool. Instances of an application have pools of one size: a full one has
 * as many sessions as any other. What keeps it busy is judged as for a whole pool.
 */
function fullInstance({samples, sessions}: PoolHistory): FullPart | null {
  if (samples.length < leastReadings) return null;
  const seen = samples.flatMap(({pool}) => pool.busy_instances ?? []);
  const [most = []] = [...groupBy(seen, ({client_addr}) => client_addr ?? '').values()].sort(
    (a, b) => b.length - a.length,
  );
  const last = most.at(-1);
  const share = most.length / samples.length;
  if (last === undefined || share < thresholds.pool_busy_ratio.warning || !isAtWork(most)) return null;
  const [first, ...others] = sessions.filter(({pid}) => last.pids.includes(pid));
  const elsewhere = sessions.filter(({client_addr}) => client_addr !== last.client_addr);
  const isLargest = instancesOf(elsewhere).every(own => own.length <= last.pids.length);
  if (first === undefined || !isLargest || isLongWork([first, ...others])) return null;
  return {sessions: [first, ...others], share, instance: {client_addr: last.client_addr}};
}

/** With statements of many kinds, each long enough for requests to wait, and not held up by locks or by something else. */
export function isAtWork(readings: readonly BusyInstance[]): boolean {
  const sum = (read: (of: BusyInstance) => number) => readings.reduce((total, each) => total + read(each), 0);
  const busy = sum(({pids}) => pids.length);
  const active = sum(each => each.active);
  return (
    active > busy / 2 &&
    sum(({waiting_for_lock}) => waiting_for_lock) <= active / 2 &&
    sum(({xact_ms}) => xact_ms) >= busy * thresholds.pool_transaction_ms.warning &&
    new Set(readings.flatMap(({query_ids}) => query_ids)).size >= leastStatements
  );
}

/** `34 requests wait for its pool of 9 (p95 wait 1.20s)`. */
export function queueText({size, waiting, wait_p95_ms}: PoolQueue): string {
  const wait = wait_p95_ms === null ? '' : ` (p95 wait ${formatMs(wait_p95_ms)})`;
  return `${counted(waiting, 'request')} ${waiting === 1 ? 'waits' : 'wait'} for its pool of ${size}${wait}`;
}

/** Ten seconds of the console's readings: a burst fills a pool for less. */
export const leastReadings = 10;

/** Its transactions end so soon that one is free for the next request in a moment. */
function isFast({samples}: PoolHistory): boolean {
  const busy = samples.reduce((sum, {pool}) => sum + pool.active + pool.idle_in_transaction, 0);
  const xact_ms = samples.reduce((sum, {pool}) => sum + pool.xact_ms, 0);
  return xact_ms < busy * thresholds.pool_transaction_ms.warning;
}

/**
 * A batch or a bulk load keeps its few sessions busy for as long as it takes: it runs on one client, the same statements
 * over and over, or COPY, or statements for over half a minute.
 */
function isJob({samples}: Context, {last, sessions}: PoolHistory): boolean {
  if (isLongWork(sessions)) return true;
  if (last.clients > 1) return false;
  const kinds = new Set<string>();
  for (const {begun} of samples.toReversed()) {
    for (const {application_name, usename, query_id} of begun)
      if (application_name === last.application_name && usename === last.usename) kinds.add(query_id);
    if (kinds.size >= leastStatements) return false;
  }
  return true;
}

export function isLongWork(sessions: readonly Backend[]): boolean {
  const active = sessions.filter(isActive);
  const isLong = ({query, query_age_ms}: Backend) =>
    /^\s*(copy|insert|create|alter|vacuum|refresh|reindex|cluster)\b/i.test(query ?? '') ||
    (query_age_ms ?? 0) > thresholds.report_statement_ms.warning;
  return active.filter(isLong).length > active.length / 2;
}

/** A service runs many kinds of statements, a job few besides its BEGIN and COMMIT. */
const leastStatements = 6;
