import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {PrismaPg} from '@prisma/adapter-pg';
import {createJiti} from 'jiti/static';
import type pg from 'pg';
import {usageError} from '../../core/errors.ts';
import {type ClientClass, type Prisma, prismaOver} from './prisma.ts';
import {engineClient} from './rust-engine.ts';

/**
 * An application's own generated client, over the adapter and the `pg` that are installed with it, or over those of
 * this program where none are. Its code runs. Throws AbortError (exit 2) where it cannot be loaded or is none.
 *
 * @param file its entry, as `findClient` finds it
 */
export async function loadApplicationClient(file: string): Promise<Prisma> {
  const {PrismaClient, Prisma: namespace} = await load(file);
  const version = namespace?.prismaVersion?.client;
  if (PrismaClient === undefined || version === undefined) {
    throw usageError(
      `${file} is no generated Prisma Client`,
      'Name the folder that `prisma generate` writes to.',
    );
  }
  if (await hasRustEngine(file, version)) return engineClient(PrismaClient, version);
  const {adapterOf, Pool} = adapterBeside(file);
  return {...prismaOver(PrismaClient, version, adapterOf), ...(Pool && {Pool})};
}

type Generated = {PrismaClient?: ClientClass; Prisma?: {prismaVersion?: {client: string}}};

async function load(file: string): Promise<Generated> {
  try {
    // Prisma's runtime is JavaScript already, and 1 s to transpile.
    const jiti = createJiti(file, {fsCache: false, nativeModules: ['@prisma/client']});
    return await jiti.import<Generated>(file);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw usageError(
      `${file} cannot be loaded: ${reason}`,
      'It loads in the application: are its dependencies installed, and is it generated?',
    );
  }
}

/**
 * Prisma 7 has none; up to 6 it is there unless the generator says `engineType = "client"` (6.16), or has the
 * preview feature `queryCompiler` (6.7). The generated code names it.
 */
async function hasRustEngine(file: string, version: string): Promise<boolean> {
  if (Number.parseInt(version, 10) >= 7) return false;
  for (const path of [file, join(dirname(file), 'internal/class.ts')]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (/\\?"engineType\\?": ?\\?"client|queryCompiler/.test(text)) return false;
  }
  return true;
}

type Adapter = {adapterOf(pool: pg.Pool): unknown; Pool?: typeof pg.Pool};

/** `PrismaPg` takes a pool only of the very `pg` that it has itself. */
function adapterBeside(file: string): Adapter {
  try {
    const ofClient = createRequire(file);
    const adapter = ofClient.resolve('@prisma/adapter-pg');
    const own = ofClient(adapter) as {PrismaPg: new (pool: pg.Pool) => unknown};
    const {Pool} = createRequire(adapter)('pg') as typeof pg;
    return {adapterOf: pool => new own.PrismaPg(pool), Pool};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return {adapterOf: pool => new PrismaPg(pool)};
  }
}
