import type {SqlStep, Step, Verification} from '../../model/step.ts';
import {describeBackend, subjectOf} from './protection.ts';
import {type KnownSession, type Signal, signalSql} from './signal-sql.ts';

/** Ends one session if it is still the one that was read; `unchanged`: and only if it has done nothing since. */
export function terminateStep(session: KnownSession, same: 'unchanged' | 'session'): SqlStep {
  return {
    kind: 'sql',
    title: `end session ${session.pid} (${describeBackend(session)})`,
    subject: subjectOf(session.pid),
    // PG14's waiting pg_terminate_backend(pid, timeout) looks every 100 ms; verification sees the end within about 20.
    apply: signalSql(session, {call: 'pg_terminate_backend', same}),
    verify: goneVerification(session),
    ...signalling,
  };
}

/** The same, and only while it holds a lock: a condition on its pid. */
export function terminateHolderStep(session: KnownSession, holding: NonNullable<Signal['holding']>): SqlStep {
  const apply = signalSql(session, {call: 'pg_terminate_backend', same: 'unchanged', holding});
  return {...terminateStep(session, 'unchanged'), apply};
}

/**
 * Ends a session that holds others up, only while it does. One that was `running` gets here after a cancel, so it
 * may have moved on within its transaction, but not beyond it. An aborted one is still open and holds no lock.
 */
export function terminateBlockerStep(session: KnownSession, isRunning: boolean): Step {
  const same = isRunning ? 'transaction' : 'unchanged';
  return {
    ...terminateStep(session, 'unchanged'),
    title: `end session ${session.pid} (${describeBackend(session)}) if it ${isRunning ? 'still ' : ''}holds others up`,
    guard: blockerGuard(session),
    apply: signalSql(session, {call: 'pg_terminate_backend', same, holding: holdsOthersUp}),
  };
}

/** Cancels the statement that was read, not the one that the session may have begun since. */
export function cancelStep(session: KnownSession): Step {
  return {
    kind: 'sql',
    title: `cancel the statement of session ${session.pid} (${describeBackend(session)})`,
    subject: subjectOf(session.pid),
    apply: signalSql(session, {call: 'pg_cancel_backend', same: 'statement'}),
    verify: statementEndedVerification(session),
    ...signalling,
  };
}

const signalling = {undo: 'irreversible', lock: 'none', transaction: false, timeout_ms: 10_000} as const;

/** Says why not in words; the acting statement asks the same again. */
function blockerGuard({pid, backend_start, xact_start}: KnownSession): Verification {
  return {
    query: {
      text: `SELECT CASE WHEN a.xact_start <> $3::timestamptz THEN 'it is in another transaction by now' WHEN ${holdsOthersUp('a.pid')} THEN 'blocks' ELSE 'it holds nobody up any more' END AS guard FROM pg_catalog.pg_stat_get_activity($1::int4) a WHERE a.backend_start = $2::timestamptz`,
      values: [pid, backend_start, xact_start],
    },
    expect: {column: 'guard', op: '=', value: 'blocks'},
  };
}

/** pg_blocking_pids() takes the lock manager whole: asked of those alone that wait. */
function holdsOthersUp(pid: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE CASE WHEN w.granted OR w.pid IS NULL THEN false ELSE ${pid} = ANY (pg_catalog.pg_blocking_pids(w.pid)) END)`;
}

/** A row whose start is hidden counts as still there: not to know is not to have verified. */
function goneVerification({pid, backend_start}: KnownSession): Verification {
  return remaining('a.backend_start = $2::timestamptz', pid, backend_start);
}

function statementEndedVerification(session: KnownSession): Verification {
  const {pid, backend_start, state, state_change, query_start} = session;
  return remaining(
    'a.backend_start = $2::timestamptz AND a.state = $3 AND a.state_change = $4::timestamptz AND a.query_start IS NOT DISTINCT FROM $5::timestamptz',
    ...[pid, backend_start, state, state_change, query_start],
  );
}

function remaining(isSame: string, ...values: Verification['query']['values']): Verification {
  return {
    query: {
      text: `SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_stat_get_activity($1::int4) a WHERE a.backend_start IS NULL OR ${isSame}`,
      values,
    },
    expect: {column: 'remaining', op: '=', value: 0},
  };
}
