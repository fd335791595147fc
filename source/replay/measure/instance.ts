import pg from 'pg';
import {
  type Cache,
  type Context,
  createCache,
  type Endpoint,
  type Row,
  type Sample,
  type Sql,
  type Statement,
} from '../endpoint/endpoint.ts';
import {type Checkouts, instrument} from '../pool/instrument.ts';
import {
  atLine,
  beginRequest,
  callerLine,
  createFailureReader,
  currentRequest,
  type RequestTrace,
} from '../pool/request-trace.ts';
import {keepReadOnly} from '../read-only/client.ts';
import {allowOutbound} from '../sandbox/outbound.ts';
import {markMeasured} from '../sandbox/redirect-pg.ts';
import {createRunStats} from './run-stats.ts';

/** One instance of the application: a pool, a Prisma Client, a cache. */
export type Instance = {
  pool: MeasuredPool;
  prisma: unknown;
  cache: Cache;
  close(): Promise<void>;
};

export type InstanceOptions = {
  endpoint: Endpoint;
  connection: pg.PoolConfig;
  pool_timeout_ms: number;
  /** Default false, which makes each statement read-only. */
  allowWrites?: boolean;
  Pool?: PoolOptions['Pool'];
  /** Opens a Prisma Client on the pool. Without it the endpoint's `prisma` is null. */
  openPrisma?: OpenPrisma;
};

type OpenPrisma = (pool: pg.Pool) => OpenedPrisma | Promise<OpenedPrisma>;
type OpenedPrisma = {client: unknown; close(): Promise<void>};

export async function openInstance(
  connection_limit: number,
  {connection, endpoint, pool_timeout_ms, allowWrites = false, Pool, openPrisma}: InstanceOptions,
): Promise<Instance> {
  const {file} = endpoint;
  const options = {connection, connection_limit, pool_timeout_ms, allowWrites, file, ...(Pool && {Pool})};
  const pool = createMeasuredPool(options);
  const prisma = await openPrisma?.(pool.pool);
  return {
    pool,
    prisma: prisma?.client ?? null,
    cache: createCache(),
    async close() {
      await prisma?.close();
      await pool.close();
    },
  };
}

/** Runs a function of the endpoint as one request, whose queries `trace` counts. */
export function inRequest(
  {pool: {pool, sql}, prisma, cache}: Instance,
  trace: RequestTrace,
  {request, signal}: {request: Sample; signal: AbortSignal},
  body: (context: Context) => Promise<unknown>,
): Promise<unknown> {
  return currentRequest.run({trace, line: null, pool, prisma}, () =>
    body({prisma, sql, request, cache, signal}),
  );
}

/** Runs the endpoint's setup. Returns why it failed, with the line; null if it succeeded. */
export async function runSetup(
  connection_limit: number,
  options: InstanceOptions & {signal: AbortSignal},
): Promise<string | null> {
  const {setup, samples, file} = options.endpoint;
  if (setup === undefined) return null;
  const trace = beginRequest(createRunStats());
  const instance = await openInstance(connection_limit, options);
  try {
    const {signal} = options;
    await inRequest(instance, trace, {request: samples[0] ?? {}, signal}, setup);
    return null;
  } catch (error) {
    const {line, message} = createFailureReader(file)(error, trace);
    return `${file}${line === null ? '' : `:${line}`}: ${message}`;
  } finally {
    await instance.close();
  }
}

export type PoolOptions = {
  /** Address, role, TLS and session settings. `createMeasuredPool` sets `max` and the timeouts. */
  connection: pg.PoolConfig;
  /** Prisma's name for node-postgres's `max`. */
  connection_limit: number;
  /** How long a query waits for a connection; 0 for no limit, Prisma 7's default. */
  pool_timeout_ms: number;
  /** Sessions may write. If false, each statement is made read-only. */
  allowWrites: boolean;
  /** The endpoint's file: queries are attributed to its lines. */
  file: string;
  /** The Pool of the application's `pg`, if its adapter accepts no other; default poolctl's own. */
  Pool?: new (
    config: pg.PoolConfig,
  ) => pg.Pool;
};

