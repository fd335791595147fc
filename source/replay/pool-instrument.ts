import type pg from 'pg';
import {beginQuery, noteFailure} from './pool-query.ts';
import {callerLine, currentRequest, type RequestTrace, shift} from './pool-trace.ts';

/** The pool's connections, and to whom they are lent right now. */
export type Checkouts = {
  of: Map<pg.PoolClient, Checkout | null>;
  lent: number;
  /** The most that were lent at once. */
  most: number;
};
export type Checkout = {trace: RequestTrace; line: number | null};

/** The pool's own, uncounted. */
export type Connect = {
  (): Promise<pg.PoolClient>;
  (callback: (error: Error | undefined, client: pg.PoolClient | undefined, release: Release) => void): void;
};
type Release = (error?: Error | boolean) => void;

type AnyQuery = (...args: unknown[]) => unknown;

/**
 * Counts whatever runs through `pool`: its `query`, and `query` of the clients that it lends. What does not belong to
 * a request, as a client's own setting up, passes uncounted.
 */
export function instrument(pool: pg.Pool, checkouts: Checkouts, file: string): void {
  const connect: Connect = pool.connect.bind(pool);
  const query = pool.query.bind(pool) as AnyQuery;

  pool.on('connect', client => instrumentClient(client, checkouts));
  const connectCounted = async () => {
    const request = currentRequest.getStore();
    if (request === undefined) return connect();
    const line = request.line ?? callerLine(file);
    const {client} = await lend(connect, checkouts, {trace: request.trace, line});
    return client;
  };
  const queryCounted = async (config: unknown, values?: unknown) => {
    const request = currentRequest.getStore();
    if (request === undefined) return query(config, values);
    const line = request.line ?? callerLine(file);
    const {client, waited_ms} = await lend(connect, checkouts, {trace: request.trace, line});
    const running = beginQuery(client, request.trace, {
      text: textOf(config),
      line,
      waited_ms,
      started_ms: shift(request.trace, 0, 1),
    });
    try {
      const result = await queryUncounted(client, config, values);
      running.end(result as pg.QueryResult);
      client.release();
      return result;
    } catch (error) {
      running.fail(error);
      // As Pool.query does: a connection that a query failed on is not used again.
      client.release(error as Error);
      throw error;
    }
  };
  // With a callback they are the pool's own: nobody in between has to wait for a promise.
  Object.assign(pool, {
    connect: (callback?: Parameters<Connect>[0]) =>
      callback === undefined ? connectCounted() : connect(callback),
    query: (config: unknown, values?: unknown, callback?: unknown) =>
      typeof values === 'function' || callback !== undefined
        ? query(config, values, callback)
        : queryCounted(config, values),
  });
}

/** The pool's connections from now on. */
export function watchCheckouts(pool: pg.Pool): Checkouts {
  const checkouts: Checkouts = {of: new Map(), lent: 0, most: 0};
  pool.on('connect', client => checkouts.of.set(client, null));
  pool.on('release', (_, client) => noteLent(checkouts, client as pg.PoolClient, null));
  pool.on('remove', client => {
    noteLent(checkouts, client, null);
    checkouts.of.delete(client);
  });
  return checkouts;
}

/** A connection of the pool's, and how long the request waited for it. */
export async function lend(
  connect: () => Promise<pg.PoolClient>,
  checkouts: Checkouts,
  {trace, line}: Checkout,
): Promise<{client: pg.PoolClient; waited_ms: number}> {
  const asked_ms = shift(trace, 1, 0);
  trace.line = line;
  try {
    const client = await connect();
    const waited_ms = shift(trace, -1, 0) - asked_ms;
    noteLent(checkouts, client, {trace, line});
    return {client, waited_ms};
  } catch (error) {
    shift(trace, -1, 0);
    noteFailure(trace, error, line);
    throw error;
  }
}

/** `checkout` is null when it is given back. */
export function noteLent(checkouts: Checkouts, client: pg.PoolClient, checkout: Checkout | null): void {
  const wasLent = checkouts.of.get(client) != null;
  checkouts.of.set(client, checkout);
  checkouts.lent += Number(checkout !== null) - Number(wasLent);
  if (checkouts.lent > checkouts.most) checkouts.most = checkouts.lent;
}

const original = Symbol('query');
type Instrumented = pg.PoolClient & {[original]?: AnyQuery};

/** By the client's own `query`. */
export function queryUncounted(client: pg.PoolClient, ...args: unknown[]): unknown {
  return ((client as Instrumented)[original] ?? (client.query as AnyQuery)).apply(client, args);
}

function instrumentClient(client: pg.PoolClient, checkouts: Checkouts): void {
  const query = client.query.bind(client) as AnyQuery;
  const counted = (...args: unknown[]) => {
    const request = currentRequest.getStore();
    const isPromised = !args.some(each => typeof each === 'function') && !isSubmittable(args[0]);
    if (request === undefined || !isPromised) return query(...args);
    const line = request.line ?? checkouts.of.get(client)?.line ?? null;
    const running = beginQuery(client, request.trace, {
      text: textOf(args[0]),
      line,
      waited_ms: 0,
      started_ms: shift(request.trace, 0, 1),
    });
    const result = query(...args) as Promise<pg.QueryResult>;
    result.then(running.end, running.fail);
    return result;
  };
  Object.assign(client, {query: counted, [original]: query});
}

function isSubmittable(config: unknown): boolean {
  return typeof (config as {submit?: unknown} | null)?.submit === 'function';
}

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : String((config as {text?: unknown} | null)?.text ?? '');
}
