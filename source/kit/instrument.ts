import {AsyncResource} from 'node:async_hooks';
import {randomInt} from 'node:crypto';
import {performance} from 'node:perf_hooks';
import type {Pool, PoolClient} from 'pg';
import {currentContext} from './context.ts';
import {type PoolState, turns, writeReport, writeState} from './report.ts';
import {closePool} from './shutdown.ts';
import {tagStatement} from './tags.ts';
import {holdBack, isTimeout, limitStatement, warnOfServerLimit} from './timeouts.ts';
import {createWaitLog, type Waits} from './waits.ts';

export type PoolStats = {
  application: string;
  /** Most connections that the pool opens. */
  size: number;
  open: number;
  busy: number;
  idle: number;
  /** Checkouts that wait for a connection now. */
  waiting: number;
  waits: Waits;
  /** Since the pool was instrumented. */
  totals: {
    checkouts: number;
    /** Checkouts that waited, and those of them that ended without a connection. */
    waits: number;
    failed_waits: number;
    wait_ms: number;
    timeouts: number;
    /** Connections that ended while they were idle or not running a statement. */
    connection_errors: number;
    reports: number;
  };
};

export type Instrumented = {
  /** What the pool does now, and its waits of the last minute. */
  stats(): PoolStats;
  /** Ends the pool once it is quiet, at the latest after this time; default 10 s. */
  close(deadline_ms?: number): Promise<void>;
};

const reportMs = 5000;
/** The state is not written again for each checkout while it stays the same. */
const unchangedMs = 1000;
export const defaultDeadlineMs = 10_000;
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** pg's `query` and `connect` have a dozen overloads; their arguments are passed on. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;

export type Settings = {
  name: string;
  timeout_ms: number | null;
  isReporting: boolean;
  onConnectionError: (error: Error) => void;
};

