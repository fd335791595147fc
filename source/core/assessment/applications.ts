import type {ApplicationPool, PoolClient} from '../../model/application-pool.ts';
import type {Sample} from '../../model/assessment.ts';
import type {Backend} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {instancesOf, openTogetherMs} from '../pool/clients.ts';
import {twoGenerations} from '../pool/revisions.ts';
import {isUnseen} from '../sessions/session.ts';
import {clientOf} from '../sessions/session-parameters.ts';
import {counted, formatAge, formatRatio, formatSpan} from '../text/format.ts';
import {type Context, type PoolHistory, poolHistories} from './context.ts';
import {type FullPart, fullPart, queueText} from './harms/pools-full.ts';
import {leaksOf} from './harms/pools-leaks.ts';
import {parkedSessions} from './harms/pools-outside-call.ts';
import {isProtected} from './harms/pools-readings.ts';
import {longestMs, shortestMs} from './harms/slots-acts.ts';
import {mayBeFull} from './may-be-full.ts';
import {poolKey} from './sample.ts';
import {instancesByBursts, isInUse} from './unseen-use.ts';

/** Every application that has a session now and how its pool fares; the one with the most sessions first. */
export function applicationsOf(context: Context): ApplicationPool[] {
  return poolHistories(context)
    .filter(({sessions}) => sessions.length > 0)
    .map(history => poolOf(context, history))
    .sort((a, b) => b.sessions - a.sessions || compareNames(a, b));
}

function compareNames(a: ApplicationPool, b: ApplicationPool): number {
  return a.application_name < b.application_name ? -1 : Number(a.application_name > b.application_name);
}

type Figures = Omit<ApplicationPool, 'verdict' | 'may_be' | 'reason'>;

function poolOf(context: Context, history: PoolHistory): ApplicationPool {
  const {last, counted, sessions} = history;
  const {application_name, usename, datname, reported = null} = last;
  const isHidden = sessions.some(isUnseen);
  const known = <Value>(value: Value) => (isHidden ? null : value);
  const starts = sessions.flatMap(({backend_start}) => backend_start ?? []).sort();
  const figures: Figures = {
    application_name,
    usename,
    datname,
    clients: isHidden ? [] : clientsOf(sessions),
    sessions: last.sessions,
    ceiling: counted.ceiling,
    readings: counted.readings,
    window_ms: counted.until_ms - counted.from_ms,
    all_busy_ratio: known(counted.all_busy / counted.readings),
    average_busy: known(counted.busy / counted.readings),
    most_busy: known(counted.most_busy),
    idle_in_transaction_ratio: known(counted.idle_in_transaction / counted.readings),
    transactions_per_second: transactionsPerSecond(context.samples, last.datname),
    oldest_start: starts[0] ?? null,
    newest_start: starts.at(-1) ?? null,
    instances: known(instancesOf(sessions).length),
    most_instances: known(counted.instances),
    revisions: known(twoGenerations(sessions) === null ? 1 : 2),
    reported,
  };
  const judgement = isHidden && reported === null ? hidden : judge(context, history, figures);
  return {...figures, may_be: null, ...judgement};
}

const hidden: Judgement = {verdict: null, reason: 'what its sessions do is hidden from this role'};

function clientsOf(sessions: readonly Backend[]): PoolClient[] {
  return [...groupBy(sessions, ({client_addr}) => client_addr ?? '')]
    .map(([address, own]) => ({
      client_addr: address || null,
      sessions: own.length,
      busy: own.some(isUnseen)
        ? null
        : own.filter(({state}) => state !== 'idle' && state !== 'starting').length,
      instances: instancesOf(own).length,
      may_be_instances: own.some(isUnseen) ? null : instancesByBursts(own),
      oldest_start: own.flatMap(({backend_start}) => backend_start ?? []).sort()[0] ?? null,
    }))
    .sort((a, b) => b.sessions - a.sessions || ((a.client_addr ?? '') < (b.client_addr ?? '') ? -1 : 1));
}

/** Of the whole database, where this application alone has had sessions in it; without poolctl's own transactions. */
function transactionsPerSecond(samples: readonly Sample[], datname: string): number | null {
  if (!samples.every(sample => isAlone(sample, datname))) return null;
  // The rates of the first are of the time before it.
  const rated = samples
    .slice(1)
    .flatMap(({databases}) => databases.find(each => each.datname === datname)?.rates ?? []);
  const time_ms = rated.reduce((sum, {interval_ms}) => sum + interval_ms, 0);
  const weighted = rated.reduce(
    (sum, {interval_ms, commits_per_second, rollbacks_per_second}) =>
      sum + (commits_per_second + rollbacks_per_second) * interval_ms,
    0,
  );
  return time_ms === 0 ? null : weighted / time_ms;
}

function isAlone({pools}: Sample, datname: string): boolean {
  return pools.filter(pool => pool.datname === datname).length <= 1;
}

type Judgement = Pick<ApplicationPool, 'verdict' | 'reason'> & Partial<Pick<ApplicationPool, 'may_be'>>;

/** The first that applies, as the earlier ones explain the later. */
function judge(context: Context, history: PoolHistory, figures: Figures): Judgement {
  return (
    leaking(context, history) ??
    parked(context, history) ??
    saturated(context, history, figures) ??
    mayBeSaturated(context, history) ??
    deadSockets(history) ??
    oversized(history, figures) ??
    fine(figures)
  );
}

