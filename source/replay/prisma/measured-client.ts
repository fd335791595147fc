import {AsyncResource} from 'node:async_hooks';
import {PrismaPg} from '@prisma/adapter-pg';
import type pg from 'pg';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import {type ConnectionParameters, writePostgresUrl} from '../../core/text/postgres-url.ts';
import {parseAddress} from '../../postgres/connect/address.ts';
import {type RunStats, statementStats} from '../measure/run-stats.ts';
import {
  atLine,
  beginExecute,
  callerLine,
  currentRequest,
  endExecute,
  lineOf,
  noteFailure,
} from '../pool/request-trace.ts';
import {startReadOnlyProxy} from '../read-only/proxy.ts';
import {allowEngine} from '../sandbox/outbound.ts';

/** The PrismaClient class of a generated client. */
export type ClientClass = new (options: {adapter: unknown}) => object & {$disconnect(): Promise<void>};

/** A generated client and how it connects. */
export type Prisma = {
  /** Prisma's version, such as `7.10.0`. */
  version: string;
  /** null without Prisma. */
  major: number | null;
  /** Which pool it uses, which determines how queries wait for a connection and time out. */
  semantics: 'node-postgres' | 'rust engine';
  /** The Pool of the application's `pg`, if its adapter requires it; default poolctl's. */
  Pool?: typeof pg.Pool;
  /**
   * Opens a client whose queries run through `pool` and are attributed to the lines of `file`. A client that opens its own
   * connections is made read-only unless `allowWrites`. `schema` is that of the application's address.
   */
  open(pool: pg.Pool, file: string, options?: OpenOptions): Opened | Promise<Opened>;
};

type OpenOptions = {allowWrites?: boolean; schema?: string | null};
/** Makes an adapter on a pool; without a schema Prisma uses `public`. */
export type AdapterOf = (pool: pg.Pool, options: {schema?: string}) => unknown;

type Opened = {client: object; close(): Promise<void>};

/** A client on poolctl's own adapter. */
export function bundledPrisma(Client: ClientClass, version: string): Prisma {
  return prismaOnAdapter(Client, version, (pool, options) => new PrismaPg(pool, options));
}

/** A client on an adapter, which has node-postgres's semantics whatever the Prisma version. */
export function prismaOnAdapter(Client: ClientClass, version: string, adapterOf: AdapterOf): Prisma {
  return {
    version,
    major: Number.parseInt(version, 10),
    semantics: 'node-postgres',
    open(pool, file, {schema} = {}) {
      const client = new Client({adapter: adapterOf(pool, schema == null ? {} : {schema})});
      return {client: withCallSites(client, file), close: () => client.$disconnect()};
    },
  };
}

type QueryEvent = {query: string; duration: number};

type EngineClient = InstanceType<ClientClass> & {
  $connect(): Promise<void>;
  $on(event: 'query', listener: (event: QueryEvent) => void): void;
  $extends(extension: unknown): object;
};

type EngineClass = new (options: {
  datasourceUrl: string;
  log: readonly {emit: 'event'; level: 'query'}[];
}) => EngineClient;

/**
 * A client of Prisma 6 or earlier with its Rust engine. The engine uses its own pool, with the connection_limit and
 * pool_timeout of the measured pool, which stays empty. It reports each statement and its duration, but no waits, rows or
 * bytes; waiting counts as executing.
 */
export function prismaOnEngine(Client: ClientClass, version: string): Prisma {
  return {
    version,
    major: Number.parseInt(version, 10),
    semantics: 'rust engine',
    async open(pool, file, {allowWrites = false, schema = null} = {}) {
      const {options} = pool;
      // The pool's `password` is not enumerable.
      const proxy = allowWrites ? null : await startReadOnlyProxy({...options, password: options.password});
      const client = new (Client as unknown as EngineClass)({
        datasourceUrl: proxy === null ? engineUrl(options, schema) : proxiedUrl(options, proxy.port, schema),
        log: [{emit: 'event', level: 'query'}],
      });
      // Starts loading the engine; if it fails, the first request reports it.
      allowEngine(() => client.$connect()).catch(() => {});
      return {
        client: withCallSites(counted(client), file),
        close: () => client.$disconnect().finally(() => void proxy?.close()),
      };
    },
  };
}

type Operation = {args: unknown; query(args: unknown): Promise<unknown>};

function counted(client: EngineClient): object {
  let stats: RunStats | null = null;
  // The engine's events do not say which request they belong to; all requests in flight share one RunStats.
  client.$on('query', ({query, duration}) => {
    if (stats === null) return;
    const statement = statementStats(stats, query, null);
    statement.calls++;
    statement.executed_ms += duration;
    stats.queries++;
    stats.execute_ms.push(duration);
  });
  return client.$extends({
    query: {
      async $allOperations({args, query}: Operation) {
        const request = currentRequest.getStore();
        if (request === undefined) return query(args);
        const {trace, line} = request;
        stats = trace.stats;
        trace.line = line;
        beginExecute(trace);
        try {
          return await query(args);
        } catch (error) {
          noteFailure(trace, error, line);
          throw isWithoutEngine(error) ? withoutEngine(error) : error;
        } finally {
          endExecute(trace);
        }
      },
    },
  });
}

function isWithoutEngine(error: unknown): error is Error {
  return error instanceof Error && /could not locate the Query Engine/.test(error.message);
}

/** The engine is a separate file per platform and is not always installed with the client. */
function withoutEngine(error: Error): AbortError {
  return new AbortError(error.message.trim().split('\n')[0] ?? '', {
    hint: 'Generate the client on this machine, or with engineType = "client" (Prisma 6.16).',
    exitCode: exitCodes.connection,
    cause: error,
  });
}