/** Wraps the pool's own functions; what is wrapped behaves as before for its callers. */
export function instrument(pool: Pool, settings: Settings): Instrumented {
  const {name, timeout_ms, isReporting, onConnectionError} = settings;
  const log = createWaitLog();
  const totals: PoolStats['totals'] = {
    checkouts: 0,
    waits: 0,
    failed_waits: 0,
    wait_ms: 0,
    timeouts: 0,
    connection_errors: 0,
    reports: 0,
  };
  const size = pool.options.max ?? 10;
  const connect: (callback?: Any) => Any = pool.connect.bind(pool);
  /** The unwrapped `query` of each open connection. */
  const queries = new Map<PoolClient, (...args: Any[]) => Any>();

  /** What pg-pool queues: those before it take the idle connections, and none may be opened. */
  const mustWait = () => pool.waitingCount >= pool.idleCount && pool.totalCount >= size;
  const noteWait = (since: number, isFailed: boolean) => {
    const now = performance.now();
    log.add(now - since, now);
    totals.waits++;
    totals.wait_ms += now - since;
    if (isFailed) totals.failed_waits++;
  };

  pool.connect = (callback?: Any): Any => {
    const since = mustWait() ? performance.now() : null;
    totals.checkouts++;
    startTimer();
    if (callback === undefined) {
      const client = connect();
      if (since !== null) {
        client.then(
          () => noteWait(since, false),
          () => noteWait(since, true),
        );
      }
      return client;
    }
    // pg calls a waiting checkout back in the async context of the request that released the connection; its own context is restored.
    // AsyncResource.bind costs 25 µs on Node 20 for a property that it deprecates.
    const caller = new AsyncResource('poolctl.checkout');
    return connect((error: Error | undefined, client: PoolClient | undefined, release: Any) => {
      if (since !== null) noteWait(since, error !== undefined);
      if (client !== undefined) keepAfterTimeout(client);
      caller.runInAsyncScope(callback, null, error, client, client?.release ?? release);
    });
  };

  const state = (borrowed = 0): PoolState => ({
    busy: pool.totalCount - pool.idleCount - borrowed,
    size,
    waiting: pool.waitingCount,
    p95_ms: log.read(performance.now()).p95_ms,
  });

  const instance = Array.from({length: 3}, () => alphabet[randomInt(36)]).join('');
  let turn = 0;
  let reported = '';
  let dueAt = 0;
  let borrowed = 0;
  let timer: NodeJS.Timeout | undefined;

  /** pg sends it before the caller's first statement; a caller that begins a transaction does so after it. */
  const report = (client: PoolClient) => {
    const now = performance.now();
    if (!isReporting || now < dueAt || !isReady(client)) return;
    const text = writeState(state(borrowed));
    dueAt = now + (text === reported ? unchangedMs : reportMs);
    if (text === reported) return;
    reported = text;
    turn = (turn + 1) % turns;
    totals.reports++;
    const values = [writeReport(name, text, instance, turn)];
    queries.get(client)?.("select set_config('application_name', $1, false)", values, (error: unknown) => {
      if (error) reported = '';
      else startTimer();
    });
  };

  /** No checkout came since the last report: an idle connection reports the current state, so that no stale queue stays in application_name. */
  const reportRest = () => {
    timer = undefined;
    if (pool.ending || pool.totalCount === 0) return;
    const text = writeState(state());
    const isReported = text === reported;
    if (isReported || performance.now() < dueAt || pool.idleCount <= pool.waitingCount) {
      const isAtRest = isReported && /^\[0\/\d+ w0$/.test(text);
      if (!isAtRest) startTimer();
      return;
    }
    // The next one follows a report that arrives, or a checkout of the application: one that cannot report (in a transaction, or
    // refused) would otherwise be taken every time, and never be idle long enough to be closed.
    borrowed = 1;
    connect((_: unknown, client: PoolClient | undefined) => {
      borrowed = 0;
      client?.release();
    });
  };
  const startTimer = () => {
    if (isReporting && timer === undefined) timer = setTimeout(reportRest, reportMs).unref();
  };

  pool.on('acquire', client => {
    if (!queries.has(client)) wrap(client);
    report(client);
  });

  pool.on('remove', client => queries.delete(client));

  const wrap = (client: PoolClient) => {
    const query: (...args: Any[]) => Any = client.query.bind(client);
    queries.set(client, query);
    // Without a listener an ended session kills the process, also while a caller holds the connection.
    client.on('error', () => {});
    // The server's reason comes first, then that the connection is closed.
    client.once('error', error => {
      totals.connection_errors++;
      onConnectionError(error);
    });
    holdBack(client);
    const {Query} = client.constructor as Any;
    const limited = (config: Any, values: Any, callback: Any, limit_ms: number) => {
      const limit = limitStatement(client, pool, limit_ms, () => totals.timeouts++);
      const send = (done: (error: Any, result: Any) => void) => {
        // Not the caller's object, into which pg would write the callback; the text may be a getter of its class.
        const own = typeof config === 'string' ? config : Object.create(config);
        const statement = new Query(
          own,
          typeof values === 'function' ? undefined : values,
          (error: Any, result: Any) => limit.end(() => done(error ? limit.explain(error) : error, result)),
        );
        statement.query_timeout = config.query_timeout;
        const submit = statement.submit.bind(statement);
        // Not before: other statements of this connection may run first.
        statement.submit = (connection: Any) => {
          limit.start();
          return submit(connection);
        };
        query(statement);
      };
      const done = typeof values === 'function' ? values : (callback ?? config.callback);
      if (typeof done === 'function') return send(done);
      return new Promise((resolve, reject) => {
        send((error, result) => (error ? reject(error) : resolve(result)));
      }).catch(error => {
        // As pg does: where the caller is, not where the socket was read.
        Error.captureStackTrace(error);
        throw error;
      });
    };
    client.query = (config: Any, values?: Any, callback?: Any): Any => {
      // A cursor or a stream writes its own messages, over a time that its reader decides.
      const isOwn = typeof config?.submit === 'function' || config === null || config === undefined;
      if (isOwn) return query(config, values, callback);
      const context = currentContext();
      const statement = context === null ? config : tagged(config, context);
      const limit_ms = context?.timeout_ms ?? timeout_ms;
      if (limit_ms !== null) warnOfServerLimit(limit_ms, pool.options.statement_timeout);
      // A cancel request ends what the server runs, which in a pipeline may be a statement before this one.
      return limit_ms === null || (client as Any).pipeline
        ? query(statement, values, callback)
        : limited(statement, values, callback, limit_ms);
    };
  };

  let closing: Promise<void> | undefined;
  return {
    close(deadline_ms = defaultDeadlineMs) {
      closing ??= closePool(pool, queries, deadline_ms);
      return closing;
    },
    stats() {
      const {totalCount, idleCount, waitingCount} = pool;
      return {
        application: name,
        size,
        open: totalCount,
        busy: totalCount - idleCount,
        idle: idleCount,
        waiting: waitingCount,
        waits: log.read(performance.now()),
        totals: {...totals},
      };
    },
  };
}

/** A named statement is prepared once, and its text may not change. */
function tagged(config: Any, context: Parameters<typeof tagStatement>[1]): Any {
  if (typeof config === 'string') return tagStatement(config, context);
  const {text, name} = config;
  if (typeof text !== 'string' || name) return config;
  return Object.create(config, {text: {value: tagStatement(text, context)}});
}

/**
 * `pool.query` gives a connection back with any error of its statement, and the pool then closes it. After a timeout it is usable,
 * unless it is in a transaction, which the server says after the error: the text itself may have begun one.
 */
function keepAfterTimeout(client: PoolClient): void {
  const {release} = client;
  client.release = error => {
    if (!isTimeout(error)) release(error);
    else whenReady(client, () => release(transactionStatus(client) === 'I' ? undefined : error));
  };
}

function whenReady(client: PoolClient, callback: () => void): void {
  const {readyForQuery, connection} = client as {readyForQuery?: boolean; connection?: NodeJS.EventEmitter};
  if (readyForQuery === true || connection === undefined) {
    callback();
    return;
  }
  const events = ['readyForQuery', 'end'];
  const onReady = () => {
    for (const event of events) connection.off(event, onReady);
    callback();
  };
  for (const event of events) connection.on(event, onReady);
}

/** `I` outside of a transaction; null where pg is too old to say. */
function transactionStatus(client: PoolClient): string | null {
  const {getTransactionStatus} = client as {getTransactionStatus?: () => string | null};
  return getTransactionStatus?.call(client) ?? null;
}

/**
 * Not one that a caller left in a transaction, nor before the server is ready: a new connection, or one after an error. pg would
 * warn that two statements wait for it.
 */
function isReady(client: PoolClient): boolean {
  const {readyForQuery} = client as {readyForQuery?: boolean};
  return readyForQuery === true && (transactionStatus(client) ?? 'I') === 'I';
}
