import type pg from 'pg';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {type RunStats, statementStats} from '../measure/run-stats.ts';
import {beginExecute, currentRequest, endExecute, noteFailure} from '../pool/request-trace.ts';
import {startReadOnlyProxy} from '../read-only/proxy.ts';
import {asOurEngine} from '../sandbox/outbound.ts';
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
 * A client of Prisma up to 6 with the Rust engine, run as it is: its pool is the engine's own, with the limit and
 * timeout of the measured one, which stays empty. The engine says each statement and how long it ran, but not what
 * it waited, nor rows and bytes: waiting counts as executing.
 */
export function engineClient(Client: ClientClass, version: string): Prisma {
  return {
    version,
    major: Number.parseInt(version, 10),
    semantics: 'rust engine',
    async open(pool, file, {allowWrites = false} = {}) {
      const {options} = pool;
      // A pool keeps its password from being listed.
      const proxy = allowWrites ? null : await startReadOnlyProxy({...options, password: options.password});
      const client = new (Client as unknown as EngineClass)({
        datasourceUrl: proxy === null ? engineUrl(options) : proxiedUrl(options, proxy.port),
        log: [{emit: 'event', level: 'query'}],
      });
      // The engine begins to load with the client: that it cannot is told by the first request instead.
      asOurEngine(() => client.$connect()).catch(() => {});
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

/** The engine is a file of its own, for one kind of machine, and not always where the client is. */
function withoutEngine(error: Error): AbortError {
  return new AbortError(error.message.trim().split('\n')[0] ?? '', {
    hint: 'Generate the client on this machine, or with engineType = "client" (Prisma 6.16).',
    exitCode: exitCodes.connection,
    cause: error,
  });
}

/** By the proxy, which connects as `options` has it whatever this says. */
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

/** The URL by which the engine reaches what node-postgres was to reach; its timeout is in whole seconds, 0 for ever. */
export function engineUrl(options: pg.PoolOptions): string {
  const {connectionString, host, port, user, password, database} = options;
  if (connectionString === undefined && host === undefined) {
    throw usageError('the Rust engine of Prisma 6 needs an address');
  }
  const url = new URL(connectionString ?? `postgresql://${host}:${port ?? 5432}/${database ?? ''}`);
  if (user !== undefined) url.username = encodeURIComponent(user);
  if (typeof password === 'string') url.password = encodeURIComponent(password);
  const {application_name, options: settings} = options;
  // By its name the guard knows which sessions are the replay's own.
  if (application_name !== undefined) url.searchParams.set('application_name', application_name);
  if (settings !== undefined) url.searchParams.set('options', settings);
  url.searchParams.set('connection_limit', String(options.max));
  url.searchParams.set('pool_timeout', String(Math.ceil((options.connectionTimeoutMillis ?? 0) / 1000)));
  return url.href;
}
