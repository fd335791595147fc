import type {Backend, Budget, BudgetGroup, Database, Snapshot} from '../../model/snapshot.ts';
import type {RoleOrDatabaseLimit} from '../../model/target.ts';
import {isUnseen} from '../sessions/session.ts';

/** Settings and catalog limits that bound connection slots. */
export type SlotSettings = {
  max_connections: number;
  superuser_reserved_connections: number;
  /** PG16, including what a managed service reserves; 0 before. */
  reserved_connections: number;
  role_and_database_limits: RoleOrDatabaseLimit[];
};

/**
 * The connection budget of one snapshot. `sessions`: all client sessions, including hidden ones and poolctl's own,
 * because each holds a slot. Those of `isOwn` count as used but appear in no state or group.
 */
export function computeBudget(
  settings: SlotSettings,
  sessions: readonly Backend[],
  isOwn: (session: Backend) => boolean,
): Budget {
  const {max_connections, superuser_reserved_connections, reserved_connections} = settings;
  const usable = Math.max(0, max_connections - superuser_reserved_connections - reserved_connections);
  const used = sessions.length;
  const others = sessions.filter(session => !isOwn(session));
  return {
    max_connections,
    superuser_reserved_connections,
    reserved_connections,
    usable,
    used,
    headroom: Math.max(0, usable - used),
    used_ratio: usable === 0 ? 1 : used / usable,
    by_state: countByState(others),
    groups: groupSessions(others),
    role_and_database_limits: settings.role_and_database_limits.map(limit => ({
      ...limit,
      used: usedOf(limit, sessions),
    })),
  };
}

export type SlotForecast = {
  /** Slope of used slots over the last two minutes; 0 without enough samples. */
  slots_per_minute: number;
  /** Time until all usable slots are in use at this rate; null unless usage clearly rises. */
  full_in_ms: number | null;
};

/**
 * Theil-Sen slope: the median over all pairs of samples, which one burst does not change. A time until
 * full is given only if usage rises steadily, by two slots at least, and slots would run out within two hours: further
 * ahead a linear forecast means nothing.
 */
export function slotForecast(history: readonly SlotSample[], usable: number): SlotForecast {
  const latest = history.at(-1);
  if (latest === undefined) return {slots_per_minute: 0, full_in_ms: null};
  const samples = thinOut(history.filter(sample => latest.at_ms - sample.at_ms <= forecastWindowMs));
  const spanMs = latest.at_ms - (samples[0]?.at_ms ?? latest.at_ms);
  if (samples.length < 5 || spanMs < 8000) return {slots_per_minute: 0, full_in_ms: null};
  const slopes = pairwiseSlopes(samples);
  const slope = slopes[slopes.length >> 1] ?? 0;
  const risingShare = slopes.filter(each => each > 0).length / slopes.length;
  // Usage that rose and then stayed level is stable: the last third must have risen too.
  const recent = samples[Math.floor((samples.length * 2) / 3)] ?? latest;
  const isClimbing = slope > 0 && risingShare > 0.6 && slope * spanMs >= 2 && latest.used > recent.used;
  const full_in_ms = isClimbing ? Math.max(0, usable - latest.used) / slope : null;
  return {
    slots_per_minute: slope * 60_000,
    full_in_ms: full_in_ms !== null && full_in_ms <= furthestForecastMs ? full_in_ms : null,
  };
}

const forecastWindowMs = 120_000;
const furthestForecastMs = 7_200_000;
/** 780 pairs: cheap enough for every frame. */
const mostSamples = 40;

type SlotSample = Pick<HistorySample, 'at_ms' | 'used'>;

function thinOut(samples: readonly SlotSample[]): SlotSample[] {
  const step = Math.ceil(samples.length / mostSamples);
  // Counted from the newest sample, which must be kept.
  return samples.filter((_, index) => (samples.length - 1 - index) % step === 0);
}

/** Slots per millisecond between all pairs of samples, ascending. */
function pairwiseSlopes(samples: readonly SlotSample[]): number[] {
  const slopes: number[] = [];
  for (const [index, later] of samples.entries()) {
    for (const earlier of samples.slice(0, index)) {
      const elapsedMs = later.at_ms - earlier.at_ms;
      if (elapsedMs > 0) slopes.push((later.used - earlier.used) / elapsedMs);
    }
  }
  return slopes.sort((a, b) => a - b);
}

function countByState(sessions: readonly Backend[]): Budget['by_state'] {
  const counts = countSeen(sessions);
  if (!sessions.some(isUnseen)) return counts;
  const {hidden = 0, disabled, ...others} = counts;
  const unknown = Object.fromEntries(Object.keys(others).map(state => [state, null]));
  return {...unknown, hidden, ...(disabled !== undefined && {disabled})};
}

