import type pg from 'pg';
import {beginQuery, noteFailure} from './pool-query.ts';
import {callerLine, currentRequest, type RequestTrace, shift} from './pool-trace.ts';

/** Connections that are lent right now, and to whom. */
export type Checkouts = {
  held: Map<pg.PoolClient, Checkout>;
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
export function instrument(pool: pg.Pool, file: string): {checkouts: Checkouts; connect: Connect} {
  const checkouts: Checkouts = {held: new Map(), most: 0};
  const connect: Connect = pool.connect.bind(pool);
  const query = pool.query.bind(pool) as AnyQuery;

  pool.on('connect', client => instrumentClient(client, checkouts));
  pool.on('release', (_, client) => checkouts.held.delete(client as pg.PoolClient));

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
    const running = beginQuery(client, request.trace, {text: textOf(config), line, waited_ms});
    try {
      const result = await uncounted(client)(config, values);
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
  return {checkouts, connect};
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

export function noteLent(checkouts: Checkouts, client: pg.PoolClient, checkout: Checkout): void {
  checkouts.held.set(client, checkout);
  if (checkouts.held.size > checkouts.most) checkouts.most = checkouts.held.size;
}

const original = Symbol('query');
type Instrumented = pg.PoolClient & {[original]?: AnyQuery};

/** The client's own `query`. */
export function uncounted(client: pg.PoolClient): AnyQuery {
  return (client as Instrumented)[original] ?? (client.query.bind(client) as AnyQuery);
}

function instrumentClient(client: pg.PoolClient, checkouts: Checkouts): void {
  const query = client.query.bind(client) as AnyQuery;
  const counted = (...args: unknown[]) => {
    const request = currentRequest.getStore();
    const isPromised = !args.some(each => typeof each === 'function') && !isSubmittable(args[0]);
    if (request === undefined || !isPromised) return query(...args);
    const line = request.line ?? checkouts.held.get(client)?.line ?? null;
    const running = beginQuery(client, request.trace, {text: textOf(args[0]), line, waited_ms: 0});
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
