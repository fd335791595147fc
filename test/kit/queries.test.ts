import {PrismaPg} from '@prisma/adapter-pg';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, expectTypeOf, test} from 'vitest';
import {PrismaClient} from '../../source/demo/prisma/generated/assessments/client.ts';
import {
  createCache,
  type DetectionOptions,
  detectQueries,
  expectQueries,
  findByIds,
  instrumentPool,
  type QueryProblem,
  watchQueries,
} from '../../source/kit/kit.ts';
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

describe('detection', () => {
  test('is refused while nothing is watched, where every test would pass', async () => {
    await expect(expectQueries(() => prisma.user.count()).toBeAtMost(1)).rejects.toThrow(/call watchQueries/);
  });

  test('of findByIds finds no repetition in its chunks', async () => {
    await withWatched(({pool: own, withoutPool}) =>
      expectQueries(async () => {
        const ids = Array.from({length: 6}, (_, index) => index);
        const options = {chunkSize: 1};
        await findByIds(
          ids,
          some => own.query('SELECT 1 AS id WHERE 1 = ANY($1)', [some]).then(r => r.rows),
          options,
        );
        await findByIds(ids, some => withoutPool.user.findMany({where: {id: {in: some}}}), options);
      }).notToRepeat(),
    );
  });

  /** Each on a pool of two of its own. */
  async function withWatched(
    body: (of: {pool: pg.Pool; prisma: PrismaClient; withoutPool: PrismaClient}) => Promise<unknown>,
  ): Promise<void> {
    const pools = [1, 2].map(
      () => new pg.Pool({connectionString: server.url({database: 'assessments'}), max: 2}),
    ) as [pg.Pool, pg.Pool];
    const [on, alone] = pools.map(each => watchQueries(new PrismaClient({adapter: new PrismaPg(each)})));
    if (on === undefined || alone === undefined) throw new Error('two clients');
    // Its reports are not the request's.
    instrumentPool(pools[0], {application: 'web'});
    await body({pool: watchQueries(pools[0]), prisma: on, withoutPool: alone});
    await Promise.all(pools.map(each => each.end()));
  }

  async function problemsOf(body: () => Promise<unknown>, options: DetectionOptions = {}) {
    const found: QueryProblem[] = [];
    await detectQueries({...options, report: each => void found.push(...each)}, body);
    return found;
  }

  /** The place `offset` lines below the call. */
  const line = (offset: number) => {
    const frame = new Error().stack?.split('\n')[2] ?? '';
    const [, file, at] = /(\/[^()]+):(\d+):\d+/.exec(frame) ?? [];
    return expect.stringMatching(`^${file}:${Number(at) + offset}:`);
  };
  const ids = [1, 2, 3, 4, 5];

  test('a watched client has its type', () => {
    const watched = watchQueries(prisma);
    expectTypeOf(watched).toEqualTypeOf<PrismaClient>();
    expectTypeOf(watched.user.findFirst({select: {id: true}})).resolves.toEqualTypeOf<{id: number} | null>();
    expect(() => watchQueries({})).toThrow(/takes a pg.Pool or a Prisma Client/);
  });

  test('an N+1 is found with its line: by statement on a watched pool, else by operation', () =>
    withWatched(async of => {
      for (const [client, statement] of [
        [of.prisma, /^SELECT "public"\."users"\."id", .* LIMIT \$2 OFFSET \$3$/],
        [of.withoutPool, /^User\.findUnique$/],
      ] as const) {
        const at = line(2);
        const found = await problemsOf(async () => {
          for (const id of ids) await client.user.findUnique({where: {id}, select: {name: true}});
        });
        expect(found).toMatchObject([{kind: 'n-plus-one', count: 5, at}]);
        expect(found[0]?.statement).toMatch(statement);
        expect(found[0]?.message).toMatch(/^N\+1: sent 5 times .* at test\/kit\/queries\.test\.ts:\d+:\d+$/);
      }
    }));

  test('an N+1 of pg is found with its line, parameters or not, and on a connection of its own', () =>
    withWatched(async ({pool: of}) => {
      const at = line(8);
      const found = await problemsOf(async () => {
        for (const id of ids) await of.query('SELECT name FROM users WHERE id = $1', [id]);
        for (const id of ids) await of.query(`SELECT email FROM users WHERE id = ${id} AND name <> 'it''s'`);
        const client = await of.connect();
        for (const id of ids) {
          await client.query('BEGIN');
          await new Promise(done => {
            client.query({text: 'SELECT role FROM users WHERE id = $1', values: [id]}, done);
          });
          await client.query('COMMIT');
        }
        client.release();
      });
      expect(found.map(({kind, count, statement}) => [kind, count, statement])).toEqual([
        ['n-plus-one', 5, 'SELECT name FROM users WHERE id = $1'],
        ['n-plus-one', 5, 'SELECT email FROM users WHERE id = ? AND name <> ?'],
        ['n-plus-one', 5, 'SELECT role FROM users WHERE id = $1'],
      ]);
      expect(found[2]?.at).toEqual(at);
    }));

  test('what Prisma sends as one statement is none', () =>
    withWatched(async ({prisma: on}) => {
      const read = () => Promise.all(ids.map(id => on.user.findUnique({where: {id}})));
      expect(await problemsOf(read)).toEqual([]);
      await expectQueries(read).toBe(1);
      await expectQueries(() => on.user.findMany({include: {user_pilot_school_assignments: true}})).toBe(2);
    }));

  test('the same read again, a budget and too many at the same time', () =>
    withWatched(async ({prisma: on, withoutPool, pool: of}) => {
      const again = await problemsOf(async () => {
        for (const _ of ids) await on.user.count();
      });
      expect(again).toMatchObject([{kind: 'duplicate', count: 5}]);
      const three = () => Promise.all(ids.slice(2).map(id => of.query('SELECT pg_sleep($1 / 1e6)', [id])));
      expect(await problemsOf(three, {maxQueries: 2, connections: 3})).toMatchObject([
        {kind: 'over-budget', count: 3},
      ]);
      const [parallel, ...more] = await problemsOf(three);
      expect([parallel, more]).toMatchObject([{kind: 'over-parallel', count: 3}, []]);
      expect(parallel?.message).toMatch(/^3 queries at the same time on 2 connections/);
      const counts = () =>
        Promise.all([withoutPool.user.count(), withoutPool.student.count(), withoutPool.pilotSchool.count()]);
      expect(await problemsOf(counts, {connections: 2})).toMatchObject([
        {kind: 'over-parallel', count: 3, statement: 'PilotSchool.count'},
      ]);
    }));

  test('concurrent requests are distinguished, also where one waits for the connection of another', () =>
    withWatched(async ({prisma: on}) => {
      const requests = [1, 2, 3, 4].map(times =>
        expectQueries(async () => {
          for (let index = 0; index < times; index++) await on.user.findMany({skip: index, take: 1});
        }).toBe(times),
      );
      await expect(Promise.all(requests)).resolves.toHaveLength(4);
    }));

  test('transactions, extensions, raw queries and relations are seen', () =>
    withWatched(async ({prisma: on, withoutPool}) => {
      for (const client of [on, withoutPool]) {
        const extended = client.$extends({name: 'own'});
        const sent = expectQueries(async () => {
          await client.$transaction(async tx => void (await tx.user.findFirst({where: {id: 1}})));
          await client.$transaction([client.user.count(), client.user.count({where: {id: 2}})]);
          await extended.user.findFirst({where: {id: 3}});
          await client.$queryRaw`SELECT name FROM users WHERE id = ${4}`;
          await client.user.findUnique({where: {id: 5}}).user_pilot_school_assignments();
        });
        const message = await sent.toBe(0).then(() => '', String);
        const lines = new Set(message.match(/(?<=queries\.test\.ts:)\d+/g));
        expect(lines.size).toBe(5);
      }
    }));

  test('an expectation returns the result, or lists what was sent', () =>
    withWatched(async ({prisma: on}) => {
      expect(await expectQueries(() => on.user.count()).toBeAtMost(1)).toBe(5);
      const loop = expectQueries(async () => {
        for (const id of ids) await on.user.findUnique({where: {id}});
      });
      await expect(loop.toBeAtMost(4)).rejects.toThrow(
        /^5 queries, expected at most 4:\n +5x SELECT .* at test\/kit\/queries\.test\.ts:\d+:\d+$/,
      );
      await expect(loop.toBe(6)).rejects.toMatchObject({name: 'AssertionError', actual: 5, expected: 6});
      await expect(loop.notToRepeat()).rejects.toThrow(/^N\+1: sent 5 times/);
      await expect(loop.notToRepeat(6)).resolves.toBeUndefined();
      const broken = expectQueries(async () => {
        throw new Error('its own');
      });
      await expect(broken.toBeAtMost(0)).rejects.toThrow('its own');
    }));
});
