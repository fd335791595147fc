import {createJiti} from 'jiti/static';
import {usageError} from '../../core/errors.ts';
import {defineEndpoint, type Endpoint} from '../endpoint/endpoint.ts';
import {currentRequest, lineOf} from '../pool/request-trace.ts';
import {refusalOf, whileLoading} from '../sandbox/outbound.ts';
import {interceptPg} from '../sandbox/redirect-pg.ts';

/**
 * Executes a TypeScript or JavaScript file and returns the endpoint it exports as default. Throws AbortError (exit 2) with
 * the line if it cannot be loaded or is not an endpoint. Redirects the file's own `pg` clients to the measured pool. With
 * `hasClient`, `globalThis.prisma` is the measured Prisma Client.
 *
 * @param path absolute, because stack traces are searched for it
 */
export async function loadEndpointFile(
  path: string,
  {hasClient = false}: {hasClient?: boolean} = {},
): Promise<Endpoint> {
  interceptPg(path);
  if (hasClient) {
    const prisma = requestClient();
    // The names used by Prisma's documentation for Next.js and by most applications.
    Object.assign(globalThis, {prisma, prismaGlobal: prisma});
  }
  // 'poolctl' resolves to this program even if the application has not installed it.
  const jiti = createJiti(path, {
    fsCache: false,
    nativeModules: ['@prisma/client'],
    virtualModules: {poolctl: {defineEndpoint}},
  });
  let exported: unknown;
  try {
    exported = await whileLoading(() => jiti.import(path, {default: true}));
  } catch (error) {
    throw usageError(`${path}:${lineOfLoading(error, path)}: cannot load it: ${firstLineOf(error)}`);
  }
  const problem = problemOf(exported);
  if (problem !== null) throw usageError(`${path}: ${problem}`);
  return {...(exported as Endpoint), file: path};
}

/** Why a value is not an endpoint; null if it is one. */
function problemOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('variants' in value)) {
    return 'it does not export an endpoint: add export default defineEndpoint({...})';
  }
  const {route, variants, samples, setup} = value as Partial<Record<keyof Endpoint, unknown>>;
  if (typeof route !== 'string' || route === '') return 'it has no route';
  if (!Array.isArray(variants) || variants.length === 0) return 'it has no variants: [{name, run}]';
  for (const {name, run} of variants as {name?: unknown; run?: unknown}[]) {
    if (typeof name !== 'string' || name === '') return 'one of its variants has no name';
    if (typeof run !== 'function') return `its variant ${name} has no \`run\` function`;
  }
  const names = new Set(variants.map(variant => variant.name));
  if (names.size < variants.length) return 'two of its variants have the same name';
  if (!Array.isArray(samples) || samples.length === 0)
    return 'it has no samples; use [{}] if all requests are alike';
  return setup === undefined || typeof setup === 'function' ? null : 'its setup is not a function';
}

/** Babel's syntax errors end in `(12:3)`; what the code throws has a stack. */
function lineOfLoading(error: unknown, path: string): number {
  const position = /\((\d+):\d+\)/.exec(error instanceof Error ? error.message : '')?.[1];
  return position === undefined ? (lineOf(error, path) ?? 1) : Number(position);
}

function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

type ExtendClient = (client: object) => object;

/**
 * A Prisma Client for `globalThis.prisma` that forwards each call to the measured client of the current request. Code may
 * extend it and read its models before the first request.
 */
function requestClient(extend: ExtendClient = client => client): object {
  const current = (): object => {
    const client = currentRequest.getStore()?.prisma;
    if (typeof client !== 'object' || client === null) throw refusalOf('tried to query outside a request');
    return extend(client);
  };
  return new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
        if (key === '$connect' || key === '$disconnect') return async () => {};
        if (key === '$on') return () => {};
        if (key === '$extends') return (extension: unknown) => requestClient(extended(extend, extension));
        return key.startsWith('$') ? call(current, key) : model(current, key);
      },
      has: (_, key) => typeof key === 'string',
    },
  );
}

function call(owner: () => object, key: string): (...args: unknown[]) => unknown {
  return (...args) => {
    const target = owner();
    const method = Reflect.get(target, key) as (...args: unknown[]) => unknown;
    return Reflect.apply(method, target, args);
  };
}

function model(client: () => object, name: string): object {
  const current = () => Reflect.get(client(), name) as object;
  return new Proxy(
    {},
    {get: (_, key) => (typeof key === 'symbol' || key === 'then' ? undefined : call(current, key))},
  );
}

/** Extends each client once. */
function extended(extend: ExtendClient, extension: unknown): ExtendClient {
  const known = new WeakMap<object, object>();
  return client => {
    const own =
      known.get(client) ?? (extend(client) as {$extends(extension: unknown): object}).$extends(extension);
    known.set(client, own);
    return own;
  };
}