export type MeasuredPool = {
  /** The instrumented pool, for Prisma's adapter. */
  pool: pg.Pool;
  sql: Sql;
  checkouts: Checkouts;
  /** Ends the pool and disconnects connections that are still checked out. */
  close(): Promise<void>;
};

/**
 * Creates a `pg.Pool` that measures each query: its wait for a connection, execution time, rows, bytes and SQLSTATE, and
 * the request and line that sent it.
 */
export function createMeasuredPool(options: PoolOptions): MeasuredPool {
  const {allowWrites, file} = options;
  const pool = createPool(options);
  const clients = new Set<pg.PoolClient>();
  // Without a listener the process ends when the server ends an idle session.
  pool.on('error', () => {});
  pool.on('connect', client => {
    clients.add(client);
    // A connection that breaks during a query fails that query, which reports it.
    client.on('error', () => {});
    if (!allowWrites) keepReadOnly(client);
  });
  pool.on('remove', client => clients.delete(client));
  const checkouts = instrument(pool, file);
  return {
    pool,
    sql: createSql(pool, file),
    checkouts,
    async close() {
      for (const client of checkouts.active.keys()) disconnect(client);
      if (!pool.ending) await Promise.race([pool.end(), oneSecond()]);
      for (const client of clients) disconnect(client);
    },
  };
}

function createPool({connection, connection_limit, pool_timeout_ms, Pool = pg.Pool}: PoolOptions): pg.Pool {
  const pool = new Pool({
    ...connection,
    // Without a password pg would send PGPASSWORD from the environment to this host.
    password: connection.password ?? noPassword,
    max: connection_limit,
    connectionTimeoutMillis: pool_timeout_ms,
    // Otherwise the pool closes idle connections, and the measurement includes reopening them.
    idleTimeoutMillis: 0,
  }) as pg.Pool & {newClient(...args: unknown[]): unknown};
  markMeasured(pool);
  const newClient = pool.newClient.bind(pool);
  return Object.assign(pool, {newClient: (...args: unknown[]) => allowOutbound(() => newClient(...args))});
}

async function noPassword(): Promise<never> {
  throw new Error('the server requires a password, and none is set');
}

/** Closes the socket: the backend ends immediately, or at the end of its statement. */
function disconnect(client: pg.PoolClient): void {
  (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
}

function oneSecond(): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, 1000).unref();
  });
}

/** The `sql` of an endpoint's context: sends statements through the measured pool. */
function createSql(pool: pg.Pool, file: string): Sql {
  return Object.assign(sender(pool, file), {
    transaction: <Result>(body: (sql: Sql) => Promise<Result>) =>
      atLine(callerLine(file), () => transaction(pool, file, body)),
  });
}

async function transaction<Result>(
  pool: pg.Pool,
  file: string,
  body: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  // A nested transaction is part of this one.
  const sql: Sql = Object.assign(sender(client, file), {
    transaction: <Inner>(inner: (sql: Sql) => Promise<Inner>) => inner(sql),
  });
  let broken: Error | undefined;
  try {
    await sql('BEGIN');
    const result = await body(sql);
    await sql('COMMIT');
    return result;
  } catch (error) {
    await sql('ROLLBACK').catch(() => {
      broken = error as Error;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function sender(target: pg.Pool | pg.PoolClient, file: string) {
  return async (statement: string | Statement, values?: readonly unknown[]): Promise<Row[]> => {
    const own: Statement =
      typeof statement === 'string' ? {text: statement, ...(values && {values})} : statement;
    const line = own.line ?? callerLine(file);
    const config = {text: own.text, ...(own.values && {values: [...own.values]})};
    const result: pg.QueryResult | pg.QueryResult[] = await atLine(line, () => target.query(config));
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  };
}
