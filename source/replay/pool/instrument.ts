import type pg from 'pg';
import {beginQuery, noteFailure, type RunningQuery} from './record-query.ts';
import {callerLine, currentRequest, type RequestTrace, shift} from './request-trace.ts';

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
type Answered = (error: unknown, result?: unknown) => void;

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
  Object.assign(pool, {
    connect(callback?: Parameters<Connect>[0]) {
      if (callback === undefined) return connectCounted();
      if (currentRequest.getStore() === undefined) return connect(callback);
      connectCounted().then(
        client => process.nextTick(callback, undefined, client, client.release),
        error => process.nextTick(callback, error, undefined, () => {}),
      );
    },
    query(config: unknown, values?: unknown, last?: unknown) {
      const callback = [values, last].find(each => typeof each === 'function') as Answered | undefined;
      if (callback === undefined) return queryCounted(config, values);
      if (currentRequest.getStore() === undefined) return query(config, values, last);
      queryCounted(config, typeof values === 'function' ? undefined : values).then(
        result => process.nextTick(callback, undefined, result),
        error => process.nextTick(callback, error),
      );
    },
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
    if (request === undefined) return query(...args);
    const line = request.line ?? checkouts.of.get(client)?.line ?? null;
    const running = beginQuery(client, request.trace, {
      text: textOf(args[0]),
      line,
      waited_ms: 0,
      started_ms: shift(request.trace, 0, 1),
    });
    if (isSubmittable(args[0])) return query(counting(args[0], running), ...args.slice(1));
    const callback = args.findIndex(each => typeof each === 'function');
    if (callback !== -1) {
      const answered = args[callback] as Answered;
      args[callback] = (error: unknown, result: pg.QueryResult) => {
        if (error) running.fail(error);
        else running.end(result);
        answered(error, result);
      };
      return query(...args);
    }
    const result = query(...args) as Promise<pg.QueryResult>;
    result.then(running.end, running.fail);
    return result;
  };
  Object.assign(client, {query: counted, [original]: query});
}

/** A cursor, a stream, a query of pg's own: what the client tells it, in the methods that it has. */
type Submittable = Record<
  'handleReadyForQuery' | 'handleError' | 'handleCommandComplete',
  AnyQuery | undefined
> & {
  text?: string;
};

function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as {submit?: unknown} | null)?.submit === 'function';
}

/** It is over at its error, or when the server is ready for the next. */
function counting(query: Submittable, running: RunningQuery): Submittable {
  let rowCount = 0;
  let isOver = false;
  const once = (end: () => void) => {
    if (!isOver) end();
    isOver = true;
  };
  const before = (name: keyof Submittable, note: (message: unknown) => void) => {
    const handle = query[name] as AnyQuery | undefined;
    Object.assign(query, {
      [name](this: Submittable, ...args: unknown[]) {
        note(args[0]);
        return handle?.apply(this, args);
      },
    });
  };
  before('handleCommandComplete', message => {
    rowCount += Number.parseInt(/\d+$/.exec((message as {text?: string}).text ?? '')?.[0] ?? '0', 10);
  });
  before('handleError', error => once(() => running.fail(error)));
  before('handleReadyForQuery', () => once(() => running.end({rowCount})));
  return query;
}

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : String((config as {text?: unknown} | null)?.text ?? '');
}
