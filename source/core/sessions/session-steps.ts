import type {Backend} from '../snapshot.ts';
import type {Sql, SqlStep, Step, Verification} from '../step.ts';
import {describeBackend, subjectOf} from './protection.ts';

/** A session that can be told apart from any later one with the same pid: what protectionOf has let through. */
export type KnownSession = Backend & {backend_start: string; state_change: string};

export function isKnownSession(backend: Backend): backend is KnownSession {
  return backend.backend_start !== null && backend.state_change !== null;
}

/**
 * Ends one session if it is still the one that was read. `unchanged`: and only if it has done nothing since.
 * The guard stands in the acting statement, because between any reading and the act lie seconds. PG14's waiting
 * pg_terminate_backend(pid, timeout) looks every 100 ms; verification sees the end within about 20.
 */
export function terminateStep(session: KnownSession, guard: 'unchanged' | 'identity'): SqlStep {
  return {
    kind: 'sql',
    title: `end session ${session.pid} (${describeBackend(session)})`,
    subject: subjectOf(session.pid),
    apply: guardedCall('pg_catalog.pg_terminate_backend(pid) AS signalled', session, guard),
    undo: 'irreversible',
    verify: goneVerification(session),
    lock: 'none',
    transaction: false,
    timeout_ms: 10_000,
  };
}

/**
 * Ends a session that holds others up, only while it does. One that was `running` gets here after a cancel, so it
 * may have moved on within its transaction, but not beyond it: a transaction begins no later than the statement
 * that was read of it. An aborted one is still open and holds no lock.
 */
export function terminateBlockerStep(session: KnownSession, isRunning: boolean): Step {
  const step = terminateStep(session, isRunning ? 'identity' : 'unchanged');
  const title = `end session ${session.pid} (${describeBackend(session)}) if it ${isRunning ? 'still ' : ''}holds others up`;
  return {...step, title, guard: blockerGuard(session)};
}

/** Cancels the statement that was read, not the one that the session may have begun since. */
export function cancelStep(session: KnownSession): Step {
  return {
    kind: 'sql',
    title: `cancel the statement of session ${session.pid} (${describeBackend(session)})`,
    subject: subjectOf(session.pid),
    apply: guardedCall('pg_catalog.pg_cancel_backend(pid) AS cancelled', session, 'unchanged'),
    undo: 'irreversible',
    verify: statementEndedVerification(session),
    lock: 'none',
    transaction: false,
    timeout_ms: 10_000,
  };
}

/** pg_blocking_pids() takes the lock manager whole: asked of those alone that wait. */
function blockerGuard({pid, backend_start, state_change}: KnownSession): Verification {
  return {
    query: {
      text: `SELECT CASE WHEN a.xact_start > $3::timestamptz THEN 'it is in another transaction by now' WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity w WHERE CASE WHEN w.wait_event_type = 'Lock' THEN a.pid = ANY (pg_catalog.pg_blocking_pids(w.pid)) ELSE false END) THEN 'blocks' ELSE 'it holds nobody up any more' END AS guard FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1 AND a.backend_start = $2::timestamptz`,
      values: [pid, backend_start, state_change],
    },
    expect: {column: 'guard', op: '=', value: 'blocks'},
  };
}

function guardedCall(call: string, session: KnownSession, guard: 'unchanged' | 'identity'): Sql {
  const isSame = 'pid = $1 AND backend_start = $2::timestamptz';
  const isUnchanged = 'state = $3 AND state_change <= $4::timestamptz';
  const isAllowed =
    "backend_type = 'client backend' AND application_name <> 'poolctl' AND pid <> pg_catalog.pg_backend_pid()";
  const guards = guard === 'unchanged' ? [isSame, isUnchanged, isAllowed] : [isSame, isAllowed];
  return {
    text: `SELECT pid, ${call} FROM pg_catalog.pg_stat_activity WHERE ${guards.join(' AND ')}`,
    values: [
      session.pid,
      session.backend_start,
      ...(guard === 'unchanged' ? [session.state, session.state_change] : []),
    ],
  };
}

/** A row whose start is hidden counts as still there: not to know is not to have verified. */
function goneVerification({pid, backend_start}: KnownSession): Verification {
  return {
    query: {
      text: 'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND (backend_start IS NULL OR backend_start = $2::timestamptz)',
      values: [pid, backend_start],
    },
    expect: {column: 'remaining', op: '=', value: 0},
  };
}

function statementEndedVerification({pid, backend_start, state, state_change}: KnownSession): Verification {
  return {
    query: {
      text: 'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND (backend_start IS NULL OR backend_start = $2::timestamptz AND state = $3 AND state_change <= $4::timestamptz)',
      values: [pid, backend_start, state, state_change],
    },
    expect: {column: 'remaining', op: '=', value: 0},
  };
}
