import {PrismaPg} from '@prisma/adapter-pg';
import type pg from 'pg';
import {withCallSites} from './call-sites.ts';

/** A generated Prisma Client, as its module exports it. */
export type ClientClass = new (options: {adapter: unknown}) => object & {$disconnect(): Promise<void>};

/** A generated client, and what it reaches the server by. */
export type Prisma = {
  /** Prisma's own: `7.10.0`. */
  version: string;
  /** null where there is no Prisma. */
  major: number | null;
  /** Whose pool it has, by which waiting and timeouts go. */
  semantics: 'node-postgres' | 'rust engine';
  /** The `pg` of the application that its adapter takes pools of; absent: the one that comes with this program. */
  Pool?: typeof pg.Pool;
  /**
   * A client whose queries run through `pool` and tell the lines of `file` they come from. What opens connections of
   * its own is held to read-only unless `allowWrites`.
   */
  open(pool: pg.Pool, file: string, options?: {allowWrites?: boolean}): Opened | Promise<Opened>;
};

type Opened = {client: object; close(): Promise<void>};

/** A client over the adapter that comes with this program. */
export function bundledPrisma(Client: ClientClass, version: string): Prisma {
  return prismaOver(Client, version, pool => new PrismaPg(pool));
}

/** A client over an adapter, which has the semantics of the pool it is given, whatever its major. */
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
