import type pg from 'pg';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {type RunStats, statementStats} from '../measure/run-stats.ts';
import {beginExecute, currentRequest, endExecute, noteFailure} from '../pool/request-trace.ts';
import {startReadOnlyProxy} from '../read-only/proxy.ts';
import {allowEngine} from '../sandbox/outbound.ts';
import {withCallSites} from './call-sites.ts';
import type {ClientClass, Prisma} from './prisma.ts';

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
export function engineClient(Client: ClientClass, version: string): Prisma {
  return {
    version,
    major: Number.parseInt(version, 10),
    semantics: 'rust engine',
    async open(pool, file, {allowWrites = false} = {}) {
      const {options} = pool;
      // The pool's `password` is not enumerable.
      const proxy = allowWrites ? null : await startReadOnlyProxy({...options, password: options.password});
      const client = new (Client as unknown as EngineClass)({
        datasourceUrl: proxy === null ? engineUrl(options) : proxiedUrl(options, proxy.port),
        log: [{emit: 'event', level: 'query'}],
      });
      // Starts loading the engine; if it fails, the first request reports it.
      allowEngine(() => client.$connect()).catch(() => {});
      return {
        client: withCallSites(counted(client), file),
        close: () => client.$disconnect().finally(() => proxy?.close()),
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
export function proxiedUrl(options: pg.PoolOptions, port: number): string {
  const url = new URL(engineUrl(options));
  url.hostname = '127.0.0.1';
  url.port = String(port);
  url.password = '';
  for (const name of [...url.searchParams.keys()])
    if (name.startsWith('ssl') || name === 'options') url.searchParams.delete(name);
  url.searchParams.set('sslmode', 'disable');
  return url.href;
}

/** The engine's URL for node-postgres's options. pool_timeout is in whole seconds; 0 waits without limit. */
export function engineUrl(options: pg.PoolOptions): string {
  const {connectionString, host, port, user, password, database} = options;
  if (connectionString === undefined && host === undefined) {
    throw usageError('the Rust engine of Prisma 6 needs an address');
  }
  const url = new URL(connectionString ?? `postgresql://${host}:${port ?? 5432}/${database ?? ''}`);
  if (user !== undefined) url.username = encodeURIComponent(user);
  if (typeof password === 'string') url.password = encodeURIComponent(password);
  const {application_name, options: settings} = options;
  // The guard counts the replay's sessions by their application_name.
  if (application_name !== undefined) url.searchParams.set('application_name', application_name);
  if (settings !== undefined) url.searchParams.set('options', settings);
  url.searchParams.set('connection_limit', String(options.max));
  url.searchParams.set('pool_timeout', String(Math.ceil((options.connectionTimeoutMillis ?? 0) / 1000)));
  return url.href;
}
