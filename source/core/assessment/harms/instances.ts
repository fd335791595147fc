import type {Finding} from '../../../model/recipe.ts';
import type {Backend, Snapshot} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {byStart, instancesOf, openTogetherMs} from '../../pool/clients.ts';
import {twoGenerations} from '../../pool/revisions.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {sessionId} from '../../sessions/session.ts';
import {clientOf} from '../../sessions/session-parameters.ts';
import {counted, formatAge} from '../../text/format.ts';
import {
  type Context,
  type PoolHistory,
  poolName,
  poolSubject,
  poolSubjectIn,
  sessionsByPool,
} from '../context.ts';
import {poolKey} from '../sample.ts';
import {advice, shortestMs, tuneAct} from './slots-acts.ts';
import type {Cause, Space} from './slots-causes.ts';

/** What the instances of an application hold together: two revisions at a time, pools that a reload left, many small clients. */
export function examineInstances({samples, snapshot}: Context): Finding[] {
  const pools = (samples.at(-1)?.pools ?? []).filter(({sessions}) => sessions >= leastSessions);
  if (pools.length === 0) return [];
  const own = sessionsByPool(snapshot);
  return pools.flatMap(last => {
    const subject = poolSubjectIn({samples}, last);
    const pool = {last, subject, sessions: own.get(poolKey(last)) ?? []};
    return [
      overlapCeiling(snapshot, pool),
      abandonedPoolsFinding(snapshot, pool),
      manyAddressesFinding(pool),
    ].filter(each => each !== null);
  });
}

type Pool = Pick<PoolHistory, 'last' | 'sessions'> & {subject: string};

/** Below this number of sessions an application is ignored. */
const leastSessions = 6;

/** Two revisions whose pools, if all fill, are more than the slots. Once slots are short, that is the finding. */
function overlapCeiling({at, budget}: Snapshot, {last, sessions, subject}: Pool): Finding | null {
  if (budget.used_ratio >= thresholds.used_ratio.warning) return null;
  const generations = twoGenerations(sessions);
  if (generations === null) return null;
  const [old, recent] = [instancesOf(generations.before), instancesOf(generations.after)];
  // The pool size that an instance reports; without a report, its number of sessions.
  const sizeOf = (own: readonly Backend[]) => own.find(each => each.pool_report)?.pool_report?.size;
  const each = medianOf(old.map(own => sizeOf(own) ?? own.length));
  const ceiling = budget.used - sessions.length + each * (old.length + recent.length);
  // One new instance is a restart, or one more; one old one may be another kind of process.
  if (Math.min(old.length, recent.length) < leastInstances) return null;
  if (recent.length < old.length / 2 || ceiling <= budget.usable) return null;
  const most = Math.max(old.length, recent.length);
  const began_ms = Math.max(...generations.after.map(({backend_age_ms}) => backend_age_ms ?? 0));
  const tune = tuneAct(
    last.usename,
    {instances: most, deploy_overlap: 2},
    {
      title: `size the pools of ${poolName(last)} for two revisions at a time: ${counted(most, 'instance')}, deploy_overlap 2`,
      costs: 'applies to the next deploy; a smaller pool for each instance',
    },
  );
  return {
    recipe: 'tune-connection-limit',
    severity: 'warning',
    subject,
    summary: `${poolName(last)}: 2 revisions overlap: ${old.length} old + ${counted(recent.length, 'new instance')} of about ${counted(each, 'session')} each, ceiling ${ceiling} of ${budget.usable} slots`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      old_instances: old.length,
      new_instances: recent.length,
      sessions_each: each,
      ceiling,
      usable: budget.usable,
    },
    params: tune.params,
    cause: 'deploy-overlap',
    harm: {kind: 'soon', sessions: 0, share: 1, since: new Date(Date.parse(at) - began_ms).toISOString()},
    explains: [],
    confidence: 'possible',
    reasons: [
      `It uses ${sessions.length} of the ${budget.used} slots in use (${budget.usable} usable). Under load each new pool grows to the size of the old ones: ${counted(each, 'session')}.`,
    ],
    acts: [
      tune,
      advice(
        'stop the old revision as soon as the new one serves, or roll the new one back',
        'its connections are freed when its processes end',
      ),
    ],
  };
}

const leastInstances = 2;

function medianOf(counts: readonly number[]): number {
  return counts.toSorted((a, b) => a - b)[(counts.length - 1) >> 1] ?? 0;
}

/** Pools of one application at one address, all of whose sessions but the newest pool's are idle since the next pool began. */
type AbandonedPools = {address: string; pools: number; sessions: [Backend, ...Backend[]]};

/**
 * `sessions` are of one application, role and database. A pool opens no session while it has an idle one: sessions that have been idle since before others of their address began belong
 * to another pool. Where a client works with the newest only, a reload has left the others. A pool that replaces its sessions by
 * age (HikariCP's maxLifetime) looks alike, but replaces them one at a time.
 */
