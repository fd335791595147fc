import {createJiti} from 'jiti/static';
import {usageError} from '../../core/errors.ts';
import {defineEndpoint, type Endpoint} from '../endpoint/endpoint.ts';
import {lineOf} from '../pool/request-trace.ts';
import {whileLoading} from '../sandbox/outbound.ts';
import {interceptPg} from '../sandbox/redirect-pg.ts';
import {requestClient} from './request-client.ts';

/**
 * The endpoint that a TypeScript or JavaScript file exports as its default. Its code runs: it is loaded because the
 * user named it. Throws AbortError (exit 2) with the file's own line where it cannot be loaded or is none.
 * The clients that it makes for itself are the measured ones: what it has of `pg`, and, where there is a Prisma Client
 * to measure (`hasClient`), the one that applications keep as `globalThis.prisma`.
 *
 * @param path absolute, as the lines of errors are found by it
 */
export async function loadEndpointFile(
  path: string,
  {hasClient = false}: {hasClient?: boolean} = {},
): Promise<Endpoint> {
  interceptPg(path);
  if (hasClient) {
    const prisma = requestClient();
    // As Prisma's documentation for Next.js names it, and as it is mostly named.
    Object.assign(globalThis, {prisma, prismaGlobal: prisma});
  }
  // 'poolctl' is this very program, whether or not it is installed beside the file.
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
  const lack = lackOf(exported);
  if (lack !== null) throw usageError(`${path}: ${lack}`);
  return {...(exported as Endpoint), file: path};
}

/** What keeps a value from being an endpoint; null: it is one. */
function lackOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('variants' in value)) {
    return 'it exports no endpoint: export default defineEndpoint({...})';
  }
  const {route, variants, samples, setup} = value as Partial<Record<keyof Endpoint, unknown>>;
  if (typeof route !== 'string' || route === '') return 'it has no route';
  if (!Array.isArray(variants) || variants.length === 0) return 'it has no variants: [{name, run}]';
  for (const {name, run} of variants as {name?: unknown; run?: unknown}[]) {
    if (typeof name !== 'string' || name === '') return 'a variant of it has no name';
    if (typeof run !== 'function') return `its variant ${name} has no function \`run\``;
  }
  const names = new Set(variants.map(variant => variant.name));
  if (names.size < variants.length) return 'two of its variants bear one name';
  if (!Array.isArray(samples) || samples.length === 0) return 'it has no samples: [{}] where all are alike';
  return setup === undefined || typeof setup === 'function' ? null : 'its setup is no function';
}

/** Babel says `(12:3)` of what it cannot read; what its code throws has a stack. */
function lineOfLoading(error: unknown, path: string): number {
  const said = /\((\d+):\d+\)/.exec(error instanceof Error ? error.message : '')?.[1];
  return said === undefined ? (lineOf(error, path) ?? 1) : Number(said);
}

function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
