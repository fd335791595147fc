import {PrismaPg} from '@prisma/adapter-pg';
import type pg from 'pg';
import {withCallSites} from './call-sites.ts';

/** The PrismaClient class of a generated client. */
export type ClientClass = new (options: {adapter: unknown}) => object & {$disconnect(): Promise<void>};

/** A generated client and how it connects. */
export type Prisma = {
  /** Prisma's version, such as `7.10.0`. */
  version: string;
  /** null without Prisma. */
  major: number | null;
  /** Which pool it uses, which determines how queries wait for a connection and time out. */
  semantics: 'node-postgres' | 'rust engine';
  /** The Pool of the application's `pg`, if its adapter requires it; default poolctl's. */
  Pool?: typeof pg.Pool;
  /**
   * Opens a client whose queries run through `pool` and are attributed to the lines of `file`. A client that opens its own
   * connections is made read-only unless `allowWrites`.
   */
  open(pool: pg.Pool, file: string, options?: {allowWrites?: boolean}): Opened | Promise<Opened>;
};

type Opened = {client: object; close(): Promise<void>};

/** A client on poolctl's own adapter. */
export function bundledPrisma(Client: ClientClass, version: string): Prisma {
  return prismaOnAdapter(Client, version, pool => new PrismaPg(pool));
}

/** A client on an adapter, which has node-postgres's semantics whatever the Prisma version. */
export function prismaOnAdapter(
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
