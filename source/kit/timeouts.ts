import process from 'node:process';
import type {Pool, PoolClient, PoolOptions} from 'pg';
import {currentContext, withTimeoutMs} from './context.ts';

/** How long a statement may run, by its kind. */
export const timeoutClasses = {simple: 1000, standard: 5000, complex: 15_000, report: 30_000} as const;

export type TimeoutClass = keyof typeof timeoutClasses;
/** A class, or milliseconds. */
export type Timeout = TimeoutClass | number;

export function timeoutMs(timeout: Timeout): number {
  const ms = typeof timeout === 'number' ? timeout : timeoutClasses[timeout];
  // Node's longest timer.
  if (!(ms > 0 && ms < 2 ** 31)) {
    const classes = Object.keys(timeoutClasses).join(', ');
    throw new TypeError(`Invalid timeout ${timeout}: use milliseconds, or one of ${classes}`);
  }
  return ms;
}

/** Runs `fn`; each statement inside is cancelled on the server after this time. Like `withTags` it starts a lazy query. */
export function withTimeout<Value>(timeout: Timeout, fn: () => PromiseLike<Value>): Promise<Value>;
export function withTimeout<Result>(timeout: Timeout, fn: () => Result): Result;
export function withTimeout<Result>(timeout: Timeout, fn: () => Result): Result {
  return withTimeoutMs(timeoutMs(timeout), fn);
}

export type PrismaTimeoutOptions = {
  /** By `Model` or `Model.operation`. */
  models?: Record<string, Timeout>;
  /** By operation; default: `findUnique`, `findFirst` and `count` are simple, `aggregate` and `groupBy` complex. */
  operations?: Record<string, Timeout>;
  /** Of all other operations; 'standard'. */
  standard?: Timeout;
};

const operationClasses: Record<string, Timeout> = {
  findUnique: 'simple',
  findUniqueOrThrow: 'simple',
  findFirst: 'simple',
  findFirstOrThrow: 'simple',
  count: 'simple',
  aggregate: 'complex',
  groupBy: 'complex',
};

type Operation = {
  model?: string;
  operation: string;
  args: unknown;
  query: (args: never) => Promise<unknown>;
};

/**
 * For `prisma.$extends`: timeouts by operation or model on a Prisma Client whose adapter has an instrumented pool. The
 * narrowest wins: `withTimeout` around the call, `Model.operation`, `Model`, operation.
 */
export function prismaTimeouts({
  models = {},
  operations = {},
  standard = 'standard',
}: PrismaTimeoutOptions = {}) {
  const byOperation = {...operationClasses, ...operations};
  return {
    name: 'poolctl-timeouts',
    query: {
      $allModels: {
        $allOperations({model = '', operation, args, query}: Operation): Promise<unknown> {
          const run = () => query(args as never);
          if (hasTimeout()) return run();
          const timeout =
            models[`${model}.${operation}`] ?? models[model] ?? byOperation[operation] ?? standard;
          return withTimeout(timeout, run);
        },
      },
    },
  };
}

function hasTimeout(): boolean {
  return (currentContext()?.timeout_ms ?? null) !== null;
}

/** A statement that is cancelled at its time. */
export type Limit = {
  /** The statement is sent now. */
  start(): void;
  /** Calls back once no cancel request is under way: a late one would hit the next statement of the session. */
  end(callback: () => void): void;
  /** The error for the caller; the server's own names no timeout. */
  explain<Failure>(error: Failure): Failure;
};

/** Errors of statements that a timeout ended: their sessions are usable. */
const ended = new WeakSet<object>();

export function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ended.has(error);
}

/** After cancel requests without effect, such as through a network that is gone, the connection is closed. */
const graceMs = 5000;
/** A cancel request can arrive before its statement; it is then repeated. */
const firstRetryMs = 50;

/** The cancel request that is under way for a client. */
const requests = new WeakMap<PoolClient, Promise<void>>();

