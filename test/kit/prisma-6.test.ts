import {createRequire} from 'node:module';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {
  createCache,
  detectQueries,
  expectQueries,
  type Instrumented,
  instrumentPool,
  prismaTimeouts,
  type QueryProblem,
  watchQueries,
  withTags,
  withTimeout,
} from '../../source/kit/kit.ts';
import {describePrisma6} from '../helpers/prisma-6.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

/** What the tests use of a client. */
type Reader = {user: {findMany(args?: object): Promise<object[]>; count(): Promise<number>}};
type Client = Reader & {
  $queryRawUnsafe(sql: string): Promise<{query: string}[]>;
  $transaction<Result>(body: (tx: Client) => Promise<Result>, options: object): Promise<Result>;
  $extends(extension: unknown): Client;
  $disconnect(): Promise<void>;
};

const ownStatement = 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()';
/** A loaded machine may take longer than Prisma's 2 s to begin a transaction. */
const patient = {maxWait: 30_000, timeout: 30_000};

describePrisma6('Prisma 6', folder => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query('CREATE TABLE "User" (id integer PRIMARY KEY, name text NOT NULL)');
    await server.query('INSERT INTO "User" SELECT n, \'user \' || n FROM generate_series(1, 5) n');
  });
  afterAll(() => server?.stop());

  describe.each([
    ['without the Rust engine', 'adapted'],
    ['with the Rust engine as WebAssembly', 'rust/wasm.js'],
  ])('%s', (_, place) => {
    let prisma: Client;
    let pool: pg.Pool & Instrumented;
    beforeAll(async () => {
      const own = createRequire(join(folder, 'package.json'));
      const {Pool} = own('pg') as typeof pg;
      const {PrismaPg} = own('@prisma/adapter-pg') as {PrismaPg: new (pool: pg.Pool) => object};
      const {PrismaClient} = own(`./${place}`) as {PrismaClient: new (options: object) => Client};
      const plain = new Pool({connectionString: server.superuserUrl, max: 3});
      pool = instrumentPool(plain, {application: 'six', closeOnSigterm: false});
      prisma = new PrismaClient({adapter: new PrismaPg(pool)});
    });
    afterAll(async () => {
      await prisma?.$disconnect();
      await pool?.end();
    });

    test('has the pool of the kit', async () => {
      expect(await prisma.user.count()).toBe(5);
      expect(pool.stats()).toMatchObject({size: 3, open: 1, busy: 0, waiting: 0});
    });

    test('nothing that a transaction reads is cached', async () => {
      const cache = createCache();
      const count = (of: Reader) => cache.get(of, {shared: true, key: 'users'}, each => each.user.count());
      expect([await count(prisma), await count(prisma)]).toEqual([5, 5]);
      await prisma.$transaction(tx => count(tx), patient);
      expect(cache.getStats()).toMatchObject({bypassed: 1, misses: 1, hits: 1});
    });

    test('counts the operations of a watched client, and finds an N+1 with its line', async () => {
      const watched = watchQueries(prisma);
      const perUser = async () => {
        for (const id of [1, 2, 3, 4, 5]) await watched.user.findMany({where: {id}});
      };
      await expectQueries(perUser).toBe(5);
      const found: QueryProblem[] = [];
      await detectQueries({report: problems => void found.push(...problems)}, perUser);
      expect(found).toMatchObject([{kind: 'n-plus-one', count: 5}]);
      expect(found[0]?.at).toMatch(/test\/kit\/prisma-6\.test\.ts:\d+:\d+$/);
    });

    /** The tags of statements of three requests at the same time. */
    const tagsOfThree = () =>
      Promise.all(
        ['/a', '/b', '/c'].map(async route => {
          const [row] = await withTags({route}, () => prisma.$queryRawUnsafe(ownStatement));
          return row?.query.replace(ownStatement, '').trim();
        }),
      );

    if (place === 'adapted') {
      test('tags each statement with the route of its own request, also in a transaction', async () => {
        expect(await tagsOfThree()).toEqual(["/*route='%2Fa'*/", "/*route='%2Fb'*/", "/*route='%2Fc'*/"]);
        const [row] = await withTags({route: '/tx'}, () =>
          prisma.$transaction(tx => tx.$queryRawUnsafe(ownStatement), patient),
        );
        expect(row?.query).toContain("/*route='%2Ftx'*/");
      });

      test('ends a statement on the server at its timeout', async () => {
        const slow = () => prisma.$queryRawUnsafe("SELECT '' AS query FROM pg_sleep(60)");
        await expect(withTimeout(50, slow)).rejects.toThrow(/its timeout of 50 ms/);
        const admin = await server.connect();
        await admin.query('BEGIN');
        await admin.query('LOCK TABLE "User"');
        const own = prisma.$extends(prismaTimeouts({models: {User: 50}}));
        await expect(own.user.findMany()).rejects.toThrow(/its timeout of 50 ms/);
        await admin.query('ROLLBACK');
        await expect.poll(() => pool.stats()).toMatchObject({busy: 0});
      });
    } else
      test('cannot be given tags or timeouts: its statements run in the context of any request', async () => {
        expect(new Set(await tagsOfThree()).size).toBeLessThan(3);
      });
  });
});