function leaking(context: Context, {key}: PoolHistory): Judgement | null {
  const {used_ratio, leak_while_short_ms, longest_idle_in_transaction_ms} = thresholds;
  // As the finding has it: while slots are short, ten seconds are enough.
  const isShort = context.snapshot.budget.used_ratio >= used_ratio.warning;
  const sessions = leaksOf(context, (isShort ? leak_while_short_ms : longest_idle_in_transaction_ms).warning)
    .flatMap(leak => leak.sessions)
    .filter(session => poolKey(session) === key);
  if (sessions.length === 0) return null;
  return {
    verdict: 'leaking',
    reason: `${counted(sessions.length, 'session')} left idle in transaction, the longest for ${formatAge(longestMs(sessions))}`,
  };
}

function parked(context: Context, history: PoolHistory): Judgement | null {
  const sessions = parkedSessions(context, history);
  if (sessions === null || isProtected(context, history)) return null;
  return {
    verdict: 'parked',
    reason: `its sessions are idle inside their transactions, each for ${(sessions.average_ms / 1000).toFixed(1)} s on average: the application waits outside the database`,
  };
}

/** What is full now, and for how much of the longer time that is known. */
function saturated(context: Context, history: PoolHistory, figures: Figures): Judgement | null {
  const full = fullPart(context, history);
  if (full === null || isProtected(context, history)) return null;
  const {headroom} = context.snapshot.budget;
  const limit = headroom === 0 ? '' : ": the application's pool is the limit, not the server";
  return {
    verdict: 'saturated',
    reason: `${fullText(history, full, figures)}; the server has ${counted(headroom, 'free slot')}${limit}`,
  };
}

/** What has two explanations is no verdict, and no finding. */
function mayBeSaturated(context: Context, history: PoolHistory): Judgement | null {
  const reason = isProtected(context, history) ? null : mayBeFull(history);
  return reason === null ? null : {verdict: null, may_be: 'saturated', reason};
}

function fullText({samples, last}: PoolHistory, full: FullPart, figures: Figures): string {
  const {instance, sessions} = full;
  if (instance === null && last.reported?.waiting) return queueText(last.reported);
  const window_ms = (samples.at(-1)?.at_ms ?? 0) - (samples[0]?.at_ms ?? 0);
  const [share, now] = [formatRatio(full.share, 0), overReadings({readings: samples.length, window_ms})];
  if (instance !== null) return `all ${sessions.length} at ${clientOf(instance)} busy in ${share} of ${now}`;
  const isLonger = figures.readings > samples.length;
  const longer = isLonger ? `, in ${formatRatio(figures.all_busy_ratio, 0)} of ${overReadings(figures)}` : '';
  return `all ${last.sessions} busy in ${share} of ${now}${longer}`;
}

/**
 * Sessions that have been silent for longer than pools keep them, at an address that has connected again since: a pool opens no
 * session while it has an idle one, so it may have lost these.
 */
export function deadSocketsOf(sessions: readonly Backend[]): Backend[] {
  return instancesOf(sessions).flatMap(own => {
    // Without a name, several programs may look like one.
    if (own[0].application_name === '') return [];
    const silent = own.filter(
      ({state, state_age_ms}) => state === 'idle' && (state_age_ms ?? 0) >= thresholds.dead_socket_ms.warning,
    );
    const since_ms = shortestMs(silent);
    const newer = own.filter(
      ({backend_age_ms, state_age_ms}) =>
        (backend_age_ms ?? Infinity) < since_ms - openTogetherMs &&
        (state_age_ms ?? Infinity) < thresholds.dead_socket_ms.warning,
    );
    return silent.length > 0 && newer.length >= silent.length ? silent : [];
  });
}

function deadSockets({sessions}: PoolHistory): Judgement | null {
  const dead = deadSocketsOf(sessions);
  if (dead.length === 0) return null;
  return {
    verdict: 'dead_sockets',
    reason: `${counted(dead.length, 'session')} silent for ${formatAge(shortestMs(dead))} or more, while ${dead.length === 1 ? 'its client has' : 'their clients have'} connected again: perhaps no pool has ${dead.length === 1 ? 'it' : 'them'}, or another process at that address has`,
  };
}

/**
 * Half as many again as were busy at the same time would do, and at least one for each process. What was used a moment ago may have been handed
 * out though the readings show no statement of it.
 */
const margin = 1.5;

function oversized({sessions: own}: PoolHistory, figures: Figures): Judgement | null {
  const {most_busy, sessions, ceiling, instances, readings} = figures;
  if (most_busy === null || readings < leastReadings) return null;
  const needed = Math.max(instances ?? 1, Math.ceil(most_busy * margin), own.filter(isInUse).length);
  const isMore = sessions - needed >= thresholds.idle_group_sessions.warning && sessions >= needed * 2;
  if (!isMore) return null;
  return {
    verdict: 'oversized',
    reason: `${most_busy === 0 ? 'none' : `never more than ${most_busy}`} of ${ceiling} busy in ${overReadings(figures)}: ${needed} would do`,
  };
}

/** Fewer do not show what a pool needs, nor that it has enough. */
const leastReadings = 10;

function fine(figures: Figures): Judgement {
  const {most_busy, ceiling, all_busy_ratio, readings, reported} = figures;
  if (reported === null && readings < leastReadings)
    return {verdict: null, reason: `too few snapshots (${readings}) to judge a pool`};
  const seen = `at most ${most_busy} of ${Math.max(most_busy ?? 0, ceiling)} busy`;
  const all = `all busy in ${formatRatio(all_busy_ratio, 0)} of ${overReadings(figures)}`;
  return {verdict: 'fine', reason: most_busy === null ? 'no request waits for its pool' : `${seen}; ${all}`};
}

/** `58 snapshots over 57s`. */
function overReadings({readings, window_ms}: Pick<Figures, 'readings' | 'window_ms'>): string {
  return `${counted(readings, 'snapshot')} over ${formatSpan(window_ms)}`;
}