function findAbandonedPools(sessions: readonly Backend[]): AbandonedPools[] {
  if (sessions.length <= leastSessions) return [];
  return [...groupBy(sessions, clientOf).values()].flatMap(own => {
    if (own.length <= leastSessions) return [];
    const pools = byStart(own);
    const newest = pools.at(-1) ?? [];
    const left = pools.slice(0, -1);
    const areAbandoned = left.every((pool, index) => {
      const next_ms = Math.max(...(pools[index + 1] ?? []).map(({backend_age_ms}) => backend_age_ms ?? 0));
      const isIdleSince = ({state, state_age_ms}: Backend) =>
        state === 'idle' && (state_age_ms ?? 0) >= next_ms - openTogetherMs;
      return pool.length >= leastAbandonedSessions && pool.every(isIdleSince);
    });
    const isUsed = newest.some(
      ({state, state_age_ms}) => state !== 'idle' || (state_age_ms ?? Infinity) < usedMs,
    );
    const [first, ...others] = left.flat();
    if (left.length < leastAbandoned || first === undefined || others.length + 1 < leastSessions) return [];
    return areAbandoned && isUsed
      ? [{address: clientOf(first), pools: pools.length, sessions: [first, ...others]}]
      : [];
  });
}

const leastAbandoned = 2;
const leastAbandonedSessions = 2;
const usedMs = 60_000;

function describeAbandonedPools({address, pools, sessions}: AbandonedPools): string {
  return `${poolName(sessions[0])} has ${pools} pools at ${address}, ${pools - 1} of them (${counted(sessions.length, 'session')}) idle since the next one began: a reload left them`;
}

function abandonedPoolsFinding(snapshot: Snapshot, {sessions, subject}: Pool): Finding | null {
  const [left] = findAbandonedPools(sessions);
  if (left === undefined || sessions.some(each => protectionOf(each, snapshot, false) !== null)) return null;
  return {
    recipe: 'kill-idle-sessions',
    severity: 'warning',
    subject,
    summary: describeAbandonedPools(left),
    evidence: evidenceOf(left),
    cause: 'hot-reload',
    explains: [],
    confidence: 'possible',
  };
}

function evidenceOf({address, pools, sessions}: AbandonedPools): Finding['evidence'] {
  const [{application_name, usename}] = sessions;
  return {application_name, usename, client: address, pools, left_sessions: sessions.length};
}

/** Of applications that hold slots: pools that a reload left, while slots are short. */
export function reloads({snapshot}: Context, {holders}: Space): Cause[] {
  const inOneDatabase = holders.flatMap(own => [...groupBy(own, ({datname}) => datname ?? '').values()]);
  return inOneDatabase.flatMap(findAbandonedPools).flatMap(left => {
    const {sessions, address} = left;
    if (sessions.some(each => protectionOf(each, snapshot, false) !== null)) return [];
    return {
      cause: 'hot-reload',
      slots: sessions.length,
      weight: 2,
      subject: poolSubject(sessions[0]),
      text: describeAbandonedPools(left),
      explains: sessions.map(({pid}) => subjectOf(pid)),
      confidence: 'possible',
      reasons: [
        `None of these sessions has run anything for ${formatAge(shortestMs(sessions))} or more, while ${address} opened others: a pool opens none while it has an idle one.`,
      ],
      evidence: evidenceOf(left),
      acts: [
        {
          recipe: 'kill-idle-sessions',
          params: {pid: sessions.map(sessionId).join(','), states: 'idle'},
          title: `terminate the ${counted(sessions.length, 'session')} of all but the newest pool at ${address}`,
          frees: `frees ${counted(sessions.length, 'slot')}`,
          costs: 'no side effects where no process uses them any more; the next reload leaves more',
        },
        advice(
          'keep one PrismaClient over reloads: on globalThis in development, closed on SIGTERM elsewhere',
          'an application change',
        ),
      ],
    };
  });
}

/** Many clients that each hold a few idle sessions, as serverless functions do. */
function manyAddressesFinding({last, sessions, subject}: Pool): Finding | null {
  if (last.clients < leastClients || last.idle < sessions.length * mostlyIdle) return null;
  const counts = instancesOf(sessions)
    .map(own => own.filter(({state}) => state === 'idle').length)
    .sort((a, b) => a - b);
  const [least, most] = [counts[Math.floor(counts.length / 10)] ?? 0, counts.at(-1) ?? 0];
  if (least < idleEach) return null;
  const each = least === most ? String(least) : `${least} to ${most}`;
  return {
    recipe: 'tune-connection-limit',
    severity: 'warning',
    subject,
    summary: `${poolName(last)}: ${last.clients} addresses hold ${each} idle sessions each, ${last.sessions} in all: each instance needs one or two`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      clients: last.clients,
      sessions: last.sessions,
      idle: last.idle,
    },
    cause: 'fan-out',
    explains: [],
  };
}

const leastClients = 10;
const mostlyIdle = 0.8;
const idleEach = 3;
