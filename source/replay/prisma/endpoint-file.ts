import {createJiti} from 'jiti/static';
import {usageError} from '../../core/errors.ts';
import {defineEndpoint, type Endpoint} from '../endpoint/endpoint.ts';
import {currentRequest, lineOf} from '../pool/request-trace.ts';
import {refusalOf, whileLoading} from '../sandbox/outbound.ts';
import {interceptPg} from '../sandbox/redirect-pg.ts';

/**
 * Loads the endpoint that a TypeScript or JavaScript file exports as default; its code runs. Throws AbortError (exit 2)
 * with the line where it cannot be loaded or is not an endpoint. Clients the file creates with `pg` are redirected to the
 * measured pool, and with `hasClient` the `globalThis.prisma` of applications is the measured Prisma Client.
 *
 * @param path absolute: stacks are searched for it
 */
export async function loadEndpointFile(
  path: string,
  {hasClient = false}: {hasClient?: boolean} = {},
): Promise<Endpoint> {
  interceptPg(path);
  if (hasClient) {
    const prisma = requestClient();
    // The names in Prisma's documentation for Next.js, and in most applications.
    Object.assign(globalThis, {prisma, prismaGlobal: prisma});
  }
  // 'poolctl' resolves to this program, also where it is not installed next to the file.
  const jiti = createJiti(path, {
    fsCache: false,
    nativeModules: ['@prisma/client'],
    virtualModules: {poolctl: {defineEndpoint}},
  });
  let exported: unknown;
  try {
    exported = await whileLoading(() => jiti.import(path, {default: true}));
  } catch (error) {
    throw usageError(`${path}:${lineOfLoading(error, path)}: it cannot be loaded: ${firstLineOf(error)}`);
  }
  const problem = problemOf(exported);
  if (problem !== null) throw usageError(`${path}: ${problem}`);
  return {...(exported as Endpoint), file: path};
}

/** Why a value is not an endpoint; null: it is one. */
function problemOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('variants' in value)) {
    return 'it has no endpoint as default export: export default defineEndpoint({...})';
  }
  const {route, variants, samples, setup} = value as Partial<Record<keyof Endpoint, unknown>>;
  if (typeof route !== 'string' || route === '') return 'it has no route';
  if (!Array.isArray(variants) || variants.length === 0) return 'it has no variants: [{name, run}]';
  for (const {name, run} of variants as {name?: unknown; run?: unknown}[]) {
    if (typeof name !== 'string' || name === '') return 'a variant of it has no name';
    if (typeof run !== 'function') return `its variant ${name} has no \`run\` function`;
  }
  const names = new Set(variants.map(variant => variant.name));
  if (names.size < variants.length) return 'two of its variants have the same name';
  if (!Array.isArray(samples) || samples.length === 0)
    return 'it has no samples; use [{}] where all requests are alike';
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

type Of = (client: object) => object;

/**
 * A Prisma Client for `globalThis.prisma`: each call goes to the measured client of the current request. It can be
 * extended, and its models read, before there is a request.
 */
function requestClient(of: Of = client => client): object {
  const current = (): object => {
    const client = currentRequest.getStore()?.prisma;
    if (typeof client !== 'object' || client === null) throw refusalOf('sent a query outside of a request');
    return of(client);
  };
  return new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
        if (key === '$connect' || key === '$disconnect') return async () => {};
        if (key === '$on') return () => {};
        if (key === '$extends') return (extension: unknown) => requestClient(extended(of, extension));
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
function extended(of: Of, extension: unknown): Of {
  const known = new WeakMap<object, object>();
  return client => {
    const own =
      known.get(client) ?? (of(client) as {$extends(extension: unknown): object}).$extends(extension);
    known.set(client, own);
    return own;
  };
}
