import type {Sample} from '../../../model/assessment.ts';
import type {Act, Finding, Severity} from '../../../model/recipe.ts';
import type {LoggedError, ServerLog} from '../../../model/server-work.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {slotForecast} from '../../activity/budget.ts';
import {thresholds} from '../../health/thresholds.ts';
import {groupByApplication} from '../../sessions/session-plan.ts';
import {timeOfDay} from '../../text/clock.ts';
import {counted, formatAge, formatRatio} from '../../text/format.ts';
import {type Context, heldSince, poolSubject, shareOf} from '../context.ts';
import {distinct, namesOf} from './failing-part.ts';
import {reloads} from './instances.ts';
import {loggedMs, recentErrors} from './logged.ts';
import {type Cause, leaks, type Space, silentClients} from './slots-causes.ts';
import {idlePools} from './slots-idle.ts';
import {ownLimitCause, serverCause} from './slots-last-resort.ts';
import {connectWaves, deployOverlap, waves, waveText} from './slots-waves.ts';

const {used_ratio, slots_full_in_ms, idle_group_ratio, idle_group_sessions} = thresholds;

/** Connections that run out: of the server, or of a role or database with a limit of its own; who holds them, and why. */
export function examineSlots(context: Context): Finding[] {
  const {budget} = context.snapshot;
  const limits = budget.role_and_database_limits.map(({kind, name, connection_limit: limit, used}) => ({
    kind,
    name,
    limit,
    used,
  }));
  const server = {kind: 'server' as const, name: '', limit: budget.usable, used: budget.used};
  const short = [...limits, server].filter(
    space =>
      shareUsed(space, peakOf(context, space)) >= used_ratio.warning &&
      (space.limit > 0 || isShut(context, space)),
  );
  const findings = short.flatMap(
    space => findingOf(context, {...space, holders: holdersOf(context, space)}) ?? [],
  );
  return [...findings, ...(short.some(({kind}) => kind === 'server') ? [] : churn(context))];
}

/** A limit of 0 shuts out a role or database. That harms if its sessions are from before; superusers are let in nevertheless. */
function isShut(context: Context, space: Omit<Space, 'holders'>): boolean {
  return (
    space.kind !== 'server' &&
    holdersOf(context, space).some(own => own.some(({is_superuser}) => !is_superuser))
  );
}

function shareUsed({limit}: Pick<Space, 'limit'>, used: number): number {
  return limit === 0 ? Math.min(1, used) : used / limit;
}

/** Sessions by application and role, the largest first. */
function holdersOf({snapshot}: Context, {kind, name}: Omit<Space, 'holders'>): Space['holders'] {
  const own = snapshot.backends.filter(
    ({usename, datname}) => kind === 'server' || (kind === 'role' ? usename : datname) === name,
  );
  return groupByApplication(own) as [Backend, ...Backend[]][];
}

/** Waves fill the slots for a moment and leave: the last twenty seconds count. */
const recentMs = 20_000;

function usedAt(sample: Sample, {kind, name}: Omit<Space, 'holders'>): number {
  if (kind === 'server') return sample.used;
  return sample.pools
    .filter(({usename, datname}) => (kind === 'role' ? usename : datname) === name)
    .reduce((sum, {sessions}) => sum + sessions, 0);
}

/** In use now, or the most that was in use in a third of the last readings. */
function peakOf({samples}: Context, space: Omit<Space, 'holders'>): number {
  const latest_ms = samples.at(-1)?.at_ms ?? 0;
  const recent = samples
    .filter(({at_ms}) => latest_ms - at_ms <= recentMs)
    .map(sample => usedAt(sample, space))
    .sort((a, b) => b - a);
  return Math.max(space.used, recent[Math.floor(recent.length / 3)] ?? 0);
}

function findingOf(context: Context, space: Space): Finding | null {
  const {samples, snapshot} = context;
  const peak = peakOf(context, space);
  const [main, ...others] = causesOf(context, space);
  if (main === undefined) return null;
  const {full_in_ms} = slotForecast(
    samples.map(sample => ({at_ms: sample.at_ms, used: usedAt(sample, space)})),
    space.limit,
  );
  const ratio = shareUsed(space, peak);
  const shown = symptom(space, peak, full_in_ms, context);
  const severity = severityOf(ratio, space.used < space.limit ? full_in_ms : null);
  const isShort = (sample: Sample) => usedAt(sample, space) >= space.limit * used_ratio.warning;
  // What is enough by itself is all that is offered: the others are not the cause.
  const besides = isEnough(main, space) ? [] : others.filter(({subject}) => subject !== main.subject);
  const acts = [...main.acts, ...besides.map(quickest)].slice(0, mostActs);
  const [{recipe, params}] = acts as [Act];
  return {
    recipe: recipe ?? main.cause,
    severity,
    subject: main.subject,
    summary: main.weight === 0 ? `${shown}; ${main.text}` : `${main.text}: ${shown}`,
    evidence: {
      ...main.evidence,
      used: space.used,
      ...(space.kind === 'server' ? {usable: space.limit} : {connection_limit: space.limit}),
      headroom: snapshot.budget.headroom,
      slots_used_ratio: ratio,
      full_in_ms,
    },
    ...(recipe !== null && {params}),
    cause: main.cause,
    harm: {
      kind: 'slots',
      // No session is kept from work before it is full.
      sessions:
        severity === 'critical' ? Math.round(Math.max(0, peak - space.limit * used_ratio.warning)) : 0,
      share: shareOf(samples, isShort),
      since: heldSince(samples, isShort) ?? null,
    },
    explains: main.explains,
    confidence: main.confidence,
    reasons: [...main.reasons, ...besides.map(({text}) => `Besides, ${text}.`), refusalsOf(context)],
    acts,
  };
}