/** The URL of the read-only proxy, which connects with `options` itself. */
export function proxiedUrl(options: pg.PoolOptions, port: number, schema: string | null = null): string {
  const parameters = Object.entries(engineParameters(options, schema)).filter(
    ([name]) => !name.startsWith('ssl') && name !== 'options' && name !== 'password',
  );
  return writePostgresUrl({
    ...Object.fromEntries(parameters),
    host: '127.0.0.1',
    port: String(port),
    sslmode: 'disable',
  });
}

/** The engine's URL for node-postgres's options. */
export function engineUrl(options: pg.PoolOptions, schema: string | null = null): string {
  return writePostgresUrl(engineParameters(options, schema));
}

/** pool_timeout is in whole seconds; 0 waits without limit. */
function engineParameters(options: pg.PoolOptions, schema: string | null): ConnectionParameters {
  const {connectionString, host, port, user, password, database, application_name} = options;
  if (connectionString === undefined && host === undefined) {
    throw usageError('the Rust engine of Prisma 6 needs an address');
  }
  const address = connectionString === undefined ? {} : parseAddress(connectionString, 'the address');
  return {
    ...address,
    ...(host !== undefined && {host}),
    port: String(port ?? address.port ?? 5432),
    ...(user !== undefined && {user}),
    ...(typeof password === 'string' && {password}),
    ...(database !== undefined && {dbname: database}),
    // The guard counts the replay's sessions by their application_name.
    ...(application_name !== undefined && {application_name}),
    ...(options.options !== undefined && {options: options.options}),
    ...(schema !== null && {schema}),
    connection_limit: String(options.max),
    pool_timeout: String(Math.ceil((options.connectionTimeoutMillis ?? 0) / 1000)),
  };
}

/**
 * Wraps a Prisma Client to attribute its queries and errors to the line of `file` that made the call. The line is taken at
 * the call, because Prisma sends the query only when its promise is awaited, without the caller's stack. An unknown model
 * throws a TypeError with its name.
 */
function withCallSites<Client extends object>(client: Client, file: string): Client {
  return new Proxy(client, {
    get(target, key) {
      const value = wrapProperty(Reflect.get(target, key), key, target, file);
      // Otherwise the error would be `Cannot read properties of undefined`.
      if (value === undefined && typeof key === 'string' && !probed.has(key)) throw unknownModel(key, target);
      return value;
    },
  });
}

/** Properties that `await` and JSON.stringify look up in any object. */
const probed = new Set(['then', 'toJSON']);

function wrapProperty(value: unknown, key: string | symbol, owner: object, file: string): unknown {
  // Symbols and names with `_` are internal to Prisma and node.
  if (value === null || typeof key === 'symbol' || key.startsWith('_')) return value;
  if (typeof value === 'function') return wrapMethod(value as Method, owner, file);
  return typeof value === 'object' ? wrapModel(value, file) : value;
}

function wrapModel(model: object, file: string): object {
  return new Proxy(model, {
    get: (target, key) => wrapProperty(Reflect.get(target, key), key, target, file),
  });
}

type Method = (...args: unknown[]) => unknown;

function wrapMethod(method: Method, owner: object, file: string): Method {
  return (...args) =>
    atLine(callerLine(file), () => {
      const line = currentRequest.getStore()?.line ?? null;
      const locate = (error: unknown): never => {
        throw addLine(error, file, line);
      };
      const result = method.apply(
        owner,
        args.map(each => (typeof each === 'function' ? withTransaction(each as Method, file) : each)),
      );
      if (isPrismaPromise(result)) return sendInContext(result, locate);
      return result instanceof Promise ? result.catch(locate) : result;
    });
}

/** `$transaction(async tx => ...)`: `tx` is wrapped as well. */
function withTransaction(body: Method, file: string): Method {
  return (...args) =>
    body(...args.map(each => (typeof each === 'object' && each !== null ? withCallSites(each, file) : each)));
}

type PrismaPromise = Promise<unknown> & {requestTransaction?: Method};

function isPrismaPromise(value: unknown): value is PrismaPromise {
  return Object.prototype.toString.call(value) === '[object PrismaPromise]';
}

/** Makes the query run in the request and line of the call, whenever it is awaited. */
function sendInContext(promise: PrismaPromise, locate: (error: unknown) => never): PrismaPromise {
  const then = promise.then.bind(promise);
  const send = AsyncResource.bind(() => then().catch(locate));
  const inTransaction = promise.requestTransaction?.bind(promise);
  return Object.assign(promise, {
    // biome-ignore lint/suspicious/noThenProperty: it already is a promise
    then: (...handlers: Parameters<PrismaPromise['then']>) => send().then(...handlers),
    catch: (...handlers: Parameters<PrismaPromise['catch']>) => send().catch(...handlers),
    finally: (...handlers: Parameters<PrismaPromise['finally']>) => send().finally(...handlers),
    ...(inTransaction && {requestTransaction: AsyncResource.bind(inTransaction)}),
  });
}

/** Adds the calling line to an error's stack, which ends inside Prisma. */
function addLine(error: unknown, file: string, line: number | null): unknown {
  if (error instanceof Error && line !== null && lineOf(error, file) === null) {
    error.stack = `${error.stack ?? error.message}\n    at ${file}:${line}:1`;
  }
  return error;
}

function unknownModel(name: string, client: object): Error {
  const models = Object.keys(client).filter(key => !/^[$_]|^constructor$/.test(key));
  return new TypeError(`the Prisma Client has no model "${name}"${didYouMean(name, models)}`);
}
