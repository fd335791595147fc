import {EventEmitter} from 'node:events';
import pg from 'pg';
import {asOurs} from '../sandbox/outbound.ts';
import {createSocket} from './socket.ts';

type Lent = (error: Error | undefined, client: pg.PoolClient | undefined, release: Release) => void;
type Release = (error?: Error | boolean) => void;
type Lending = {
  config: pg.PoolConfig;
  events: EventEmitter;
  clients: Set<pg.PoolClient>;
  idle: pg.PoolClient[];
  waiting: Lent[];
  isEnding: boolean;
};

/**
 * Lends connections as node-postgres's Pool does: the one given back last goes first, who waits is served in turn and
 * within `connectionTimeoutMillis`, and what a query failed on is not lent again. That pool's ticks, events and objects
 * for each query are a tenth of what `SELECT 1` costs this process, and needed only where Prisma is given the pool.
 */
export function createLeanPool(config: pg.PoolConfig): pg.Pool {
  const events = new EventEmitter();
  const lending: Lending = {config, events, clients: new Set(), idle: [], waiting: [], isEnding: false};
  const pool = Object.assign(events, {
    connect: (lent?: Lent) => (lent === undefined ? promised(lending) : lend(lending, lent)),
    async end() {
      lending.isEnding = true;
      await Promise.all([...lending.idle].map(client => drop(lending, client)));
    },
  });
  return pool as unknown as pg.Pool;
}

/** Its backend ends with it, at once or at the end of its statement. */
export function cut(client: pg.PoolClient): void {
  (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
}

function promised(lending: Lending): Promise<pg.PoolClient> {
  return new Promise((resolve, reject) => {
    lend(lending, (error, client) => (client === undefined ? reject(error) : resolve(client)));
  });
}

function lend(lending: Lending, lent: Lent): void {
  const {config, clients, idle, waiting, isEnding} = lending;
  const client = idle.pop();
  if (client !== undefined) lent(undefined, client, client.release);
  else if (isEnding) fail(lent, new Error('Cannot use a pool after calling end on the pool'));
  else if (clients.size < (config.max ?? 1)) open(lending, lent);
  else if (config.connectionTimeoutMillis) waitAtMost(lending, lent, config.connectionTimeoutMillis);
  else waiting.push(lent);
}

function waitAtMost({waiting}: Lending, lent: Lent, timeout_ms: number): void {
  const timer = setTimeout(() => {
    waiting.splice(waiting.indexOf(served), 1);
    fail(lent, new Error('timeout exceeded when trying to connect'));
  }, timeout_ms);
  const served: Lent = (...given) => {
    clearTimeout(timer);
    lent(...given);
  };
  waiting.push(served);
}

function open(lending: Lending, lent: Lent): void {
  const {config, clients, events} = lending;
  const client = createClient(config);
  clients.add(client);
  client.release = error => giveBack(lending, client, error);
  client.once('end', () => drop(lending, client));
  let isLate = false;
  const late = () => {
    isLate = true;
    cut(client);
  };
  const timer = config.connectionTimeoutMillis && setTimeout(late, config.connectionTimeoutMillis);
  const connected = (error: Error | null) => {
    clearTimeout(timer);
    if (error) {
      drop(lending, client);
      fail(
        lent,
        isLate ? new Error('Connection terminated due to connection timeout', {cause: error}) : error,
      );
      return;
    }
    events.emit('connect', client);
    lent(undefined, client, client.release);
  };
  asOurs(() => (client as unknown as pg.Client).connect(connected));
}

function createClient(config: pg.PoolConfig): pg.PoolClient {
  // TLS reads its socket by itself.
  const client = new pg.Client(config.ssl ? config : {...config, stream: createSocket});
  return client as unknown as pg.PoolClient;
}

function giveBack(lending: Lending, client: pg.PoolClient, error?: Error | boolean): void {
  const {events, clients, idle, waiting, isEnding} = lending;
  events.emit('release', error, client);
  if (error || isEnding) drop(lending, client);
  if (!clients.has(client)) return;
  const next = waiting.shift();
  if (next === undefined) idle.push(client);
  else next(undefined, client, client.release);
}

/** Lent no more; its place is free for who waits. */
async function drop(lending: Lending, client: pg.PoolClient): Promise<void> {
  const {events, clients, idle, waiting, isEnding} = lending;
  if (!clients.delete(client)) return;
  if (idle.includes(client)) idle.splice(idle.indexOf(client), 1);
  events.emit('remove', client);
  const next = isEnding ? undefined : waiting.shift();
  if (next !== undefined) open(lending, next);
  await (client as unknown as pg.Client).end().catch(() => {});
}

function fail(lent: Lent, error: Error): void {
  lent(error, undefined, () => {});
}
