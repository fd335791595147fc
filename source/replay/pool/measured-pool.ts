import type pg from 'pg';
import type {Sql} from '../endpoint/endpoint.ts';
import {keepReadOnly} from '../read-only/client.ts';
import {asOurs} from '../sandbox/outbound.ts';
import {markMeasured} from '../sandbox/redirect-pg.ts';
import {type Checkouts, type Connect, instrument, watchCheckouts} from './instrument.ts';
import {createLeanPool, cut} from './lean.ts';
import type {RequestTrace} from './request-trace.ts';
import {installSkimmer} from './skim.ts';
import {boundSql} from './sql.ts';

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
  /** Whose Pool it is to be: pg's, or that of the `pg` that an application brings; without, nobody else is given it. */
  Pool?: new (
    config: pg.PoolConfig,
  ) => pg.Pool;
};

export type MeasuredPool = {
  /** What Prisma's adapter is given, where `Pool` was: its queries count for `currentRequest`. */
  pool: pg.Pool;
  /** Statements that count for this request. */
  sqlFor(trace: RequestTrace): Sql;
  checkouts: Checkouts;
  /** Ends it also with connections that nobody gives back: those are cut. */
  close(): Promise<void>;
};

async function noPassword(): Promise<never> {
  throw new Error('a password is needed, and none was given');
}

/**
 * The pool that is measured: each query tells how long it waited for a connection, how long it ran, its rows and
 * bytes, its SQLSTATE, and which request and line sent it.
 */
export function createMeasuredPool(options: PoolOptions): MeasuredPool {
  const {connection, connection_limit, pool_timeout_ms, allowWrites, file, Pool} = options;
  const config: pg.PoolConfig = {
    ...connection,
    // Without one pg would look for it by itself, and give PGPASSWORD to whatever host a folder names.
    password: connection.password ?? noPassword,
    max: connection_limit,
    connectionTimeoutMillis: pool_timeout_ms,
    // A pool that shrinks between two requests would be measured at opening connections.
    idleTimeoutMillis: 0,
  };
  const pool = Pool === undefined ? createLeanPool(config) : createPool(Pool, config);
  // A connection that ends while nobody uses it is the pool's own concern.
  pool.on('error', () => {});
  pool.on('connect', client => {
    const wire = allowWrites ? undefined : keepReadOnly(client);
    // pg reads its stream otherwise than it is known to: what is not the client's could not be left out.
    if (!installSkimmer(client, wire?.receive) && wire !== undefined) cut(client);
    // One that ends at work fails its query, which is where it is told of.
    client.on('error', () => {});
  });
  const checkouts = watchCheckouts(pool);
  const connect: Connect = pool.connect.bind(pool);
  if (Pool !== undefined) instrument(pool, checkouts, file);
  return {
    pool,
    sqlFor: trace => boundSql(trace, {file, checkouts, connect}),
    checkouts,
    async close() {
      for (const [client, checkout] of checkouts.of) if (checkout !== null) cut(client);
      await Promise.race([pool.end(), inAMoment()]);
      for (const client of checkouts.of.keys()) cut(client);
    },
  };
}

/** One whose connections are poolctl's own, whatever becomes of those of its class. */
function createPool(Pool: NonNullable<PoolOptions['Pool']>, config: pg.PoolConfig): pg.Pool {
  const pool = new Pool(config) as pg.Pool & {newClient(...args: unknown[]): unknown};
  markMeasured(pool);
  const newClient = pool.newClient.bind(pool);
  Object.assign(pool, {newClient: (...args: unknown[]) => asOurs(() => newClient(...args))});
  return pool;
}

function inAMoment(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, 1000).unref();
  });
}
