import type {PoolQueue} from '../../../model/application-pool.ts';
import type {PoolSample} from '../../../model/assessment.ts';
import type {Act, Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {instancesOf} from '../../pool/clients.ts';
import {counted, formatMs, formatRatio} from '../../text/format.ts';
import {type Context, heldSince, type PoolHistory, poolName, poolSubject} from '../context.ts';
import {isActive, poolIn} from '../sample.ts';
import {busyReadings, isBusy, isBusyPool, meanExecMs, statementText} from './pools-readings.ts';
import {advice, tuneAct} from './slots-acts.ts';

/**
 * Whether requests wait for a session: the application says so, or all of its sessions are busy in most readings. Where locks
 * keep them busy, that is the finding.
 */
export function isSaturated(context: Context, history: PoolHistory): boolean {
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
 * Requests of an application wait for a session while the server has free slots. Why its statements take long is
 * the finding of another examination: of the waiting, or of the statement that most of its sessions run.
 */
export function saturatedPool(context: Context, history: PoolHistory): Finding | null {
  const {last, sessions, samples} = history;
  const {budget} = context.snapshot;
  if (budget.used_ratio >= thresholds.used_ratio.warning || !isSaturated(context, history)) return null;
  const share = busyReadings(history) / samples.length;
  const main = mainStatement(sessions);
  const mean_ms = main === null ? null : meanExecMs(context.snapshot, main.query_id);
  const free = `${counted(budget.headroom, 'slot')} of the server ${budget.headroom === 1 ? 'is' : 'are'} free`;
  const reported = last.reported?.waiting ? last.reported : undefined;
  const idle = reported === undefined ? 0 : idleInUse(sessions);
  const full =
    reported === undefined
      ? `the pool of ${poolName(last)} is full: all ${last.sessions} sessions busy in ${formatRatio(share, 0)} of ${samples.length} readings`
      : `${poolName(last)}: ${queueText(reported)}`;
  return {
    recipe: main === null ? 'tune-connection-limit' : 'pool-saturated',
    severity: 'warning',
    subject: poolSubject(last),
    summary: `${full}${main === null ? '' : `, ${main.sessions} of them in ${main.text}`}; ${free}`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      sessions: last.sessions,
      busy_ratio: share,
      readings: samples.length,
      headroom: budget.headroom,
      clients: last.clients,
      main_statement: main?.text ?? null,
      ...(reported !== undefined && {
        pool_size: reported.size,
        waiting_requests: reported.waiting,
        wait_p95_ms: reported.wait_p95_ms,
      }),
    },
    cause: 'pool-saturated',
    harm: {
      kind: 'pool',
      // Those that wait in the application cannot be seen, or are no sessions. What makes its statements slow stands above.
      sessions: 0,
      share: samples.filter(({pool}) => isFull(pool)).length / samples.length,
      since: heldSince(context.samples, sample => isFull(poolIn(sample, history.key))) ?? null,
    },
    explains: main?.query_id == null ? [poolSubject(last)] : [`statement:${main.query_id}`],
    confidence: reported === undefined ? 'possible' : 'certain',
    reasons: [
      `${free}: the application's pool is the limit, not the server. Requests beyond it wait in the application (P2024)${reported === undefined ? ', which the server cannot see' : ', which reports them in application_name'}.`,
      ...(main === null
        ? [
            idle > 0
              ? `${idle} of its sessions are idle on the server, though their pools have none free: requests keep connections between their statements.`
              : 'Its sessions run different statements, and few wait for a lock: it has more to do than its pool serves.',
          ]
        : [
            `${main.sessions} of its ${last.sessions} sessions run ${main.text}${mean_ms === null ? '' : `, ${formatMs(mean_ms)} on average`}.`,
          ]),
    ],
    ...actsOf(history, main, idle > 0),
  };
}

/** Sessions that their pool has handed out, as it makes requests wait, and that run nothing; 0 if they are the fewer. */
function idleInUse(sessions: readonly Backend[]): number {
  const own = sessions.filter(({pool_report}) => pool_report !== undefined && pool_report.waiting > 0);
  const idle = own.filter(({state}) => state === 'idle').length;
  return idle > own.length / 2 ? idle : 0;
}

/** `34 requests wait for its pools of 9 connections, at the 95th percentile for 1.20s`. */
export function queueText({size, waiting, wait_p95_ms}: PoolQueue): string {
  const wait = wait_p95_ms === null ? '' : `, at the 95th percentile for ${formatMs(wait_p95_ms)}`;
  return `${counted(waiting, 'request')} ${waiting === 1 ? 'waits' : 'wait'} for its pool of ${size}${wait}`;
}

function isFull(pool: PoolSample | undefined): boolean {
  return pool?.reported?.waiting ? true : isBusy(pool);
}

/** Ten seconds of the console's readings: a burst fills a pool for less. */
const leastReadings = 10;

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
  const active = sessions.filter(isActive);
  const isLong = ({query, query_age_ms}: Backend) =>
    /^\s*(copy|insert|create|alter|vacuum|refresh|reindex|cluster)\b/i.test(query ?? '') ||
    (query_age_ms ?? 0) > thresholds.report_statement_ms.warning;
  if (active.filter(isLong).length > active.length / 2) return true;
  if (last.clients > 1) return false;
  const kinds = new Set<string>();
  for (const {begun} of samples.toReversed()) {
    for (const {application_name, usename, query_id} of begun)
      if (application_name === last.application_name && usename === last.usename) kinds.add(query_id);
    if (kinds.size >= leastStatements) return false;
  }
  return true;
}

/** A service runs many kinds of statements, a job few besides its BEGIN and COMMIT. */
const leastStatements = 6;

type MainStatement = {text: string; query_id: string | null; sessions: number};

/** The statement that more than half of the sessions run. */
function mainStatement(sessions: readonly Backend[]): MainStatement | null {
  const active = sessions.filter(isActive);
  const groups = groupBy(active, ({query_id, query}) => query_id ?? query ?? '');
  const [most = []] = [...groups.values()].sort((a, b) => b.length - a.length);
  const [first] = most;
  const text = statementText(first?.query ?? null);
  if (first === undefined || text === null || most.length <= sessions.length / 2) return null;
  return {text, query_id: first.query_id, sessions: most.length};
}

function actsOf(
  {last, sessions}: PoolHistory,
  main: MainStatement | null,
  isIdleInUse: boolean,
): Pick<Finding, 'acts' | 'params'> {
  const tune: Act = tuneAct(
    last.usename,
    {instances: instancesOf(sessions).length},
    {
      title: `give ${poolName(last)} more connections: the connection_limit that fits`,
      costs: 'more statements at the same time: where CPU or disk is the limit, each takes longer',
    },
  );
  const release = advice(
    'release the connection between the statements of a request, or while it calls something else',
    'a change of the application; what belongs together stays in one transaction',
  );
  if (main === null) return {params: tune.params, acts: isIdleInUse ? [tune, release] : [tune]};
  const faster = advice(
    `make ${main.text} faster: its plan and waits are in Statements`,
    'nothing else makes the pool serve more requests without more load',
  );
  return {acts: [faster, tune]};
}
