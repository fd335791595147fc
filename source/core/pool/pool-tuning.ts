import type {Facts} from '../../model/recipe-data.ts';
import type {RoleLimit} from '../../model/roles.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {
  type ConnectionBudget,
  connectionBudget,
  countInstances,
  heldByOthers,
  type Instances,
  largestLimit,
} from './connection-budget.ts';
import type {PoolerSettings} from './pgbouncer-ini.ts';
import {type Platform, type PoolSettings, type Preset, presets} from './pool-presets.ts';

export const tunedPlaces = ['role', 'env', 'adapter', 'pgbouncer', 'none'] as const;
export type TunedPlace = (typeof tunedPlaces)[number];

/** What was asked for, read. */
export type TuningChoices = {
  platform: Platform;
  /** A preset's id, or 'formula'. */
  preset: string;
  /** Asked for in the preset's place, as what was measured; null: as the preset has it. */
  connection_limit: number | null;
  instances: number;
  max_instances: number;
  deploy_overlap: number;
  /** null where nobody knows. */
  prisma_major: number | null;
  usable_share: number;
  role: RoleLimit | null;
  apply: readonly TunedPlace[];
};

/** How an application's pool is told its size: by the URL, or by its adapter's object. */
export type PoolKind = 'url' | 'adapter';

export type Tuning = {
  choices: TuningChoices;
  instances: Instances;
  budget: ConnectionBudget;
  /** null where nobody knows Prisma's version. */
  kind: PoolKind | null;
  /** What one pool may open today; null where nothing says. */
  today: number | null;
  /** The largest connection_limit that fits even in a deploy at peak; 0 where none does. */
  largest: number;
  /** What to set; null where no limit fits. */
  settings: PoolSettings | null;
  /** A pool's settings with PgBouncer between it and the server. */
  pooled: PoolSettings;
  pooler: PoolerSettings;
  /** The role's own limit that holds the application within its share. */
  role_limit: number;
};

/** Settles every number of the answer. What is proposed rests on settings and limits alone, not on who is connected. */
export function tunePool(snapshot: Snapshot, choices: TuningChoices, facts: Facts): Tuning {
  const {platform, usable_share, role, apply} = choices;
  const instances = countInstances(choices.instances, choices.max_instances, choices.deploy_overlap);
  const database_limit = databaseLimit(snapshot);
  const slots = {usable: snapshot.budget.usable, others: heldByOthers(role?.name ?? null, snapshot.budget)};
  const free = connectionBudget(slots, {role_limit: null, database_limit}, usable_share);
  const isRoleFree =
    role === null || role.is_superuser || role.connection_limit < 0 || apply.includes('role');
  const role_limit = isRoleFree ? null : role.connection_limit;
  const budget = connectionBudget(slots, {role_limit, database_limit}, usable_share);
  const largest = largestLimit(budget, instances.deploy);
  const wish = wishOf(choices);
  const pooled = wish ?? production;
  const kind = kindOf(choices, facts);
  return {
    choices,
    instances,
    budget,
    kind,
    today: limitToday(kind, facts, snapshot),
    largest,
    settings: platform.id === 'pgbouncer' ? pooled : settingsWithin(largest, wish),
    pooled,
    pooler: sizePooler(budget, instances.deploy * pooled.connection_limit),
    role_limit: free.allotted,
  };
}

const [production] = presets as readonly [Preset, ...Preset[]];

function wishOf({preset, connection_limit}: TuningChoices): PoolSettings | null {
  const wish = presets.find(({id}) => id === preset) ?? null;
  return connection_limit === null ? wish : {...(wish ?? production), connection_limit};
}

function settingsWithin(largest: number, wish: PoolSettings | null): PoolSettings | null {
  if (largest === 0) return null;
  const limit = Math.min(largest, wish?.connection_limit ?? largest);
  return {...(wish ?? production), connection_limit: limit};
}

/** node-postgres's pool came with 7 for everybody, and before it for those who asked for an adapter. */
function kindOf({prisma_major}: TuningChoices, {application}: Facts): PoolKind | null {
  if ((application?.pools.length ?? 0) > 0 || (prisma_major ?? 0) >= 7) return 'adapter';
  return prisma_major === null ? null : 'url';
}

function limitToday(kind: PoolKind | null, facts: Facts, {target}: Snapshot): number | null {
  if (kind === 'adapter') {
    const pools = facts.application?.pools ?? [];
    // node-postgres's own default.
    return pools.length === 0 ? null : Math.max(...pools.map(({settings}) => settings.max ?? 10));
  }
  const file = envFileOf(facts);
  const written = file?.parameters.connection_limit;
  if (file?.problem === null) return written && /^\d+$/.test(written) ? Number(written) : null;
  return target.prisma?.connection_limit ?? null;
}

/** The .env file that was named, else the one in the application's folder. */
export function envFileOf({env_file, application}: Facts) {
  return env_file ?? application?.env_file ?? null;
}

function databaseLimit({budget, target}: Snapshot): number | null {
  const own = budget.own_limits.find(({kind, name}) => kind === 'database' && name === target.database);
  return own === undefined || own.connection_limit < 0 ? null : own.connection_limit;
}

/**
 * One role in one database is one pool (default_pool_size); further ones share max_db_connections. Clients get a
 * tenth more than the instances can open, and no less than PgBouncer's own 100.
 */
function sizePooler({allotted}: ConnectionBudget, clients: number): PoolerSettings {
  return {
    pool_mode: 'transaction',
    max_client_conn: Math.max(100, Math.ceil((clients * 11) / 10)),
    default_pool_size: Math.max(1, allotted),
    max_db_connections: Math.max(1, allotted),
  };
}
