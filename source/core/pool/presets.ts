/** One pool's settings. */
export type PoolSettings = {
  connection_limit: number;
  /** Maximum wait for a connection of the pool. */
  pool_timeout_s: number;
  /** Maximum time to open a connection. */
  connect_timeout_s: number;
  /** Time after which an unused connection is closed. */
  idle_timeout_ms: number;
};

export type Preset = PoolSettings & {id: string; reason: string};

/** Prisma's defaults: 10 s for a free connection, 5 s to open one. */
const prismaOwn = {pool_timeout_s: 10, connect_timeout_s: 5};

/** Common settings and their reasons; the server's budget may reduce them. */
export const presets: readonly Preset[] = [
  {
    id: 'production',
    connection_limit: 10,
    ...prismaOwn,
    idle_timeout_ms: 30_000,
    reason: 'one Node.js process; ten such pools fill 100 slots',
  },
  {
    id: 'development',
    connection_limit: 5,
    pool_timeout_s: 5,
    connect_timeout_s: 3,
    idle_timeout_ms: 10_000,
    reason: 'one developer: a leak shows early',
  },
  {
    id: 'high-traffic',
    connection_limit: 20,
    ...prismaOwn,
    idle_timeout_ms: 30_000,
    reason: 'few, large processes: four pools use 80 slots',
  },
  {
    id: 'netlify',
    connection_limit: 10,
    pool_timeout_s: 20,
    connect_timeout_s: 5,
    idle_timeout_ms: 10_000,
    reason: 'few concurrent functions; a long wait absorbs bursts',
  },
  {
    id: 'vercel',
    connection_limit: 5,
    pool_timeout_s: 15,
    connect_timeout_s: 5,
    idle_timeout_ms: 10_000,
    reason: 'more concurrent functions, so fewer each',
  },
  {
    id: 'serverless',
    connection_limit: 1,
    pool_timeout_s: 5,
    connect_timeout_s: 10,
    idle_timeout_ms: 5_000,
    reason: 'a function serves one request at a time',
  },
];

/** Share of the usable slots for one application; the rest is for migrations, jobs and people. */
export const defaultShare = 0.8;

export type PlatformId = 'vercel' | 'netlify' | 'lambda' | 'kubernetes' | 'long-running' | 'pgbouncer';

export type Platform = {
  id: PlatformId;
  /** 'formula' is the largest limit that the budget allows. */
  preset: string;
  /** Factor by which instances multiply during a deploy. */
  deploy_overlap: number;
  /** What an instance is on this platform, and how it uses connections. */
  note: string;
};

const functionsNote =
  'The number of instances follows the traffic; frozen ones keep their connections, and a deploy keeps the old ones alive for a while.';

export const platforms: readonly Platform[] = [
  {id: 'vercel', preset: 'vercel', deploy_overlap: 2, note: functionsNote},
  {id: 'netlify', preset: 'netlify', deploy_overlap: 2, note: functionsNote},
  {id: 'lambda', preset: 'serverless', deploy_overlap: 2, note: functionsNote},
  {
    id: 'kubernetes',
    preset: 'formula',
    // The default maxSurge of a Deployment is 25 %.
    deploy_overlap: 1.25,
    note: 'An instance is a pod, or each worker process in it; a rolling update adds a quarter (maxSurge).',
  },
  {
    id: 'long-running',
    preset: 'formula',
    deploy_overlap: 1,
    note: 'An instance is a process: pm2 in cluster mode has one per core, and each has a pool of its own. For a reload that starts new processes before it ends the old ones, set deploy_overlap=2.',
  },
  {
    id: 'pgbouncer',
    preset: 'production',
    deploy_overlap: 1,
    note: "Instances use PgBouncer's client connections; only its pools use the server's slots.",
  },
];
