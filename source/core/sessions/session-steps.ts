import type {Backend} from '../../model/snapshot.ts';
import type {Sql, SqlStep, Step, Verification} from '../../model/step.ts';
import {createPlaceholders} from '../sql/quote.ts';
import {describeBackend, subjectOf} from './protection.ts';

/** Ends one session if it is still the same; `unchanged`: and has run nothing since; `idle`: and is idle just then. */
export function terminateStep(session: KnownSession, same: 'unchanged' | 'session' | 'idle'): SqlStep {
  return {
    kind: 'sql',
    title: `terminate ${session.pid} (${describeBackend(session)})`,
    subject: subjectOf(session.pid),
    // pg_terminate_backend(pid, timeout) of PG14 polls every 100 ms; verification sees the end within about 20 ms.
    apply: signalSql(session, {call: 'pg_terminate_backend', same}),
    verify: goneVerification(session),
    ...signalling,
  };
}

/** The same, but only while the condition `holding` on its pid is true. */
export function terminateHolderStep(session: KnownSession, holding: NonNullable<Signal['holding']>): SqlStep {
  const apply = signalSql(session, {call: 'pg_terminate_backend', same: 'unchanged', holding});
  return {...terminateStep(session, 'unchanged'), apply};
}

/**
 * Ends a session only while it blocks others. With `isRunning` its statement was cancelled before, so it may have executed
 * more in the same transaction, but must not have begun another one. An aborted transaction is open and holds no locks.
 */
export function terminateBlockerStep(session: KnownSession, isRunning: boolean): Step {
  const same = isRunning ? 'transaction' : 'unchanged';
  return {
    ...terminateStep(session, 'unchanged'),
    title: `terminate ${session.pid} (${describeBackend(session)}) if it ${isRunning ? 'still ' : ''}blocks others`,
    guard: blockerGuard(session),
    apply: signalSql(session, {call: 'pg_terminate_backend', same, holding: blocksOthers}),
  };
}

/** Cancels the statement in the snapshot, not a later one of the session. */
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

/** Returns the reason for skipping; the step's statement checks the same conditions again. */
function blockerGuard({pid, backend_start, xact_start}: KnownSession): Verification {
  return {
    query: {
      text: `SELECT CASE WHEN a.xact_start <> $3::timestamptz THEN 'it is in another transaction now' WHEN ${blocksOthers('a.pid')} THEN 'blocks' ELSE 'it no longer blocks a session' END AS guard FROM pg_catalog.pg_stat_get_activity($1::int4) a WHERE a.backend_start = $2::timestamptz`,
      values: [pid, backend_start, xact_start],
    },
    expect: {column: 'guard', op: '=', value: 'blocks'},
  };
}

/** pg_blocking_pids() locks the whole lock manager: call it only for waiting sessions. */
function blocksOthers(pid: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE CASE WHEN w.granted OR w.pid IS NULL THEN false ELSE ${pid} = ANY (pg_catalog.pg_blocking_pids(w.pid)) END)`;
}

/** A session with a hidden start counts as still there. */
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

/** A session with all fields that identify it; `protectionOf` rejects others. */
export type KnownSession = Backend & {
  backend_start: string;
  state_change: string;
  datid: string;
  usesysid: string;
};

export function isKnownSession(backend: Backend): backend is KnownSession {
  const {backend_start, state_change, datid, usesysid} = backend;
  return [backend_start, state_change, datid, usesysid].every(each => typeof each === 'string');
}

/**
 * What must be unchanged since the snapshot. `session`: the session. `transaction`: and its transaction.
 * `statement`: its statement, in any transaction of a procedure. `unchanged`: it has
 * run nothing since. `idle`: the session, which is outside a transaction just then.
 */
type SameAs = 'session' | 'idle' | 'transaction' | 'statement' | 'unchanged';

export type Signal = {
  call: 'pg_terminate_backend' | 'pg_cancel_backend';
  same: SameAs;
  /** An SQL condition on session `pid` that must also hold. */
  holding?: (pid: string) => string;
};

/**
 * The statement that ends a session or cancels its statement. It checks all conditions itself, and nothing
 * after reading the session: first `holding`, then pg_stat_get_activity(pid), the function behind
 * pg_stat_activity without the view's joins, then the signal. Times are compared with `=`, because a server's
 * clock can step back. A value hidden from the executing role is NULL and equals nothing.
 */
export function signalSql(session: KnownSession, {call, same, holding}: Signal): Sql {
  const {values, put: value} = createPlaceholders<Sql['values'][number]>();
  const {pid, backend_start, datid, usesysid} = session;
  const of = activityOf(value(pid, 'int4'), holding);
  const conditions = [
    `a.backend_start = ${value(backend_start, 'timestamptz')}`,
    `a.datid = ${value(datid, 'oid')}`,
    `a.usesysid = ${value(usesysid, 'oid')}`,
    ...sameConditions(session, same, value),
    "a.backend_type = 'client backend'",
    "a.application_name <> 'poolctl'",
    'a.pid <> pg_catalog.pg_backend_pid()',
  ];
  const name = call === 'pg_terminate_backend' ? 'signalled' : 'cancelled';
  return {
    text: `${of.before}SELECT a.pid, pg_catalog.${call}(a.pid) AS ${name} FROM ${of.from} WHERE ${conditions.join(' AND ')}`,
    values,
  };
}

/** LATERAL on a materialized row, so that the session is read after the condition is checked. */
function activityOf(pid: string, holding: Signal['holding']): {before: string; from: string} {
  if (holding === undefined) return {before: '', from: `pg_catalog.pg_stat_get_activity(${pid}) a`};
  return {
    before: `WITH matching AS MATERIALIZED (SELECT m.pid FROM (VALUES (${pid})) m (pid) WHERE ${holding('m.pid')}) `,
    from: 'matching CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(matching.pid) a',
  };
}

function sameConditions(
  {state, state_change, query_start, xact_start, backend_xid}: KnownSession,
  same: SameAs,
  value: (of: string | null, type: string) => string,
): string[] {
  switch (same) {
    case 'session':
      return [];
    case 'idle':
      return ["a.state = 'idle'"];
    case 'transaction':
      // A session without a transaction has nothing to lose.
      return [
        `(a.xact_start IS NULL OR a.xact_start = ${value(xact_start, 'timestamptz')})`,
        ...(backend_xid === null
          ? []
          : [`(a.backend_xid IS NULL OR a.backend_xid = ${value(backend_xid, 'xid')})`]),
      ];
    case 'statement':
    case 'unchanged':
      return [
        `a.state = ${value(state, 'text')}`,
        `a.state_change = ${value(state_change, 'timestamptz')}`,
        `a.query_start IS NOT DISTINCT FROM ${value(query_start, 'timestamptz')}`,
        ...(same === 'unchanged'
          ? [`a.xact_start IS NOT DISTINCT FROM ${value(xact_start, 'timestamptz')}`]
          : []),
      ];
  }
}
