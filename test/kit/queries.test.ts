import {PrismaPg} from '@prisma/adapter-pg';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, expectTypeOf, test} from 'vitest';
import {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {createCache, findByIds} from '../../source/kit/kit.ts';
import type {TestServer} from '../helpers/server.ts';
import {startServerWithTables} from '../replay/prisma/stage.ts';

let server: TestServer;
let pool: pg.Pool;
let prisma: PrismaClient;

beforeAll(async () => {
  server = await startServerWithTables();
  pool = new pg.Pool({connectionString: server.url({database: 'assessments'}), max: 5});
  prisma = new PrismaClient({adapter: new PrismaPg(pool)});
  await prisma.user.createMany({
    data: Array.from({length: 5}, (_, index) => ({
      ...{name: `user ${index}`, email: `${index}@example.com`, role: 'mentor', is_active: true},
      created_at: new Date(0),
    })),
  });
});

afterAll(async () => {
  await prisma.$disconnect();
  await pool.end();
  await server.stop();
});

describe('the cache', () => {
  const key = {shared: true, key: 'users'} as const;

  test('types a result as the query does', async () => {
    const cache = createCache();
    const users = await cache.get(prisma, key, db =>
      db.user.findMany({select: {id: true, name: true}, take: 1}),
    );
    expectTypeOf(users).toEqualTypeOf<{id: number; name: string}[]>();
    expect(Object.keys(users[0] ?? {})).toEqual(['id', 'name']);
  });

  test('neither keeps nor returns what a Prisma transaction reads', async () => {
    const cache = createCache();
    const count = (db: Pick<PrismaClient, 'user'>) => cache.get(db, key, each => each.user.count());
    expect(await count(prisma)).toBe(5);
    await prisma.$transaction(async tx => {
      await tx.user.create({data: {name: 'new', email: 'new@example.com', role: 'mentor'}});
      expect(await count(tx)).toBe(6);
      expect(await count(prisma)).toBe(5);
      await tx.user.deleteMany({where: {name: 'new'}});
    });
    const extended = prisma.$extends({});
    await extended.$transaction(async tx => expect(await count(tx as unknown as PrismaClient)).toBe(5));
    expect(await count(extended as unknown as PrismaClient)).toBe(5);
    expect(cache.getStats()).toMatchObject({bypassed: 2, misses: 1, hits: 2, entries: 1});
  });

  test('neither keeps nor returns what a connection of pg reads between BEGIN and its end', async () => {
    const cache = createCache();
    const client = await pool.connect();
    const read = (db: pg.Pool | pg.PoolClient) =>
      cache.get(db, key, async each => (await each.query<{n: number}>('SELECT 1 AS n')).rows);
    await read(pool);
    await client.query('BEGIN');
    await read(client);
    await client.query('SELECT 1/0').catch(() => {});
    await expect(read(client)).rejects.toThrow(/transaction is aborted/);
    await client.query('ROLLBACK');
    await read(client);
    client.release();
    expect(cache.getStats()).toMatchObject({bypassed: 2, misses: 1, hits: 1});
  });
});

test('batching types a row as the query does', async () => {
  const users = await prisma.user.findMany({select: {id: true}, orderBy: {id: 'asc'}});
  const ids = users.map(({id}) => id).toReversed();
  const found = await findByIds([...ids, 0], chunk =>
    prisma.user.findMany({where: {id: {in: chunk}}, select: {id: true, email: true}}),
  );
  expectTypeOf(found).toEqualTypeOf<({id: number; email: string} | null)[]>();
  expect(found.map(user => user?.id ?? null)).toEqual([...ids, null]);
});