/**
 * Delays the client's next statement until the cancel request has ended, which could otherwise cancel it.
 * pg (8.11 to 8.23) calls `_pulseQueryQueue` when the server is ready for the next.
 */
export function holdBack(client: PoolClient): void {
  const own = client as {_pulseQueryQueue?: () => void};
  const pulse = own._pulseQueryQueue?.bind(client);
  if (pulse === undefined) return;
  own._pulseQueryQueue = () => {
    const request = requests.get(client);
    if (request === undefined) pulse();
    else void request.then(pulse);
  };
}

let isWarned = false;

/** The server's own timeout comes first where it is the shorter one. */
export function warnOfServerLimit(timeout_ms: number, server_ms: number | false | undefined): void {
  if (isWarned || !server_ms || timeout_ms <= server_ms) return;
  isWarned = true;
  process.emitWarning(
    `The timeout of ${timeout_ms} ms has no effect: the pool's statement_timeout ends the statement after ${server_ms} ms. Give createPool a longer one`,
    {type: 'PoolctlWarning', code: 'POOLCTL_TIMEOUT_TOO_LONG'},
  );
}

export function limitStatement(
  client: PoolClient,
  {options}: Pool,
  timeout_ms: number,
  onTimeout: () => void,
): Limit {
  let timer: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let request: Promise<void> | null = null;
  let isLate = false;
  let isEnded = false;

  const cancel = (retry_ms: number) => {
    request = requestCancel(client, options).then(() => {
      request = null;
      requests.delete(client);
      if (!isEnded) timer = setTimeout(cancel, retry_ms, retry_ms * 2);
    });
    requests.set(client, request);
  };
  const onTime = () => {
    isLate = true;
    onTimeout();
    cancel(firstRetryMs);
    // Emits no error, because there may be no listener; the statement's own callback gets it.
    grace = setTimeout(() => void client.end()?.catch(() => {}), graceMs);
  };
  return {
    start() {
      timer = setTimeout(onTime, timeout_ms);
    },
    end(callback) {
      isEnded = true;
      clearTimeout(timer);
      clearTimeout(grace);
      if (request === null) callback();
      else void request.then(callback);
    },
    explain(error) {
      if (isLate && isCancelled(error)) {
        error.message = `canceling statement due to its timeout of ${timeout_ms} ms`;
        ended.add(error);
      }
      return error;
    },
  };
}

/** query_canceled */
function isCancelled(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === '57014';
}

/** What the cancel request needs of pg's client and of its Connection; @types/pg has neither. */
type Wire = {
  host: string;
  port: number;
  ssl: unknown;
  sslNegotiation?: string;
  processID: number;
  secretKey: number;
  connection: {constructor: new (config: object) => Connection};
};
type Connection = NodeJS.EventEmitter & {
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  stream: {destroy(): void; setTimeout(ms: number, callback: () => void): void};
};

/**
 * Sends a CancelRequest, for which the server needs no slot, and resolves once the server has closed that connection: it has
 * then sent the signal. Resolves on a failure too, and where pg-native has no such connection.
 */
export function requestCancel(client: PoolClient, {stream}: PoolOptions): Promise<void> {
  const {host, port, ssl, sslNegotiation, processID, secretKey, connection} = client as unknown as Wire;
  return new Promise<void>(resolve => {
    // One that is no function is the client's own socket.
    const own = typeof stream === 'function' ? {stream} : {};
    const request = new connection.constructor({ssl, sslNegotiation, ...own});
    const cancel = () => request.cancel(processID, secretKey);
    const finish = () => {
      request.stream.destroy();
      resolve();
    };
    request.on('error', finish);
    request.on('end', finish);
    request.on('sslconnect', cancel);
    request.on('connect', () => {
      if (!ssl) cancel();
      else if (sslNegotiation !== 'direct') request.requestSsl();
    });
    request.stream.setTimeout(graceMs, finish);
    if (host.startsWith('/')) request.connect(`${host}/.s.PGSQL.${port}`);
    else request.connect(port, host);
  }).catch(() => {});
}