/** How many sessions are seen in each state. */
export function countSeen(sessions: readonly Pick<Backend, 'state'>[]): Record<string, number> {
  const counts: Record<string, number> = {
    active: 0,
    idle: 0,
    'idle in transaction': 0,
    'idle in transaction (aborted)': 0,
    hidden: 0,
  };
  for (const {state} of sessions) {
    const name = state ?? 'hidden';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** By application x role x client; an aborted transaction counts as idle in transaction. */
function groupSessions(sessions: readonly Backend[]): BudgetGroup[] {
  const groups = new Map<string, CountedGroup>();
  for (const session of sessions) {
    const {application_name, client_addr, state} = session;
    const usename = session.usename ?? '';
    const key = `${application_name}\0${usename}\0${client_addr ?? ''}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = {
        application_name,
        usename,
        client_addr,
        count: 0,
        active: 0,
        idle: 0,
        idle_in_transaction: 0,
        unknown: 0,
      };
      groups.set(key, group);
    }
    group.count++;
    if (isUnseen(session)) group.unknown++;
    else if (state === 'active' || state === 'fastpath function call') group.active++;
    else if (state === 'idle') group.idle++;
    else if (state?.startsWith('idle in transaction')) group.idle_in_transaction++;
  }
  return [...groups.values()]
    .map(group =>
      group.unknown === 0 ? group : {...group, active: null, idle: null, idle_in_transaction: null},
    )
    .sort((a, b) => b.count - a.count || compareNames(a, b));
}

type CountedGroup = BudgetGroup & {
  active: number;
  idle: number;
  idle_in_transaction: number;
  unknown: number;
};

/** Groups of equal size keep their order between snapshots. */
function compareNames(a: BudgetGroup, b: BudgetGroup): number {
  const left = `${a.application_name}\0${a.usename}\0${a.client_addr ?? ''}`;
  const right = `${b.application_name}\0${b.usename}\0${b.client_addr ?? ''}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

function usedOf(limit: RoleOrDatabaseLimit, sessions: readonly Backend[]): number {
  return sessions.filter(({usename, datname}) => (limit.kind === 'role' ? usename : datname) === limit.name)
    .length;
}

/** What charts keep of a snapshot. */
export type HistorySample = {
  /** The server's clock, milliseconds since 1970. */
  at_ms: number;
  used: number;
  /** null, as the next two: sessions are hidden, or track_activities is off. */
  active: number | null;
  idle: number | null;
  /** Aborted transactions included. */
  idle_in_transaction: number | null;
  /** Over all databases; null for the first snapshot. */
  commits_per_second: number | null;
  rollbacks_per_second: number | null;
  /** In the interval; null if no block was read. */
  cache_hit_ratio: number | null;
  /** Of the connected database, since its statistics were reset. */
  index_hit_ratio: number | null;
};

/** Ten minutes at 1 s. */
export const historyLength = 600;

/**
 * Appends a snapshot and drops the oldest beyond `historyLength`. A snapshot of the same time
 * (its statements came later) replaces the last one; a clock that was set back starts a new history.
 */
export function pushSample(history: readonly HistorySample[], snapshot: Snapshot): HistorySample[] {
  const sample = historySample(snapshot);
  const latest = history.at(-1);
  if (latest !== undefined && sample.at_ms < latest.at_ms) return [sample];
  const kept = latest?.at_ms === sample.at_ms ? history.slice(0, -1) : history;
  return [...kept.slice(-(historyLength - 1)), sample];
}

export function historySample({at, budget, databases, target}: Snapshot): HistorySample {
  return {
    at_ms: Date.parse(at),
    used: budget.used,
    active: sessionsIn(budget, 'active', 'fastpath function call'),
    idle: sessionsIn(budget, 'idle'),
    idle_in_transaction: sessionsIn(budget, 'idle in transaction', 'idle in transaction (aborted)'),
    commits_per_second: sumRates(databases, rates => rates.commits_per_second),
    rollbacks_per_second: sumRates(databases, rates => rates.rollbacks_per_second),
    cache_hit_ratio: intervalHitRatio(databases),
    index_hit_ratio: databases.find(({datname}) => datname === target.database)?.index_hit_ratio ?? null,
  };
}

/** Sessions in any of these states; null if unknown, as in older recordings where sessions were hidden. */
export function sessionsIn({by_state}: Pick<Budget, 'by_state'>, ...states: string[]): number | null {
  if ((by_state.hidden ?? 0) + (by_state.disabled ?? 0) > 0) return null;
  return states.reduce((sum, state) => sum + (by_state[state] ?? 0), 0);
}

type Rates = NonNullable<Database['rates']>;

function sumRates(databases: readonly Database[], read: (rates: Rates) => number): number | null {
  const known = databases.flatMap(({rates}) => (rates ? [read(rates)] : []));
  return known.length === 0 ? null : known.reduce((sum, rate) => sum + rate, 0);
}

function intervalHitRatio(databases: readonly Database[]): number | null {
  const hit = sumRates(databases, rates => rates.blks_hit_per_second) ?? 0;
  const read = sumRates(databases, rates => rates.blks_read_per_second) ?? 0;
  return hit + read === 0 ? null : hit / (hit + read);
}
