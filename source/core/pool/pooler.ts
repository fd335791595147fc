import type {Pooler, PoolerClient, PoolerDatabase, PoolerPool, PoolerServer} from '../../model/pooler.ts';
import type {Backend} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {isIdleInTransaction} from '../sessions/session.ts';
import {counted, formatMs} from '../text/format.ts';

/** Why clients wait in PgBouncer; `fine` if none has waited for long. */
export type PoolerVerdict = 'paused' | 'disabled' | 'no server' | 'logging in' | 'full' | 'waiting' | 'fine';

/** A pool with what is known of it besides. */
export type PoolerQueue = {
  pool: PoolerPool;
  /** null if SHOW DATABASES does not list it. */
  database: PoolerDatabase | null;
  /** Its server connections that are sessions here. */
  sessions: Backend[];
  verdict: PoolerVerdict;
  /** What the verdict rests on. */
  why: string;
  /** The same, after how many clients wait. */
  reason: string;
  /** Clients have waited for longer than a moment. */
  is_harmful: boolean;
};

/** `shop/app`, which identifies a pool within its PgBouncer. */
export function poolerPoolName({database, user}: Pick<PoolerPool, 'database' | 'user'>): string {
  return `${database}/${user}`;
}

/** Identifies a PgBouncer by its address and its configuration file: it has no identity of its own. */
export function poolerIdentity({address, config_file}: Pick<Pooler, 'address' | 'config_file'>): string {
  return `${address} ${config_file}`.trim();
}

/** Every pool, those with the longest wait first. */
export function poolerQueues(pooler: Pooler, backends: readonly Backend[]): PoolerQueue[] {
  const links = poolerLinks(pooler, backends);
  const byPid = new Map(backends.map(backend => [backend.pid, backend]));
  const servers = groupBy(pooler.servers, poolerPoolName);
  return pooler.pools
    .map(pool => {
      const own = servers.get(poolerPoolName(pool)) ?? [];
      const sessions = own.flatMap(({pid}) => (pid !== null && links.has(pid) ? (byPid.get(pid) ?? []) : []));
      const database = pooler.databases.find(({name}) => name === pool.database) ?? null;
      const verdict = verdictOf(pool, database);
      const why = whyOf(verdict, pool, {database, sessions});
      return {
        pool,
        database,
        sessions,
        verdict,
        why,
        reason: queueText(pool) + why,
        is_harmful: isHarmful(pool),
      };
    })
    .sort((a, b) => b.pool.maxwait_ms - a.pool.maxwait_ms || b.pool.cl_active - a.pool.cl_active);
}

/** By pool, those in which clients wait. */
export function poolerWaits({pools}: Pooler): Record<string, {waiting: number; maxwait_ms: number}> {
  const waiting = pools.filter(({cl_waiting}) => cl_waiting > 0);
  return Object.fromEntries(
    waiting.map(pool => [poolerPoolName(pool), {waiting: pool.cl_waiting, maxwait_ms: pool.maxwait_ms}]),
  );
}

/** The client that has a server connection; null: none has; `unread`: one has it, or may have got it, that was not read. */
export type PoolerLink = PoolerClient | 'unread' | null;

/**
 * The sessions that are this PgBouncer's server connections, by pid, each with the client that has it now. It may lead to
 * several servers, whose pids say nothing here: this one is the address that most of its pids match, in their database.
 * `read_ms`: when it was read, by the server's clock; null: not known.
 */
export function poolerLinks(
  {servers, databases, clients}: Pooler,
  backends: readonly Backend[],
  read_ms: number | null = null,
): ReadonlyMap<number, PoolerLink> {
  const byPid = new Map(backends.map(backend => [backend.pid, backend]));
  const namesThere = new Map(databases.map(({name, database}) => [name, database]));
  const here = servers.filter(
    ({pid, database}) => pid !== null && byPid.get(pid)?.datname === (namesThere.get(database) ?? database),
  );
  const byAddress = groupBy(here, ({server_addr, server_port}) => `${server_addr}:${server_port}`);
  const [own = []] = [...byAddress.values()].sort((a, b) => b.length - a.length);
  const clientOf = new Map((clients ?? []).map(client => [client.server_pid, client]));
  const linkOf = ({pid, state}: PoolerServer): PoolerLink => {
    const backend = byPid.get(pid as number);
    if (read_ms !== null && backend && hasChangedSince(backend, read_ms)) return 'unread';
    // `active`: a client has it, which was not among those that were read.
    return clientOf.get(pid) ?? (state === 'active' ? 'unread' : null);
  };
  return new Map(own.map(server => [server.pid as number, linkOf(server)]));
}

/** A transaction belongs to one client; between two the next one may be another's. */
function hasChangedSince({xact_start, state_change}: Backend, at_ms: number): boolean {
  const since = xact_start ?? state_change;
  return since !== null && Date.parse(since) > at_ms;
}

/**
 * At most this many clients. Those with a server connection before those that wait for one: they say whose session it is. The list
 * begins with the longest wait.
 */
