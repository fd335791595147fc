import type {Act, Finding, Harm} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {slotForecast} from '../../activity/budget.ts';
import {thresholds} from '../../health/thresholds.ts';
import {writeText} from '../../recipe/parameters.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {groupByApplication} from '../../sessions/session-plan.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, heldSince, type PoolHistory, poolName, poolSubject} from '../context.ts';
import {idleSpans, longestEndedMs} from './pools-idle-spans.ts';
import {endAct, longestMs} from './slots-acts.ts';

const {longest_idle_in_transaction_ms, slots_full_in_ms, used_ratio} = thresholds;

/** Of one application and role. */
export type Leak = {
  sessions: readonly [Backend, ...Backend[]];
  /** All of them have been idle for longer. */
  older_than_ms: number;
};

/**
 * Sessions left idle in a transaction, by application. One that others wait for is left out: it is the cause of their
 * waiting. Where an application's transactions are idle for long and then go on, it must be longer by far.
 */
export function leaksOf({snapshot, samples}: Context, least_ms: number): Leak[] {
  const known = knownLeaks.get(snapshot);
  if (known?.samples === samples && known.least_ms === least_ms) return known.leaks;
  const leaks = findLeaks({snapshot, samples}, least_ms);
  knownLeaks.set(snapshot, {samples, least_ms, leaks});
  return leaks;
}

/** The last ones asked for of a snapshot: each application's judgement asks for the same. */
const knownLeaks = new WeakMap<
  Context['snapshot'],
  {samples: Context['samples']; least_ms: number; leaks: Leak[]}
>();

function findLeaks({snapshot, samples}: Pick<Context, 'snapshot' | 'samples'>, least_ms: number): Leak[] {
  const idle = snapshot.backends.filter(
    backend => isIdleInTransaction(backend) && (backend.state_age_ms ?? 0) > least_ms,
  );
  if (idle.length === 0) return [];
  const blockers = new Set(
    [...snapshot.backends, ...snapshot.lock_waits].flatMap(({blocked_by}) => blocked_by),
  );
  const leaks = idle.filter(
    backend => !blockers.has(backend.pid) && protectionOf(backend, snapshot, false) === null,
  );
  return groupByApplication(leaks).flatMap(group => {
    const [first] = group as [Backend];
    const pause_ms = longestEndedMs(idleSpans(samples, first));
    const older_than_ms = Math.max(least_ms, Math.ceil((2 * pause_ms) / 1000) * 1000);
    const [oldest, ...others] = group.filter(({state_age_ms}) => (state_age_ms ?? 0) > older_than_ms);
    return oldest === undefined ? [] : [{sessions: [oldest, ...others], older_than_ms}];
  });
}

/** Leaked sessions that hold a whole pool of those that are `busy`, or soon all slots; others go below the findings. */
export function leakFindings(context: Context, busy: readonly PoolHistory[]): Finding[] {
  return leaksOf(context, longest_idle_in_transaction_ms.warning).map(leak => {
    const [first] = leak.sessions;
    const finding: Finding = {
      recipe: 'kill-idle-sessions',
      severity: 'warning',
      subject: poolSubject(first),
      summary: `${leakedText(leak)}: ${harmlessText(context, leak)}`,
      evidence: leakEvidence(leak),
      cause: 'leaked-sessions',
      explains: leak.sessions.map(({pid}) => subjectOf(pid)),
    };
    const full_in_ms = fullInMs(context, leak);
    const isPoolHeld = isHeld(busy, leak);
    if (!isPoolHeld && full_in_ms === null) return finding;
    const act = endLeaksAct(leak);
    const isSoon = full_in_ms !== null && full_in_ms < slots_full_in_ms.critical;
    const hurt =
      full_in_ms === null
        ? 'no session of its pool is free'
        : `at this rate no slot is free in ${formatAge(full_in_ms)}`;
    return {
      ...finding,
      severity: isSoon ? 'critical' : 'warning',
      summary: `${leakedText(leak)}: ${hurt}`,
      params: act.params,
      harm: harmOf(context, leak, full_in_ms === null ? 'pool' : 'slots'),
      confidence: 'certain',
      reasons: leakReasons(context, leak),
      acts: [act, timeoutAct(first, longest_idle_in_transaction_ms.warning)],
    };
  });
}

