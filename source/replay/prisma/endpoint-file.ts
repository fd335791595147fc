import Module, {createRequire} from 'node:module';
import {createJiti} from 'jiti/static';
import {usageError} from '../../core/errors.ts';
import * as kit from '../../kit/kit.ts';
import {defineEndpoint, type Endpoint} from '../endpoint/endpoint.ts';
import {lineOf} from '../pool/request-trace.ts';
import {whileLoading} from '../sandbox/outbound.ts';
import {interceptPg} from '../sandbox/redirect-pg.ts';
import {requestClient} from './request-client.ts';

/**
 * Executes a TypeScript or JavaScript file and returns the endpoint it exports as default. Throws AbortError (exit 2) with
 * the line if it cannot be loaded or is not an endpoint. Redirects the file's own `pg` clients to the measured pool. With
 * `hasClient`, `globalThis.prisma` is the measured Prisma Client, and so is each export of `clientModule`, a file that is
 * not executed.
 *
 * @param path absolute, because stack traces are searched for it
 */
export async function loadEndpointFile(
  path: string,
  {hasClient = false, clientModule}: {hasClient?: boolean; clientModule?: string | undefined} = {},
): Promise<Endpoint> {
  interceptPg(path);
  if (hasClient) {
    const prisma = requestClient();
    // The names used by Prisma's documentation for Next.js and by most applications.
    Object.assign(globalThis, {prisma, prismaGlobal: prisma});
    if (clientModule !== undefined) replaceModule(clientModule, prisma);
  }
  let exported: unknown;
  try {
    const jiti = createJiti(path, {
      fsCache: false,
      nativeModules: ['@prisma/client'],
      // Import aliases such as '@/lib/orders', and modules with JSX beside a route.
      tsconfigPaths: true,
      jsx: true,
      virtualModules: {
        // Resolves to this program even if the application has not installed it.
        poolctl: {defineEndpoint},
        ...(hasOwnKit(path) ? {} : {'poolctl/kit': kit}),
        // Throws outside Next.js's own bundler.
        'server-only': {},
      },
    });
    exported = await whileLoading(() => jiti.import(path, {default: true}));
  } catch (error) {
    throw usageError(`${path}:${lineOfLoading(error, path)}: cannot load it: ${firstLineOf(error)}`);
  }
  const problem = problemOf(exported);
  if (problem !== null) throw usageError(`${path}: ${problem}`);
  return {...(exported as Endpoint), file: path};
}

/** Whether the file's application has installed poolctl: its kit then comes with the application's `pg`. */
function hasOwnKit(file: string): boolean {
  const kitSeenFrom = (from: string) => {
    try {
      return createRequire(from).resolve('poolctl/kit');
    } catch {
      return null;
    }
  };
  const found = kitSeenFrom(file);
  return found !== null && found !== kitSeenFrom(import.meta.url);
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

/** jiti and require take a module that is already loaded from this cache. */
function replaceModule(file: string, client: object): void {
  const exports = new Proxy(
    {},
    {
      get: (_, key) =>
        key === '__esModule' ? true : typeof key === 'symbol' || key === 'then' ? undefined : client,
      has: (_, key) => typeof key === 'string' && key !== 'then',
    },
  );
  const {cache} = createRequire(file);
  cache[file] = Object.assign(new Module(file), {filename: file, loaded: true, exports});
}
