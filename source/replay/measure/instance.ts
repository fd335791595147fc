import pg from 'pg';
import {type Cache, type Context, createCache, type Sample} from '../endpoint/endpoint.ts';
import {createMeasuredPool, type MeasuredPool} from '../pool/measured-pool.ts';
import {beginRequest, currentRequest, type RequestTrace} from '../pool/request-trace.ts';
import {createFailureReader} from './failure.ts';
import type {Cell, MeasureOptions} from './measure.ts';
import {createTally} from './run-stats.ts';

/** One process of the application, as far as the database knows: its pool, its Prisma Client, its cache. */
export type Instance = {
  pool: MeasuredPool;
  prisma: unknown;
  cache: Cache;
  close(): Promise<void>;
};

/** A Prisma Client on that pool. */
export type OpenPrisma = (pool: pg.Pool) => OpenedPrisma | Promise<OpenedPrisma>;
type OpenedPrisma = {client: unknown; close(): Promise<void>};

export async function openInstance(connection_limit: number, options: MeasureOptions): Promise<Instance> {
  const {connection, endpoint, pool_timeout_ms, allowWrites = false, Pool, openPrisma} = options;
  const pool = createMeasuredPool({
    connection,
    connection_limit,
    pool_timeout_ms,
    allowWrites,
    file: endpoint.file,
    ...(openPrisma && {Pool: Pool ?? pg.Pool}),
  });
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

/** Runs `body` with what an endpoint's functions are given; its queries count for `trace`. */
export function inContext(
  {pool, prisma, cache}: Instance,
  trace: RequestTrace,
  {request, signal}: {request: Sample; signal: AbortSignal},
  body: (context: Context) => Promise<unknown>,
): Promise<unknown> {
  const context = {prisma, sql: pool.sqlFor(trace), request, cache, signal};
  // AsyncLocalStorage makes every promise dearer, and only Prisma needs it.
  return prisma === null
    ? body(context)
    : currentRequest.run({trace, line: null, pool: pool.pool, prisma}, () => body(context));
}

/** The endpoint's own setting up, before a variant is measured; why it failed, with its line, where it did. */
export async function setUp(cell: Cell, options: MeasureOptions): Promise<string | null> {
  const {setup, samples, file} = options.endpoint;
  if (setup === undefined) return null;
  const trace = beginRequest(createTally());
  const instance = await openInstance(cell.connection_limit, options);
  try {
    const {signal} = options;
    await inContext(instance, trace, {request: samples[0] ?? {}, signal}, setup);
    return null;
  } catch (error) {
    const {line, message} = createFailureReader(file)(error, trace);
    return `${file}${line === null ? '' : `:${line}`}: ${message}`;
  } finally {
    await instance.close();
  }
}
