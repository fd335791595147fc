import type {PoolSample} from '../../../model/assessment.ts';
import type {Confidence, Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {counted, formatMs} from '../../text/format.ts';
import {type Context, heldSince, type PoolHistory, poolName, poolSubjectIn, windowMs} from '../context.ts';
import {poolIn} from '../sample.ts';
import {averageIdleMs, idleSpans} from './pools-idle-spans.ts';
import {timeoutAct} from './pools-leaks.ts';
import {busyReadings, isBusy, meanExecMs, statementText} from './pools-readings.ts';
import {advice} from './slots-acts.ts';

/**
 * All sessions of an application are in transaction in most readings, most of them idle, each for long and none for
 * ever: the application waits outside the database (an HTTP call, a queue, a lock of its own) inside its transactions. One
 * session alone may be a job that computes between its statements, which harms none: without a reported queue it has no harm.
 */
export function outsideCall(context: Context, history: PoolHistory): Finding | null {
  const {last} = history;
  const parked = parkedSessions(context, history);
  if (parked === null) return null;
  const {average_ms, ended, spans} = parked;
  const busy = busyReadings(history);
  const after = commonStatement(context, history, spans);
  if (isWorker(history)) return null;
  const isJobPerhaps = last.sessions === 1 && !last.reported?.waiting;
  const seconds = `${(average_ms / 1000).toFixed(1)} s`;
  const finding: Finding = {
    recipe: 'outside-call',
    severity: 'warning',
    subject: poolSubjectIn(context, last),
    summary: `${poolName(last)} ${isJobPerhaps ? 'pauses inside its transactions' : 'holds transactions open while it waits outside the database'}: ${last.sessions === 1 ? 'its one session' : `all ${last.sessions} sessions`} in a transaction in ${busy} of ${history.samples.length} snapshots, idle for ${seconds} on average${after === null ? '' : ` after ${after.text}`}${isJobPerhaps ? '; requests that wait for it cannot be seen' : ''}`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      sessions: last.sessions,
      average_idle_in_transaction_ms: Math.round(average_ms),
      readings: history.samples.length,
      readings_all_in_transaction: busy,
      transactions_ended: ended,
      last_statement: after?.text ?? null,
      mean_exec_time_ms: after?.mean_ms ?? null,
    },
    cause: 'outside-call',
    explains: [
      poolSubjectIn(context, last),
      ...history.sessions.filter(isIdleInTransaction).map(({pid}) => subjectOf(pid)),
    ],
  };
  return isJobPerhaps ? finding : {...finding, ...harmOf(context, history, {...parked, after})};
}

function harmOf(
  context: Context,
  history: PoolHistory,
  {average_ms, ended, after}: Parked & {after: ReturnType<typeof commonStatement>},
): Pick<Finding, 'harm' | 'confidence' | 'reasons' | 'acts'> {
  const {samples} = context;
  const {last} = history;
  const seconds = `${(average_ms / 1000).toFixed(1)} s`;
  return {
    harm: {
      kind: 'pool',
      sessions: last.sessions,
      share: busyReadings(history) / history.samples.length,
      since: heldSince(samples, sample => isBusy(poolIn(sample, history.key))) ?? null,
    },
    confidence: confidenceOf(history.samples.length),
    reasons: [
      `${ended} of its transactions ended in ${Math.round(windowMs(context) / 1000)} s: ending its sessions would not help, the next ones do the same.`,
      ...(after?.mean_ms == null
        ? []
        : [
            `${after.text} takes ${formatMs(after.mean_ms)} on average: it is not the database that takes long.`,
          ]),
      `A session that holds a transaction for ${seconds} serves no other request: ${counted(last.sessions, 'session')} ${last.sessions === 1 ? 'serves' : 'serve'} at most ${(last.sessions / (average_ms / 1000)).toFixed(1)} transactions/s. Other requests wait in the application's pool (P2024)${last.reported?.waiting ? '' : ', which the server cannot see'}.`,
    ],
    acts: [
      advice(
        `move the call out of the transaction${after === null ? '' : ` that begins with or follows ${after.text}`}: before it, or after its COMMIT`,
        'an application change; what the call returns is written by a second transaction',
      ),
      advice(
        "give the application's transactions a time limit: $transaction(..., {timeout}), 5 s by default in Prisma",
        'a call that takes longer fails, and its transaction is rolled back',
      ),
      timeoutAct(last, 2 * average_ms),
    ],
  };
}

/** One that takes jobs of a queue one by one, and keeps each locked while it works on it: it is made so. */
function isWorker({last, sessions}: PoolHistory): boolean {
  return (
    last.sessions < thresholds.pool_sessions.warning &&
    sessions.some(({query}) => /\bfor\s+(?:no\s+key\s+)?update\b/i.test(query ?? ''))
  );
}

type Parked = {average_ms: number; ended: number; spans: ReturnType<typeof idleSpans>};

/** Half of an application's sessions are idle in transactions, each for long and none for ever; else null. */
export function parkedSessions({samples}: Context, history: PoolHistory): Parked | null {
  const sum = (read: (pool: PoolSample) => number) =>
    history.samples.reduce((total, {pool}) => total + read(pool), 0);
  if (sum(pool => pool.idle_in_transaction) < sum(pool => pool.sessions) / 2) return null;
  const spans = idleSpans(samples, history.last);
  const average_ms = averageIdleMs(spans, samples);
  const ended = spans.filter(({has_ended}) => has_ended).length;
  // Transactions that do not end are a leak.
  if (average_ms === null || average_ms < thresholds.outside_call_ms.warning || ended < 2) return null;
  return {average_ms, ended, spans};
}

/** A minute of readings leaves little doubt. */
function confidenceOf(readings: number): Confidence {
  return readings < 10 ? 'possible' : 'likely';
}

/** The statement after which its sessions are idle most often, and what it takes by itself. */
function commonStatement(
  {snapshot}: Context,
  {sessions}: PoolHistory,
  spans: ReturnType<typeof idleSpans>,
): {text: string; mean_ms: number | null} | null {
  const idle = sessions.filter(isIdleInTransaction);
  const frequency = new Map<string, number>();
  for (const {query_id} of spans)
    if (query_id !== null) frequency.set(query_id, (frequency.get(query_id) ?? 0) + 1);
  const [example] = idle.toSorted(
    (a, b) => (frequency.get(b.query_id ?? '') ?? 0) - (frequency.get(a.query_id ?? '') ?? 0),
  );
  const text = statementText(example?.query ?? null);
  if (example === undefined || text === null) return null;
  return {text, mean_ms: meanExecMs(snapshot, example.query_id)};
}