const mostActs = 4;

/** Logins that the server refuses leave no trace in its views, only in its log. */
function refusalsOf(context: Context): string {
  const {server_log: log} = context.facts;
  const refused = recentErrors(context).filter(isRefusal);
  if (refused.length === 0 && log?.from != null && isTimed(log))
    return `The server log has no login refused (53300) ${timeCovered(log.from, context)}.`;
  if (refused.length === 0)
    return 'Logins that the server refuses (53300) leave no trace in its views, only in its log: how many there are cannot be seen from here.';
  const all = refused.reduce((sum, {count}) => sum + count, 0);
  const names = namesOf(distinct(refused.flatMap(({pool}) => pool ?? [])));
  return `The server log has ${counted(all, 'login')} refused (53300) within 2 min${names === '' ? '' : ` of ${names}`}: ${refused[0]?.message}.`;
}

function isRefusal({sqlstate}: Pick<LoggedError, 'sqlstate'>): boolean {
  return sqlstate === '53300';
}

/** It was read, and says of every refusal when it was. */
function isTimed({problem, errors}: ServerLog): boolean {
  return problem === null && errors.every(error => !isRefusal(error) || error.last_at !== null);
}

function timeCovered(from: string, {snapshot}: Context): string {
  const isWhole = Date.parse(snapshot.at) - Date.parse(from) >= loggedMs;
  return isWhole ? 'in the last two minutes' : `since ${timeOfDay(from)}`;
}

function severityOf(ratio: number, full_in_ms: number | null): Severity {
  const isSoon = full_in_ms !== null && full_in_ms < slots_full_in_ms.critical;
  return ratio >= used_ratio.critical || isSoon ? 'critical' : 'warning';
}

/** The likeliest cause first; the last resort says who holds most. */
function causesOf(context: Context, space: Space): Cause[] {
  // It was short a moment ago: that comes again with a wave only.
  if (space.used < space.limit * used_ratio.warning) return waves(context, space);
  const least = Math.max(idle_group_sessions.warning, space.limit * idle_group_ratio.warning);
  const certain = [leaks, silentClients, reloads].flatMap(explain => explain(context, space));
  const usual =
    space.kind === 'server'
      ? [waves, deployOverlap, idlePools].flatMap(explain => explain(context, space))
      : [];
  const causes = [...certain, ...usual]
    .filter(({slots}) => slots >= least)
    .sort((a, b) => scoreOf(b, space) - scoreOf(a, space));
  if (space.kind !== 'server') return [...causes, ownLimitCause(context, space)];
  return causes.length > 0 ? causes : [serverCause(context, space, least)];
}

/** What has grown, or what it takes to have enough slots again, explains more than what was always there. */
function scoreOf({slots, weight, is_growing = false}: Cause, {used, limit}: Space): number {
  return slots * weight * (is_growing || isEnough({slots}, {used, limit}) ? 2 : 1);
}

function isEnough({slots}: Pick<Cause, 'slots'>, {used, limit}: Pick<Space, 'used' | 'limit'>): boolean {
  return used - slots < limit * used_ratio.warning;
}

/** Its act that frees slots now, if it has one. */
function quickest({acts}: Cause): Act {
  return acts.find(({frees}) => frees !== null) ?? acts[0];
}

function symptom(space: Space, peak: number, full_in_ms: number | null, {snapshot}: Context): string {
  const {kind, name, limit, used} = space;
  if (kind !== 'server') {
    const free = counted(snapshot.budget.headroom, 'slot');
    return used >= limit
      ? `${kind} ${name} is at its CONNECTION LIMIT ${limit}, logins fail (53300) with ${free} free`
      : `${kind} ${name} uses ${used} of its CONNECTION LIMIT ${limit}, with ${free} of the server free`;
  }
  const most = peak > used ? `up to ${peak}` : String(used);
  const soon = full_in_ms === null || used >= limit ? '' : `, full in ${formatAge(full_in_ms)}`;
  return `${most} of ${limit} slots are in use (${formatRatio(peak / limit, 0)})${soon}`;
}

/** Applications without a pool, while slots are free: each login costs, but no session is harmed. */
function churn(context: Context): Finding[] {
  const {samples, snapshot} = context;
  if (!samples.some(({pools}) => pools.some(({begun}) => begun >= thresholds.connects_per_second.warning)))
    return [];
  const holders = groupByApplication(snapshot.backends) as [Backend, ...Backend[]][];
  return connectWaves(context, holders).map(wave => ({
    recipe: 'connect-wave',
    severity: 'warning',
    subject: poolSubject(wave.holder[0]),
    summary: `${waveText(wave)}; slots are free`,
    evidence: {
      application_name: wave.holder[0].application_name,
      usename: wave.holder[0].usename,
      new_sessions_per_second: Number(wave.per_second.toFixed(1)),
    },
    cause: 'connect-wave',
    explains: [],
  }));
}
