import type {RecipeData, RoleLimit} from '../../model/recipe-data.ts';
import type {Budget, Snapshot} from '../../model/snapshot.ts';
import {type Clients, clientsOf} from './clients.ts';
import type {PoolerSettings} from './pgbouncer-ini.ts';
import {type Platform, type PoolSettings, type Preset, presets} from './presets.ts';

export const tunedPlaces = ['role', 'env', 'adapter', 'pgbouncer', 'none'] as const;
export type TunedPlace = (typeof tunedPlaces)[number];

/** The parsed parameters. */
export type TuningChoices = {
  platform: Platform;
  /** A preset's id, or 'formula'. */
  preset: string;
  /** Replaces the preset's limit; null: the preset's. */
  connection_limit: number | null;
  /** What a replay measured at this limit; null: it was not measured. */
  measured: string | null;
  /** Sessions that were busy at the same time; null: not known. */
  most_busy: number | null;
  instances: number;
  max_instances: number;
  deploy_overlap: number;
  /** null: unknown. */
  prisma_major: number | null;
  usable_share: number;
  role: RoleLimit | null;
  apply: readonly TunedPlace[];
};

/** Where an application's pool is configured: in the URL, or in the adapter's object. */
export type PoolKind = 'url' | 'adapter';

export type Tuning = {
  choices: TuningChoices;
  instances: Instances;
  /** Those of the role now; none without a role. Like `budget.others` they decide no figure that is proposed. */
  clients: Clients;
  /** Pools in each process; `instances` counts all of them. */
  pools: number;
  budget: ConnectionBudget;
  /** null: Prisma's version is unknown. */
  kind: PoolKind | null;
  /** The current limit of each pool of a process; null: unknown. */
  today: number[] | null;
  /** The largest connection_limit that fits during a deploy at peak; 0 if none does. */
  largest: number;
  /** The settings to apply; null if no limit fits. */
  settings: PoolSettings | null;
  /** A pool's settings behind PgBouncer. */
  pooled: PoolSettings;
  pooler: PoolerSettings;
  /** The CONNECTION LIMIT that keeps the application within its share. */
  role_limit: number;
};

/** Computes all figures. The proposal depends on settings and limits only, not on current sessions. */
export function tunePool(snapshot: Snapshot, choices: TuningChoices, facts: RecipeData): Tuning {
  const {platform, usable_share, role, apply} = choices;
  const pools = Math.max(1, facts.application?.pools.length ?? 0);
  const {now, peak, deploy} = countInstances(
    choices.instances,
    choices.max_instances,
    choices.deploy_overlap,
  );
  const instances = {now: now * pools, peak: peak * pools, deploy: deploy * pools};
  const database_limit = databaseLimit(snapshot);
  const slots = {usable: snapshot.budget.usable, others: usedByOthers(role?.name ?? null, snapshot.budget)};
  const withoutRoleLimit = connectionBudget(slots, {role_limit: null, database_limit}, usable_share);
  const isRoleFree =
    role === null || role.is_superuser || role.connection_limit < 0 || apply.includes('role');
  const role_limit = isRoleFree ? null : role.connection_limit;
  const budget = connectionBudget(slots, {role_limit, database_limit}, usable_share);
  const least = leastLimit(choices);
  const fitting = largestLimit(budget, instances.deploy);
  const largest = fitting < least ? 0 : fitting;
  const preferred = atLeast(least, preferredSettings(choices));
  const pooled = preferred ?? atLeast(least, production);
  const kind = kindOf(choices, facts);
  return {
    choices,
    instances,
    clients: clientsOf(role === null ? [] : snapshot.backends.filter(({usename}) => usename === role.name)),
    pools,
    budget,
    kind,
    today: limitToday(kind, facts, snapshot),
    largest,
    settings: platform.id === 'pgbouncer' ? pooled : settingsWithin(largest, preferred),
    pooled,
    pooler: sizePooler(budget, instances.deploy * pooled.connection_limit),
    role_limit: withoutRoleLimit.allotted,
  };
}

