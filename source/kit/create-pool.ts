import process from 'node:process';
import pg, {type Pool, type PoolConfig} from 'pg';
import {adapterSettings, ignoredParameters} from '../core/pool/adapter-call.ts';
import {poolerOf, readParameters} from '../core/pool/env.ts';
import {defaultShare, type PlatformId, type PoolSettings, platforms} from '../core/pool/presets.ts';
import {
  connectionBudget,
  countInstances,
  largestLimit,
  preferredSettings,
  settingsWithin,
} from '../core/pool/tuning.ts';
import {defaultDeadlineMs, type Instrumented, instrument} from './instrument.ts';
import {cleanName} from './report.ts';
import {closeOnSigterm} from './shutdown.ts';
import {type Timeout, timeoutClasses, timeoutMs} from './timeouts.ts';

export type InstrumentOptions = {
  /** The name under which the server lists the sessions; default: the pool's. Up to 27 ASCII characters are not cut. */
  application?: string;
  /** Of each statement outside `withTimeout`; default: none; of createPool: 'standard', 5 s. */
  timeout?: Timeout | null;
  /**
   * Whether the pool writes its state into the name of its sessions; default true, of createPool false where the URL is of RDS
   * Proxy, which would pin a session to its client for it.
   */
  report?: boolean;
  /** Called with the error of a session that ended while it ran no statement. */
  onConnectionError?: (error: Error) => void;
  /** On SIGTERM the pool ends once it is quiet, at the latest after this time, in ms. Default: false; of createPool: 10,000. */
  closeOnSigterm?: number | false;
};

export type PoolOptions = Omit<PoolConfig, 'application_name' | 'max'> &
  InstrumentOptions & {
    /** The name under which the server lists the sessions. Up to 27 ASCII characters are not cut. */
    application: string;
    /** Where the application runs: decides the preset, and how instances multiply during a deploy. */
    platform: PlatformId;
    /** Application processes at peak, each with its own pool. */
    instances: number;
    /** Factor by which processes multiply during a deploy; default: the usual one of the platform. */
    deployOverlap?: number;
    /** Connection slots that the server leaves to applications; default 97: max_connections 100 without the superuser's 3. */
    slots?: number;
    /** Share of these slots for all instances together; default 0.8. */
    share?: number;
    /** Replaces the preset's size; no more than fits. */
    max?: number;
  };

/** A `pg.Pool` of the size and with the timeouts that the recipe tune-connection-limit computes from the same figures. */
export function createPool(options: PoolOptions): Pool & Instrumented {
  const {application, platform, instances, deployOverlap, slots, share, max, ...rest} = options;
  const {timeout = 'standard', report, onConnectionError, closeOnSigterm, connectionString, ...config} = rest;
  const url = connectionString === undefined ? null : readUrl(connectionString);
  const pool = new pg.Pool({
    keepAlive: true,
    ...adapterSettings(sizePool(options)),
    // Ends on the server what the process cannot cancel any more. PgBouncer and others refuse it as a start parameter.
    ...(platform === 'pgbouncer' || url?.isPooled
      ? {}
      : {statement_timeout: Math.max(timeoutClasses.report, timeout === null ? 0 : timeoutMs(timeout))}),
    ...config,
    ...(url && {connectionString: url.connectionString}),
    application_name: cleanName(application),
  });
  if (url !== null && url.ignored.length > 0) warnOnce(url.ignored, pool.options.max);
  return instrumentPool(pool, {
    application,
    timeout,
    report: report ?? url?.pooler !== 'RDS Proxy',
    closeOnSigterm: closeOnSigterm ?? defaultDeadlineMs,
    ...(onConnectionError && {onConnectionError}),
  });
}

/** The pool itself, which now reports its queue, tags its statements and survives ended sessions. */
export function instrumentPool<Given extends Pool>(
  pool: Given,
  options: InstrumentOptions = {},
): Given & Instrumented {
  if (isInstrumented(pool)) return pool;
  const {application = pool.options.application_name ?? 'node', timeout = null, report = true} = options;
  const {onConnectionError = () => {}, closeOnSigterm: deadline_ms = false} = options;
  const name = cleanName(application);
  // Of the connections that it opens from now on.
  pool.options.application_name = name;
  pool.on('error', () => {});
  const timeout_ms = timeout === null ? null : timeoutMs(timeout);
  const settings = {name, timeout_ms, isReporting: report, onConnectionError};
  const instrumented = Object.assign(pool, instrument(pool, settings), {[mark]: true});
  if (deadline_ms !== false) closeOnSigterm(pool, () => instrumented.close(deadline_ms));
  return instrumented;
}

/** Also for the kit's other copies in the process. */
const mark = Symbol.for('poolctl.kit.instrumented');

function isInstrumented<Given extends Pool>(pool: Given): pool is Given & Instrumented {
  return mark in pool;
}

function readUrl(url: string): {
  connectionString: string;
  ignored: string[];
  pooler: string | null;
  isPooled: boolean;
} {
  const parameters = readParameters(url);
  const pooler = poolerOf(url, parameters);
  return {
    // In the URL it would override the application's name.
    connectionString: url.replace(/([?&])application_name=[^&#]*&?/, '$1').replace(/[?&]$/, ''),
    ignored: ignoredParameters.filter(name => parameters.has(name)),
    pooler,
    // 6432 is PgBouncer's port unless it is configured otherwise.
    isPooled: pooler !== null || /:6432(?=[/?]|$)/.test(url),
  };
}

const warned = new Set<string>();

function warnOnce(parameters: readonly string[], max: number | undefined): void {
  const names = parameters.join(', ');
  if (warned.has(names)) return;
  warned.add(names);
  process.emitWarning(
    `The connection string's ${names} ${parameters.length === 1 ? 'has' : 'have'} no effect on a node-postgres pool. Its size is ${max}, from createPool's options`,
    {type: 'PoolctlWarning', code: 'POOLCTL_IGNORED_PARAMETER'},
  );
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
    throw new TypeError(`createPool: ${name} must be a whole number of at least 1, not ${value}`);
  }
}
