import {AsyncResource} from 'node:async_hooks';
import type {Pool, PoolClient} from 'pg';
import {begin, beginOperation, detection, type WatchedClient} from './scope.ts';

/**
 * Makes the queries of a `pg.Pool` or a Prisma Client visible to `detectQueries` and `expectQueries`; outside of them the
 * cost is one look-up. For development and tests. Of a pool it counts statements; the same pool is returned. Of Prisma it
 * notes the line of each call, and counts operations (`User.findMany`) unless a watched pool counts their statements, as it
 * can where the client has an adapter on that pool. The returned client has the same type.
 */
export function watchQueries<Target extends object>(target: Target): Target {
  detection.isWatching = true;
  if ('$connect' in target) return watchPrisma(target);
  if ('totalCount' in target) return watchPool(target as unknown as Pool) as unknown as Target;
  throw new TypeError('watchQueries takes a pg.Pool or a Prisma Client; of Prisma 8 give it the pool');
}

// biome-ignore lint/suspicious/noExplicitAny: pg's functions have a dozen overloads, and their arguments are passed on
type Any = any;

const {watched} = detection;

function watchPool(pool: Pool): Pool {
  if (watched.has(pool)) return pool;
  watched.add(pool);
  const connections = pool.options.max ?? null;
  const query: (...args: Any[]) => Any = pool.query.bind(pool);
  const connect: (callback?: Any) => Any = pool.connect.bind(pool);
  // pool.query checks out a connection through pool.connect and calls its query: one statement, not two.
  let isPoolQuery = false;
  pool.query = function poolQuery(...args: Any[]): Any {
    const send = (...own: Any[]) => {
      isPoolQuery = true;
      try {
        return query(...own);
      } finally {
        isPoolQuery = false;
      }
    };
    return counted(send, args, connections, poolQuery);
  } as Pool['query'];
  const watchClient = (client: PoolClient) => {
    if (watched.has(client)) return;
    watched.add(client);
    const own: (...args: Any[]) => Any = client.query.bind(client);
    client.query = function clientQuery(...args: Any[]): Any {
      return isPoolQuery ? own(...args) : counted(own, args, connections, clientQuery);
    } as PoolClient['query'];
  };
  pool.connect = ((callback?: Any): Any => {
    if (callback === undefined) {
      return connect().then((client: PoolClient) => {
        watchClient(client);
        return client;
      });
    }
    const isOfPoolQuery = isPoolQuery;
    // The pool calls back in the context of what released the connection.
    const caller = new AsyncResource('poolctl.checkout');
    return connect((error: Error | undefined, client: PoolClient | undefined, release: Any) => {
      if (client !== undefined) watchClient(client);
      isPoolQuery = isOfPoolQuery;
      try {
        caller.runInAsyncScope(callback, null, error, client, release);
      } finally {
        isPoolQuery = false;
      }
    });
  }) as Pool['connect'];
  return pool;
}

function counted(
  query: (...args: Any[]) => Any,
  args: Any[],
  connections: number | null,
  below: (...args: never[]) => unknown,
): Any {
  const [config] = args;
  const text = String(typeof config === 'string' ? config : (config?.text ?? ''));
  const end = begin({text, values: config?.values ?? args[1], connections, below});
  const last = args.length - 1;
  if (typeof args[last] === 'function') {
    const done = args[last];
    return query(...args.slice(0, last), (...results: Any[]) => {
      end();
      done(...results);
    });
  }
  const result = query(...args);
  // A cursor or a stream is read at its reader's pace.
  if (typeof result?.then === 'function') result.then(end, end);
  else end();
  return result;
}

/** Not queries, though they begin with `$`. */
const plain = new Set(['$connect', '$disconnect', '$on', '$use']);

/** A Proxy, because Prisma sends a query when its promise is awaited, where the caller is no longer on the stack. */
function watchPrisma<Client extends object>(client: Client, of: WatchedClient = {isOnPool: false}): Client {
  return new Proxy(client, {
    get(target, key) {
      const value: Any = Reflect.get(target, key);
      if (typeof key === 'symbol' || key.startsWith('_') || value === null) return value;
      if (typeof value === 'object') return watchModel(value, key, of);
      if (typeof value !== 'function' || key === 'constructor') return value;
      if (plain.has(key)) return value.bind(target);
      if (key === '$extends') return (...args: Any[]) => watchPrisma(value.apply(target, args), of);
      if (key !== '$transaction') return watchMethod(value, target, key, of);
      return (body: Any, ...rest: Any[]) => {
        const watchedBody = typeof body === 'function' ? (tx: object) => body(watchPrisma(tx, of)) : body;
        return value.call(target, watchedBody, ...rest);
      };
    },
  });
}

function watchModel(model: object, name: string, of: WatchedClient): object {
  return new Proxy(model, {
    get(target, key) {
      const value: Any = Reflect.get(target, key);
      return typeof value === 'function' && typeof key === 'string' && !key.startsWith('$')
        ? watchMethod(value, target, `${name[0]?.toUpperCase()}${name.slice(1)}.${key}`, of)
        : value;
    },
  });
}

function watchMethod(
  method: (...args: Any[]) => Any,
  owner: object,
  name: string,
  of: WatchedClient,
): (...args: Any[]) => Any {
  return function watchedMethod(...args: Any[]): Any {
    const inOperation = beginOperation(of, name, args, watchedMethod);
    const result = Reflect.apply(method, owner, args);
    const isQuery = Object.prototype.toString.call(result) === '[object PrismaPromise]';
    return inOperation === null || !isQuery ? result : watchPromise(result, name, of, inOperation);
  };
}

type InOperation = NonNullable<ReturnType<typeof beginOperation>>;

/** A promise that sends its query when it is awaited or given to $transaction([...]), unless a relation of it is read instead. */
function watchPromise(promise: Any, name: string, of: WatchedClient, inOperation: InOperation): Any {
  let sent: Promise<unknown> | null = null;
  const send = (): Promise<unknown> => {
    sent ??= inOperation(() => promise.then());
    return sent;
  };
  return new Proxy(promise, {
    get(target, key) {
      if (key === 'then' || key === 'catch' || key === 'finally')
        return (...handlers: Any[]) =>
          Reflect.apply(Reflect.get(Promise.prototype, key) as Any, send(), handlers);
      const value: Any = Reflect.get(target, key);
      if (typeof value !== 'function' || typeof key === 'symbol') return value;
      if (key === 'requestTransaction')
        return (...args: Any[]) => inOperation(() => value.apply(target, args));
      return watchMethod(value, target, `${name}.${key}`, of);
    },
  });
}
