import {AsyncResource} from 'node:async_hooks';
import {didYouMean} from '../../core/text/nearest.ts';
import {atLine, callerLine, currentRequest, lineOf} from '../pool/request-trace.ts';

/**
 * Wraps a Prisma Client so that its queries and errors are attributed to the line of `file` that made the call. Prisma
 * sends a query when its promise is awaited, from a loader without the caller's stack, so the line is taken at the call.
 * An unknown model throws a TypeError with its name.
 */
export function withCallSites<Client extends object>(client: Client, file: string): Client {
  return new Proxy(client, {
    get(target, key) {
      const value = attributed(Reflect.get(target, key), key, target, file);
      // Otherwise the error would be `Cannot read properties of undefined`.
      if (value === undefined && typeof key === 'string' && !probed.has(key)) throw unknownModel(key, target);
      return value;
    },
  });
}

/** Properties that `await` and JSON.stringify look up in any object. */
const probed = new Set(['then', 'toJSON']);

function attributed(value: unknown, key: string | symbol, owner: object, file: string): unknown {
  // Symbols and names with `_` are internal to Prisma and node.
  if (value === null || typeof key === 'symbol' || key.startsWith('_')) return value;
  if (typeof value === 'function') return calling(value as Method, owner, file);
  return typeof value === 'object' ? withMethods(value, file) : value;
}

function withMethods(model: object, file: string): object {
  return new Proxy(model, {
    get: (target, key) => attributed(Reflect.get(target, key), key, target, file),
  });
}

type Method = (...args: unknown[]) => unknown;

function calling(method: Method, owner: object, file: string): Method {
  return (...args) =>
    atLine(callerLine(file), () => {
      const line = currentRequest.getStore()?.line ?? null;
      const locate = (error: unknown): never => {
        throw located(error, file, line);
      };
      const result = method.apply(
        owner,
        args.map(each => (typeof each === 'function' ? withTransaction(each as Method, file) : each)),
      );
      if (isPrismaPromise(result)) return sentFromHere(result, locate);
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

/** Sends the query in the request and line of the call, whenever it is awaited. */
function sentFromHere(promise: PrismaPromise, locate: (error: unknown) => never): PrismaPromise {
  const then = promise.then.bind(promise);
  const send = AsyncResource.bind(() => then().catch(locate));
  const inTransaction = promise.requestTransaction?.bind(promise);
  return Object.assign(promise, {
    // biome-ignore lint/suspicious/noThenProperty: it is a promise already
    then: (...handlers: Parameters<PrismaPromise['then']>) => send().then(...handlers),
    catch: (...handlers: Parameters<PrismaPromise['catch']>) => send().catch(...handlers),
    finally: (...handlers: Parameters<PrismaPromise['finally']>) => send().finally(...handlers),
    ...(inTransaction && {requestTransaction: AsyncResource.bind(inTransaction)}),
  });
}

/** Adds the calling line to an error's stack, which ends inside Prisma. */
function located(error: unknown, file: string, line: number | null): unknown {
  if (error instanceof Error && line !== null && lineOf(error, file) === null) {
    error.stack = `${error.stack ?? error.message}\n    at ${file}:${line}:1`;
  }
  return error;
}

function unknownModel(name: string, client: object): Error {
  const models = Object.keys(client).filter(key => !/^[$_]|^constructor$/.test(key));
  return new TypeError(`the Prisma Client has no model "${name}"${didYouMean(name, models)}`);
}
