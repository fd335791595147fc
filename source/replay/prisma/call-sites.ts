import {AsyncResource} from 'node:async_hooks';
import {didYouMean} from '../../core/text/nearest.ts';
import {atLine, callerLine, currentRequest, lineOf} from '../pool/request-trace.ts';

/**
 * Wraps a Prisma Client to attribute its queries and errors to the line of `file` that made the call. The line is taken at
 * the call, because Prisma sends the query only when its promise is awaited, without the caller's stack. An unknown model
 * throws a TypeError with its name.
 */
export function withCallSites<Client extends object>(client: Client, file: string): Client {
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
