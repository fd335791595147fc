import {AsyncLocalStorage} from 'node:async_hooks';

/** What the code that runs now said about its statements. */
export type Context = {
  tags: Tags | (() => Tags) | null;
  /** Tags around these, which these override. */
  outer: Context | null;
  /** Null: the pool's own. */
  timeout_ms: number | null;
};

/** Where a statement comes from. Never user data: a route is the pattern `/users/[id]`, not the address. */
export type Tags = {
  route?: string | undefined;
  job?: string | undefined;
  action?: string | undefined;
  /** A W3C trace context, as in the request header `traceparent`. */
  traceparent?: string | undefined;
};

const key = Symbol.for('poolctl.kit.context');
const shared = globalThis as {[key]?: AsyncLocalStorage<Context>};
/** One per process: Next.js bundles a module once for each route. */
const storage = shared[key] ?? new AsyncLocalStorage<Context>();
shared[key] = storage;

export function currentContext(): Context | null {
  return storage.getStore() ?? null;
}

/**
 * Runs `fn`; each statement inside carries these tags. A function is called for each statement, when the route is known. A query
 * that starts when it is awaited, such as Prisma's, starts inside and becomes a promise.
 */
export function withTags<Value>(tags: Tags | (() => Tags), fn: () => PromiseLike<Value>): Promise<Value>;
export function withTags<Result>(tags: Tags | (() => Tags), fn: () => Result): Result;
export function withTags<Result>(tags: Tags | (() => Tags), fn: () => Result): Result {
  const outer = currentContext();
  return run({tags, outer, timeout_ms: outer?.timeout_ms ?? null}, fn);
}

export function withTimeoutMs<Result>(timeout_ms: number, fn: () => Result): Result {
  return run({tags: null, outer: currentContext(), timeout_ms}, fn);
}

function run<Result>(context: Context, fn: () => Result): Result {
  return storage.run(context, () => {
    const result = fn();
    if (!isLazy(result)) return result;
    return new Promise((resolve, reject) => void result.then(resolve, reject)) as Result;
  });
}

function isLazy(result: unknown): result is PromiseLike<unknown> {
  const isThenable = typeof result === 'object' && result !== null && 'then' in result;
  return isThenable && typeof result.then === 'function' && !(result instanceof Promise);
}
