import {PrismaPg} from '@prisma/adapter-pg';
import type pg from 'pg';
import {withCallSites} from './call-sites.ts';

/** The PrismaClient class of a generated client. */
export type ClientClass = new (options: {adapter: unknown}) => object & {$disconnect(): Promise<void>};

/** A generated client and how it connects. */
export type Prisma = {
  /** Prisma's version, such as `7.10.0`. */
  version: string;
  /** null where there is no Prisma. */
  major: number | null;
  /** Which pool it uses: it decides how queries wait for a connection and time out. */
  semantics: 'node-postgres' | 'rust engine';
  /** The Pool of the application's `pg`, which its adapter requires; absent: poolctl's. */
  Pool?: typeof pg.Pool;
  /**
   * Opens a client whose queries run through `pool`, attributed to the lines of `file`. A client that opens connections of
   * its own is made read-only unless `allowWrites`.
   */
  open(pool: pg.Pool, file: string, options?: {allowWrites?: boolean}): Opened | Promise<Opened>;
};

type Opened = {client: object; close(): Promise<void>};

/** A client on poolctl's own adapter. */
export function bundledPrisma(Client: ClientClass, version: string): Prisma {
  return prismaOver(Client, version, pool => new PrismaPg(pool));
}

/** A client on an adapter: whatever its major, it has the semantics of its pool. */
export function prismaOver(
  Client: ClientClass,
  version: string,
  adapterOf: (pool: pg.Pool) => unknown,
): Prisma {
  return {
    version,
    major: Number.parseInt(version, 10),
    semantics: 'node-postgres',
    open(pool, file) {
      const client = new Client({adapter: adapterOf(pool)});
      return {client: withCallSites(client, file), close: () => client.$disconnect()};
    },
  };
}
