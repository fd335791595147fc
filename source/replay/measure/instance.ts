import type pg from 'pg';
import {type Cache, type Context, createCache, type Endpoint, type Sample} from '../endpoint/endpoint.ts';
import {createMeasuredPool, type MeasuredPool, type PoolOptions} from '../pool/measured-pool.ts';
import {beginRequest, createFailureReader, currentRequest, type RequestTrace} from '../pool/request-trace.ts';
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
