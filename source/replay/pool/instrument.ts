import type net from 'node:net';
import type pg from 'pg';
import {type StatementStats, statementStats} from '../measure/run-stats.ts';
import {withheldBytes} from '../read-only/client.ts';
import {
  beginExecute,
  beginWait,
  callerLine,
  currentRequest,
  endExecute,
  endWait,
  noteFailure,
  type RequestTrace,
} from './request-trace.ts';

/** The connections of a pool that requests have checked out. */
export type Checkouts = {
  active: Map<pg.PoolClient, Checkout>;
  /** The highest number checked out at the same time. */
  peak: number;
};
type Checkout = {
  trace: RequestTrace;
  line: number | null;
  /** Time the request waited for the connection. The first query on it counts this time and resets it to 0. */
  waited_ms: number;
};

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: Release,
) => void;
type Release = (error?: Error | boolean) => void;
type AnyQuery = (...args: unknown[]) => unknown;
type QueryCallback = (error: unknown, result?: QueryResult | QueryResult[]) => void;
type QueryResult = {rowCount?: number | null};

/**
 * Measures what requests do with `pool`: its `connect`, which `pool.query` uses too, and its clients' `query`. Does not
 * measure calls outside a request, such as a client's own setup.
 */
export function instrument(pool: pg.Pool, file: string): Checkouts {
  const checkouts: Checkouts = {active: new Map(), peak: 0};
  const {active} = checkouts;
  pool.on('connect', client => instrumentClient(client, active));
  pool.on('release', (_, client) => active.delete(client as pg.PoolClient));
  pool.on('remove', client => active.delete(client));
  const connect = pool.connect.bind(pool) as (callback: ConnectCallback) => void;
  const measured = (callback: ConnectCallback) => {
    const request = currentRequest.getStore();
    if (request === undefined) return connect(callback);
    const {trace} = request;
    const line = request.line ?? callerLine(file);
    const asked_ms = beginWait(trace);
    trace.line = line;
    connect((error, client, release) => {
      const waited_ms = endWait(trace) - asked_ms;
      if (client === undefined) noteFailure(trace, error, line);
      else {
        active.set(client, {trace, line, waited_ms});
        checkouts.peak = Math.max(checkouts.peak, active.size);
      }
      // The pool calls back in the context of the request that released the connection.
      currentRequest.run(request, () => callback(error, client, release));
    });
  };
  Object.assign(pool, {
    connect(callback?: ConnectCallback) {
      if (callback !== undefined) return measured(callback);
      return new Promise((resolve, reject) => {
        measured((error, client) => (client === undefined ? reject(error) : resolve(client)));
      });
    },
  });
  return checkouts;
}

function instrumentClient(client: pg.PoolClient, active: Checkouts['active']): void {
  const query = client.query.bind(client) as AnyQuery;
  const measured = (...args: unknown[]) => {
    const request = currentRequest.getStore();
    if (request === undefined) return query(...args);
    const checkout = active.get(client);
    const waited_ms = checkout?.waited_ms ?? 0;
    if (checkout !== undefined) checkout.waited_ms = 0;
    const line = request.line ?? checkout?.line ?? null;
    const running = beginQuery(client, request.trace, {text: textOf(args[0]), line, waited_ms});
    if (isSubmittable(args[0])) return query(reportingEnd(args[0], running), ...args.slice(1));
    const callback = args.findIndex(each => typeof each === 'function');
    if (callback !== -1) {
      const answered = args[callback] as QueryCallback;
      args[callback] = (error: unknown, result: QueryResult) => {
        if (error) running.fail(error);
        else running.end(result);
        currentRequest.run(request, () => answered(error, result));
      };
      return query(...args);
    }
    const result = query(...args) as Promise<QueryResult>;
    result.then(running.end, running.fail);
    return result;
  };
  Object.assign(client, {query: measured});
}

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : String((config as {text?: unknown} | null)?.text ?? '');
}

/** A running query. Call one of the two, once. */
type RunningQuery = {end(result?: QueryResult | QueryResult[]): void; fail(error: unknown): void};
type QueryStart = {text: string; line: number | null; waited_ms: number};

/** Number of durations kept for the simulation. */
const maxDurations = 5000;

function beginQuery(
  client: pg.PoolClient,
  trace: RequestTrace,
  {text, line, waited_ms}: QueryStart,
): RunningQuery {
  const {stream} = (client as unknown as {connection: {stream: net.Socket}}).connection;
  const received = () => stream.bytesRead - withheldBytes(client);
  const bytesBefore = received();
  const statement = statementStats(trace.stats, collapseLists(text), line);
  const started_ms = beginExecute(trace);
  trace.line = line;
  const end = (): void => {
    const execute_ms = endExecute(trace) - started_ms;
    const bytes = received() - bytesBefore;
    statement.calls++;
    statement.waited_ms += waited_ms;
    statement.executed_ms += execute_ms;
    statement.bytes += bytes;
    trace.queries++;
    trace.bytes += bytes;
    countRepetition(trace, statement);
    const durations = trace.stats.execute_ms;
    if (durations.length < maxDurations) durations.push(execute_ms);
  };
  return {
    end(result) {
      end();
      const rows = [result].flat().reduce((sum, each) => sum + (each?.rowCount ?? 0), 0);
      statement.rows += rows;
      trace.rows += rows;
    },
    fail(error) {
      end();
      noteFailure(trace, error, line);
    },
  };
}

function countRepetition({repetitions}: RequestTrace, statement: StatementStats): void {
  const known = repetitions.find(each => each.statement === statement);
  if (known === undefined) repetitions.push({statement, count: 1});
  else known.count++;
}

/** Gives lists of any length the same text, because Prisma numbers a parameter for each value. */
function collapseLists(text: string): string {
  if (!text.includes(' IN ($')) return text;
  return text.replace(/ IN \(\$\d+(?:,\s*\$\d+)*\)/g, ' IN (...)').replace(/\$\d+/g, '$$n');
}

/** A query object that handles pg's messages itself, such as a cursor or a query stream. */
type Submittable = {text?: string} & Record<
  'handleReadyForQuery' | 'handleError' | 'handleCommandComplete',
  AnyQuery | undefined
>;

function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as {submit?: unknown} | null)?.submit === 'function';
}

/** Makes a query object report its end: an error, or ReadyForQuery. */
function reportingEnd(query: Submittable, running: RunningQuery): Submittable {
  let rowCount = 0;
  let isOver = false;
  const once = (end: () => void) => {
    if (!isOver) end();
    isOver = true;
  };
  const before = (
    name: 'handleReadyForQuery' | 'handleError' | 'handleCommandComplete',
    note: (message: unknown) => void,
  ) => {
    const handle = query[name];
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
