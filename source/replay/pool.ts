import pg from 'pg';
import type {Sql} from './endpoint.ts';
import {type Checkouts, instrument} from './pool-instrument.ts';
import {installSkimmer} from './pool-skim.ts';
import {boundSql} from './pool-sql.ts';
import type {RequestTrace} from './pool-trace.ts';
import {keepReadOnly} from './read-only.ts';

export type PoolOptions = {
  /** Where, as whom, with what settings; `max` and its kin are set here. */
  connection: pg.PoolConfig;
  /** Prisma's name for it; node-postgres calls it `max`. */
  connection_limit: number;
  /** How long a query waits for a connection, in milliseconds; 0 waits for ever, as Prisma 7 does unless told. */
  pool_timeout_ms: number;
  /** Sessions may write; else they are held to what they began as, read-only. */
  allowWrites: boolean;
  /** The endpoint's file, for the lines that statements come from. */
  file: string;
  /** The `pg` whose Pool it is to be, where an application brings its own. */
  Pool?: new (
    config: pg.PoolConfig,
  ) => pg.Pool;
};

export type MeasuredPool = {
  /** A real node-postgres Pool: what Prisma's adapter is given. Queries count for `currentRequest`. */
  pool: pg.Pool;
  /** Statements that count for this request. */
  sqlFor(trace: RequestTrace): Sql;
  checkouts: Checkouts;
  /** Ends it also with connections that nobody gives back: those are cut. */
  close(): Promise<void>;
};

/**
 * The pool that is measured: each query tells how long it waited for a connection, how long it ran, its rows and
 * bytes, its SQLSTATE, and which request and line sent it.
 */
export function createMeasuredPool(options: PoolOptions): MeasuredPool {
  const {connection, connection_limit, pool_timeout_ms, allowWrites, file, Pool = pg.Pool} = options;
  const pool = new Pool({
    ...connection,
    max: connection_limit,
    connectionTimeoutMillis: pool_timeout_ms,
    // A pool that shrinks between two requests would be measured at opening connections.
    idleTimeoutMillis: 0,
  });
  // A connection that ends while nobody uses it is the pool's own concern.
  pool.on('error', () => {});
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', client => {
    clients.add(client);
    installSkimmer(client);
    if (!allowWrites) keepReadOnly(client);
    // One that ends at work fails its query, which is where it is told of.
    client.on('error', () => {});
  });
  pool.on('remove', client => clients.delete(client));
  const {checkouts, connect} = instrument(pool, file);
  return {
    pool,
    sqlFor: trace => boundSql(trace, {file, checkouts, connect}),
    checkouts,
    async close() {
      for (const client of checkouts.held.keys()) cut(client);
      await Promise.race([pool.end(), inAMoment()]);
      for (const client of clients) cut(client);
    },
  };
}

/** Its backend ends with it, at once or at the end of its statement. */
function cut(client: pg.PoolClient): void {
  (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
}

function inAMoment(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, 1000).unref();
  });
}
