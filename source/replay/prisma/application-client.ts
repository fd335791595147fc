import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';
import {PrismaPg} from '@prisma/adapter-pg';
import {createJiti} from 'jiti/static';
import type pg from 'pg';
import {usageError} from '../../core/errors.ts';
import {
  type AdapterOf,
  type ClientClass,
  type Prisma,
  prismaOnAdapter,
  prismaOnEngine,
} from './measured-client.ts';
import {interceptConstructor} from './request-client.ts';

/**
 * Finds the entry file of a generated client, or null. `location` is that file, the folder it was generated into, or the
 * application's folder, whose schema names it.
 */
export async function findClient(location: string): Promise<string | null> {
  const path = resolve(location);
  return entryOf(path) ?? (await findInApplication(path));
}

/** The client in the schema's `output`, or in `@prisma/client` without one. */
async function findInApplication(folder: string): Promise<string | null> {
  for (const schema of await schemasOf(folder)) {
    const text = await readFile(schema, 'utf8');
    const output = /^\s*output\s*=\s*"([^"]+)"/m.exec(text)?.[1];
    const entry = output === undefined ? null : entryOf(resolve(dirname(schema), output));
    if (entry !== null) return entry;
  }
  return defaultClientOf(folder);
}

async function schemasOf(folder: string): Promise<string[]> {
  const folders = ['prisma', 'prisma/schema', 'src/prisma', '.'].map(each => join(folder, each));
  const lists = await Promise.all(
    folders.map(async each => {
      const names = await readdir(each).catch(() => []);
      return names.filter(name => name.endsWith('.prisma')).map(name => join(each, name));
    }),
  );
  return lists.flat();
}

/** `.prisma/client`, next to `@prisma/client`, exists only after `prisma generate`. */
function defaultClientOf(folder: string): string | null {
  try {
    const client = createRequire(join(folder, 'package.json')).resolve('@prisma/client');
    return entryOf(join(dirname(client), '../../.prisma/client'));
  } catch {
    return null;
  }
}

/** The generator `prisma-client` writes client.ts (or js, mts, ...), `prisma-client-js` index.js. */
const entries = [
  'client.ts',
  'client.mts',
  'client.cts',
  'index.js',
  'client.js',
  'client.mjs',
  'client.cjs',
];

function entryOf(path: string): string | null {
  if (/\.[cm]?[jt]s$/.test(path)) return existsSync(path) ? path : null;
  const found = entries.map(name => join(path, name)).find(each => existsSync(each));
  return found ?? null;
}

/**
 * Loads and executes an application's generated Prisma Client. Uses the adapter and `pg` installed with it, otherwise
 * poolctl's. Throws AbortError (exit 2) if it cannot be loaded or is not a client.
 *
 * @param file its entry file, from `findClient`
 */
export async function loadApplicationClient(file: string): Promise<Prisma> {
  const loaded = await load(file);
  const {PrismaClient, Prisma: namespace} = loaded;
  const version = namespace?.prismaVersion?.client;
  if (PrismaClient === undefined || version === undefined) {
    throw usageError(
      `${file} is not a generated Prisma Client`,
      'Give the folder that `prisma generate` writes to.',
    );
  }
  if (await hasRustEngine(file, version)) {
    replaceClass(file, interceptConstructor(PrismaClient));
    return prismaOnEngine(PrismaClient, version);
  }
  const {adapterOf, Pool} = adapterBeside(file);
  return {...prismaOnAdapter(PrismaClient, version, adapterOf), ...(Pool && {Pool})};
}

type Generated = {PrismaClient?: ClientClass; Prisma?: {prismaVersion?: {client: string}}};

async function load(file: string): Promise<Generated> {
  try {
    // Prisma's runtime is JavaScript already; transpiling it would take 1 s.
    const jiti = createJiti(file, {fsCache: false, nativeModules: ['@prisma/client']});
    return await jiti.import<Generated>(file);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw usageError(
      `cannot load ${file}: ${reason}`,
      "Install the application's dependencies and run `prisma generate`.",
    );
  }
}

/** The module stays in the cache, from which the endpoint's code gets it. */
function replaceClass(file: string, PrismaClient: ClientClass): void {
  const exports: unknown = createRequire(file).cache[file]?.exports;
  if (typeof exports === 'object' && exports !== null)
    Object.defineProperty(exports, 'PrismaClient', {
      value: PrismaClient,
      enumerable: true,
      configurable: true,
    });
}

/**
 * Whether the client has the Rust engine: up to Prisma 6, unless the generator sets `engineType = "client"` (6.16) or the
 * preview feature `queryCompiler` (6.7), which the generated code shows. Prisma 7 has none.
 */
async function hasRustEngine(file: string, version: string): Promise<boolean> {
  if (Number.parseInt(version, 10) >= 7) return false;
  for (const path of [file, join(dirname(file), 'internal/class.ts')]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (/\\?"engineType\\?": ?\\?"client|queryCompiler/.test(text)) return false;
  }
  return true;
}

type Adapter = {adapterOf: AdapterOf; Pool?: typeof pg.Pool};

/** `PrismaPg` accepts only a Pool of its own `pg`. */
function adapterBeside(file: string): Adapter {
  try {
    const requireFromClient = createRequire(file);
    const adapter = requireFromClient.resolve('@prisma/adapter-pg');
    const own = requireFromClient(adapter) as {
      PrismaPg: new (...args: Parameters<AdapterOf>) => unknown;
    };
    const {Pool} = createRequire(adapter)('pg') as typeof pg;
    return {adapterOf: (...args) => new own.PrismaPg(...args), Pool};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return {adapterOf: (...args) => new PrismaPg(...args)};
  }
}