const [production] = presets as readonly [Preset, ...Preset[]];

/** Of Prisma 8 two: its first transaction checks the contract's marker on a second connection (prisma/orm#30209). */
export function leastLimit({prisma_major}: Pick<TuningChoices, 'prisma_major'>): number {
  return (prisma_major ?? 0) >= 8 ? 2 : 1;
}

/** The pool's own defaults, in a sentence. */
export function adapterText(choices: Pick<TuningChoices, 'prisma_major'>): string {
  return leastLimit(choices) === 1
    ? "With an adapter, the pool is node-postgres's: 10 connections by default, and connectionTimeoutMillis=0 waits forever."
    : "Prisma 8 has node-postgres's pool: 10 connections and a wait of 20 s, unless it is given one. With a pool of 1 its first transaction fails: it reads the contract's marker on a second connection.";
}

/** Whether the proposal serves what was busy at the same time. */
export function mostBusyText({
  choices,
  instances,
  settings,
}: Pick<Tuning, 'settings'> & {
  choices: Pick<TuningChoices, 'most_busy'>;
  instances: Pick<Instances, 'now'>;
}): string[] {
  if (choices.most_busy === null || settings === null) return [];
  const served = instances.now * settings.connection_limit;
  const verdict = served < choices.most_busy ? 'too few: requests would wait' : 'enough';
  return [
    `At most ${choices.most_busy} sessions were busy at the same time in the last minutes; ${instances.now} x ${settings.connection_limit} = ${served} connections are ${verdict}.`,
  ];
}

function atLeast<Settings extends PoolSettings | null>(least: number, settings: Settings): Settings {
  return settings && {...settings, connection_limit: Math.max(least, settings.connection_limit)};
}

/** The preset's settings with the given limit; null for 'formula' without one. */
export function preferredSettings({
  preset,
  connection_limit,
}: Pick<TuningChoices, 'preset' | 'connection_limit'>): PoolSettings | null {
  const preferred = presets.find(({id}) => id === preset) ?? null;
  return connection_limit === null ? preferred : {...(preferred ?? production), connection_limit};
}

/** The preferred settings, at most `largest` connections; null if none fits. */
export function settingsWithin(largest: number, preferred: PoolSettings | null): PoolSettings | null {
  if (largest === 0) return null;
  const limit = Math.min(largest, preferred?.connection_limit ?? largest);
  return {...(preferred ?? production), connection_limit: limit};
}

/** Prisma 7 always uses node-postgres's pool; earlier versions only with an adapter. */
function kindOf({prisma_major}: TuningChoices, {application}: RecipeData): PoolKind | null {
  if ((application?.pools.length ?? 0) > 0 || (prisma_major ?? 0) >= 7) return 'adapter';
  return prisma_major === null ? null : 'url';
}

function limitToday(kind: PoolKind | null, facts: RecipeData, {target}: Snapshot): number[] | null {
  if (kind === 'adapter') {
    // node-postgres's default.
    const limits = (facts.application?.pools ?? []).map(({settings: {max = 10}}) => max);
    const known = limits.filter(max => max !== null);
    return known.length === 0 || known.length < limits.length ? null : known;
  }
  const file = envFileOf(facts);
  const written = file?.parameters.connection_limit;
  if (file?.problem === null) return written && /^\d+$/.test(written) ? [Number(written)] : null;
  return file?.pooler || !target.prisma?.connection_limit ? null : [target.prisma.connection_limit];
}

/** The named .env file, or the one in the application folder. */
export function envFileOf({env_file, application}: RecipeData) {
  return env_file ?? application?.env_file ?? null;
}

function databaseLimit({budget, target}: Snapshot): number | null {
  const own = budget.role_and_database_limits.find(
    ({kind, name}) => kind === 'database' && name === target.database,
  );
  return own === undefined || own.connection_limit < 0 ? null : own.connection_limit;
}