/** The leaks are what keeps the whole pool busy: requests wait for one of its other sessions. */
function isHeld(busy: readonly PoolHistory[], {sessions}: Leak): boolean {
  const [{application_name, usename}] = sessions;
  const pool = busy.find(({last}) => last.application_name === application_name && last.usename === usename);
  return pool !== undefined && sessions.length >= pool.last.sessions / 2;
}

/** Time until the application's leaked sessions, whose number rises, leave no free slot; null while that is far, or slots are short already. */
function fullInMs({samples, snapshot: {budget}}: Context, {sessions: [first]}: Leak): number | null {
  if (budget.used_ratio >= used_ratio.warning) return null;
  const history = samples.map(({at_ms, transactions}) => ({
    at_ms,
    used: transactions.filter(
      ({application_name, usename, idle_ms}) =>
        application_name === first.application_name &&
        usename === (first.usename ?? '') &&
        idle_ms > thresholds.leak_while_short_ms.warning,
    ).length,
  }));
  const {full_in_ms} = slotForecast(history, (history.at(-1)?.used ?? 0) + budget.headroom);
  return full_in_ms !== null && full_in_ms < slots_full_in_ms.warning ? full_in_ms : null;
}

function harmOf({samples}: Context, {sessions: group}: Leak, kind: Harm['kind']): Harm {
  const [first] = group;
  const isOpen = ({application_name, usename}: {application_name: string; usename: string}) =>
    application_name === first.application_name && usename === (first.usename ?? '');
  const since = heldSince(samples, ({transactions}) => transactions.some(isOpen));
  return {kind, sessions: group.length, share: 1, since: since ?? null};
}

/** `web/app leaks 3 sessions idle in transaction, the longest for 46s`. */
export function leakedText({sessions: group}: Leak): string {
  const [first] = group;
  return `${poolName(first)} leaks ${counted(group.length, 'session')} idle in transaction, the longest for ${formatAge(longestMs(group))}`;
}

export function leakEvidence({sessions: group}: Leak): Finding['evidence'] {
  const [first] = group;
  return {
    application_name: first.application_name,
    usename: first.usename,
    sessions: group.length,
    longest_state_age_ms: longestMs(group),
    clients: new Set(group.map(({client_addr}) => client_addr)).size,
  };
}

export function leakReasons({snapshot}: Context, {sessions: group}: Leak): string[] {
  const [{application_name, usename}] = group;
  const others = snapshot.backends.filter(
    each => each.application_name === application_name && each.usename === usename && !group.includes(each),
  );
  const wrote = group.filter(({backend_xid}) => backend_xid !== null).length;
  return [
    `Each has done nothing since its last statement, in the same transaction; ${others.length === 0 ? 'the application has no other session' : `${counted(others.length, 'other session')} of the application ${others.length === 1 ? 'goes' : 'go'} on`}.`,
    ...(wrote > 0
      ? [
          `${counted(wrote, 'transaction')} ${wrote === 1 ? 'has' : 'have'} written; ending ${wrote === 1 ? 'it' : 'them'} rolls that back.`,
        ]
      : []),
  ];
}

function harmlessText({snapshot: {budget}}: Context, {sessions: group}: Leak): string {
  const held = Math.max(0, ...group.map(({xmin_age}) => xmin_age ?? 0));
  const vacuum = held > 0 ? `holds back vacuum by ${held} transactions` : 'holds back no vacuum';
  const slots = budget.used_ratio < used_ratio.warning ? ', slots are free' : '';
  return `blocks no session, ${vacuum}${slots}`;
}

export function endLeaksAct({sessions, older_than_ms}: Leak): Act {
  return endAct(sessions, {
    older_than_ms,
    title: `terminate ${counted(sessions.length, 'leaked session')} of ${poolName(sessions[0])}`,
    costs: 'their open transactions are rolled back; the application leaks again until its code is fixed',
  });
}

/** Ends the next ones by itself. */
export function timeoutAct({usename}: Pick<Backend, 'usename'>, timeout_ms: number): Act {
  const seconds = Math.ceil(timeout_ms / 1000);
  return {
    recipe: 'set-timeouts',
    params: {role: writeText(usename ?? ''), idle_in_transaction_session_timeout: `${seconds}s`},
    title: `set idle_in_transaction_session_timeout to ${seconds}s for role ${usename}`,
    frees: null,
    costs:
      'sessions that begin from now on only; a transaction that pauses for longer on purpose fails (25P03)',
  };
}