export function mostClients(clients: readonly PoolerClient[], most: number): PoolerClient[] {
  const isLinked = ({server_pid}: PoolerClient) => Number(server_pid !== null);
  const waitOf = ({wait_ms}: PoolerClient) => wait_ms ?? -1;
  return clients
    .toSorted((a, b) => isLinked(b) - isLinked(a) || waitOf(b) - waitOf(a))
    .slice(0, most)
    .toSorted((a, b) => waitOf(b) - waitOf(a) || isLinked(b) - isLinked(a));
}

function isHarmful({cl_waiting, maxwait_ms}: PoolerPool): boolean {
  return cl_waiting > 0 && maxwait_ms >= thresholds.pooler_max_wait_ms.warning;
}

function serversOf({sv_active, sv_idle, sv_used, sv_tested, sv_login}: PoolerPool): number {
  return sv_active + sv_idle + sv_used + sv_tested + sv_login;
}

function verdictOf(pool: PoolerPool, database: PoolerDatabase | null): PoolerVerdict {
  if (database?.is_paused) return 'paused';
  if (database?.is_disabled) return 'disabled';
  if (pool.cl_waiting === 0) return 'fine';
  const servers = serversOf(pool);
  if (servers === 0) return 'no server';
  if (pool.sv_login === servers) return 'logging in';
  if (isFull(pool, database)) return 'full';
  if (pool.sv_login > 0) return 'logging in';
  return isHarmful(pool) ? 'waiting' : 'fine';
}

function isFull(pool: PoolerPool, database: PoolerDatabase | null): boolean {
  if (database === null) return false;
  return pool.sv_active >= database.pool_size || isDatabaseFull(database);
}

function isDatabaseFull({max_connections, current_connections}: PoolerDatabase): boolean {
  return max_connections > 0 && current_connections >= max_connections;
}

/** `12 clients wait, up to 4.10s: `; '' if none waits. */
function queueText({cl_waiting, maxwait_ms}: PoolerPool): string {
  if (cl_waiting === 0) return '';
  return `${counted(cl_waiting, 'client')} ${cl_waiting === 1 ? 'waits' : 'wait'}, up to ${formatMs(maxwait_ms)}: `;
}

function whyOf(
  verdict: PoolerVerdict,
  pool: PoolerPool,
  {database, sessions}: Pick<PoolerQueue, 'database' | 'sessions'>,
): string {
  const {sv_active, sv_login} = pool;
  switch (verdict) {
    case 'paused':
      return 'PgBouncer is paused for this database';
    case 'disabled':
      return 'the database is disabled in PgBouncer: it accepts no new client';
    case 'no server':
      return 'no server connection: the server refuses them, or cannot be reached';
    case 'logging in':
      return `${counted(sv_login, 'server connection')} ${sv_login === 1 ? 'is' : 'are'} logging in: the server is slow to accept them, or refuses`;
    case 'full':
      return fullText(pool, database) + holdersText(sessions);
    case 'waiting':
    case 'fine':
      return `${sv_active} of ${database?.pool_size ?? '?'} server connections busy`;
  }
}

function fullText({sv_active}: PoolerPool, database: PoolerDatabase | null): string {
  if (database !== null && sv_active < database.pool_size)
    return `the database has its ${counted(database.max_connections, 'server connection')} (max_db_connections)`;
  return `${sv_active === 1 ? 'its only server connection is' : `all ${sv_active} server connections are`} busy`;
}

/** What keeps them busy, as the server sees it. */
function holdersText(sessions: readonly Backend[]): string {
  const idle = sessions.filter(isIdleInTransaction).length;
  const locked = sessions.filter(({wait_event_type}) => wait_event_type === 'Lock').length;
  return [
    ...(idle > 0 ? [`, ${idle} idle in transaction`] : []),
    ...(locked > 0 ? [`, ${locked} waiting for a lock`] : []),
  ].join('');
}

/**
 * What `max_prepared_statements` means for Prisma's URL: from 1.21 PgBouncer keeps prepared statements where a transaction may get
 * another server connection than the one before, and `pgbouncer=true`, which switches them off, is a loss. null in session mode.
 */
export function preparedStatementAdvice({
  version,
  settings,
  pools,
}: Pooler): {detail: string; remedy: string; is_lossy: boolean} | null {
  const modes = [settings.pool_mode, ...pools.map(({pool_mode}) => pool_mode)];
  if (modes.every(mode => mode === 'session')) return null;
  const {max_prepared_statements: most} = settings;
  if (most === null)
    return {
      detail: `PgBouncer ${version} loses prepared statements between transactions`,
      remedy:
        "keep pgbouncer=true in Prisma's URL, or upgrade to 1.21 or later and set max_prepared_statements = 200",
      is_lossy: true,
    };
  if (most === 0)
    return {
      detail: 'max_prepared_statements is 0: prepared statements are lost between transactions',
      remedy:
        "set max_prepared_statements = 200 in pgbouncer.ini, then drop pgbouncer=true from Prisma's URL",
      is_lossy: true,
    };
  return {
    detail: `max_prepared_statements is ${most}: prepared statements outlive their transaction`,
    remedy: "drop pgbouncer=true from Prisma's URL: it only makes the server plan every statement again",
    is_lossy: false,
  };
}
