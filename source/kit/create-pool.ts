import pg, {type Pool, type PoolConfig} from 'pg';
import {adapterSettings} from '../core/pool/adapter-call.ts';
import {defaultShare, type PlatformId, type PoolSettings, platforms} from '../core/pool/presets.ts';
import {
  connectionBudget,
  countInstances,
  largestLimit,
  preferredSettings,
  settingsWithin,
} from '../core/pool/tuning.ts';

export type PoolOptions = Omit<PoolConfig, 'application_name' | 'max'> & {
  /** The name under which the server lists the sessions; a name of up to 27 ASCII characters is not cut. */
  application: string;
  /** Where the application runs: decides the preset, and how instances multiply during a deploy. */
  platform: PlatformId;
  /** Application processes at peak, each with its own pool. */
  instances: number;
  /** Factor by which processes multiply during a deploy; default: the usual one of the platform. */
  deployOverlap?: number;
  /** Connection slots of the server that applications can use; default 97, of PostgreSQL's default max_connections 100. */
  slots?: number;
  /** Share of these slots for all instances together; default 0.8. */
  share?: number;
  /** Replaces the preset's size; no more than fits. */
  max?: number;
};

/** A `pg.Pool` of the size and with the timeouts that the recipe tune-connection-limit computes from the same figures. */
export function createPool(options: PoolOptions): Pool {
  const {application, platform, instances, deployOverlap, slots, share, max, ...config} = options;
  return new pg.Pool({
    keepAlive: true,
    ...adapterSettings(sizePool(options)),
    ...config,
    application_name: application,
  });
}

/** Slots that a server with PostgreSQL's own settings leaves to applications: max_connections 100 without the superuser's 3. */
const defaultSlots = 97;

function sizePool(options: PoolOptions): PoolSettings {
  const {instances, slots = defaultSlots, share = defaultShare} = options;
  const platform = platforms.find(({id}) => id === options.platform);
  if (platform === undefined) {
    throw new TypeError(
      `createPool: platform is "${options.platform}"; it is one of ${platforms.map(({id}) => id).join(', ')}`,
    );
  }
  requireCount('instances', instances);
  requireCount('slots', slots);
  if (options.max !== undefined) requireCount('max', options.max);
  const overlap = options.deployOverlap ?? platform.deploy_overlap;
  const {deploy} = countInstances(instances, instances, overlap);
  const budget = connectionBudget({usable: slots}, {role_limit: null, database_limit: null}, share);
  const preferred = preferredSettings({preset: platform.preset, connection_limit: options.max ?? null});
  // PgBouncer's own pools take the server's slots; this one takes PgBouncer's client connections.
  const settings =
    platform.id === 'pgbouncer' ? preferred : settingsWithin(largestLimit(budget, deploy), preferred);
  if (settings === null) {
    throw new RangeError(
      `createPool: ${deploy} instances during a deploy do not fit into ${budget.allotted} connections (${slots} slots x ${share}). Use PgBouncer, or raise max_connections`,
    );
  }
  return settings;
}

function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`createPool: ${name} is ${value}; it is a whole number from 1`);
  }
}