/**
 * One role in one database is one pool (default_pool_size); further ones share max_db_connections. max_client_conn is a
 * tenth more than the instances can open, and at least PgBouncer's default of 100.
 */
function sizePooler({allotted}: ConnectionBudget, clients: number): PoolerSettings {
  return {
    pool_mode: 'transaction',
    max_client_conn: Math.max(100, Math.ceil((clients * 11) / 10)),
    default_pool_size: Math.max(1, allotted),
    max_db_connections: Math.max(1, allotted),
  };
}

/** Number of application instances, each with its own pool. */
export type Instances = {now: number; peak: number; deploy: number};

export type ConnectionBudget = {
  usable: number;
  /** Slots used by others now. Only the verdict (`fitOf`) depends on it, not the proposal. */
  others: number;
  /** CONNECTION LIMIT of the role and the database; null: none. */
  role_limit: number | null;
  database_limit: number | null;
  usable_share: number;
  /** Beyond this the server always refuses connections (53300). */
  most: number;
  /** Connections for all instances together: the share, at most `most`. */
  allotted: number;
  /** What determines `allotted`. */
  bound_by: 'share' | 'role' | 'database';
};

/**
 * The connections an application may use: usable slots x share, or less if the role's or the database's own
 * limit is lower. The other slots are for migrations, psql and monitoring.
 */
export function connectionBudget(
  {usable, others = 0}: {usable: number; others?: number},
  limits: {role_limit: number | null; database_limit: number | null},
  usable_share: number,
): ConnectionBudget {
  // Rounding: 97 x 0.8 is 77.60000000000001 in binary, so a whole product may come out just below itself.
  const share = Math.floor(usable * usable_share + 1e-9);
  const role = limits.role_limit ?? Number.POSITIVE_INFINITY;
  const database = limits.database_limit ?? Number.POSITIVE_INFINITY;
  const allotted = Math.min(share, role, database);
  return {
    usable,
    others,
    ...limits,
    usable_share,
    most: Math.min(usable, role, database),
    allotted,
    bound_by: allotted === share ? 'share' : allotted === role ? 'role' : 'database',
  };
}

export function countInstances(now: number, peak: number, deploy_overlap: number): Instances {
  return {now, peak, deploy: Math.ceil(peak * deploy_overlap - 1e-9)};
}

/** The largest connection_limit that keeps the instances within the budget; 0 if not even 1 does. */
export function largestLimit({allotted}: ConnectionBudget, instances: number): number {
  return Math.floor(allotted / instances);
}

export type Fit = 'fits' | 'tight' | 'overflows';

/**
 * `tight`: it uses slots meant for others, or is within its share while others use more than theirs;
 * `overflows`: it exceeds its share and the slots that others leave.
 */
export function fitOf(connections: number, budget: ConnectionBudget): Fit {
  const isWithinShare = connections <= budget.allotted;
  if (refusedOf(connections, budget) === 0) return isWithinShare ? 'fits' : 'tight';
  return isWithinShare ? 'tight' : 'overflows';
}

/** Connections that the server would refuse (53300), given those of others now. */
export function refusedOf(connections: number, {most, usable, others}: ConnectionBudget): number {
  return Math.max(0, connections - most, connections + others - usable);
}

/** Slots used by other roles; 0 if the role is unknown. */
function usedByOthers(role: string | null, {used, groups}: Pick<Budget, 'used' | 'groups'>): number {
  if (role === null) return 0;
  return groups.reduce((left, {usename, count}) => left - (usename === role ? count : 0), used);
}

/** The max_connections at which the connections would be within the share. */
export function neededMaxConnections(
  connections: number,
  {max_connections, usable}: Pick<Budget, 'max_connections' | 'usable'>,
  usable_share: number,
): number {
  return Math.ceil(connections / usable_share - 1e-9) + (max_connections - usable);
}
