import {PrismaPg} from '@prisma/adapter-pg';
import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, expectTypeOf, test} from 'vitest';
import {PrismaClient} from '../../source/demo/prisma/generated/taskdesk/client.ts';
import {applications} from '../../source/demo/schema.ts';
import {
  createPool,
  type Instrumented,
  prismaTags,
  prismaTimeouts,
  withTags,
  withTimeout,
} from '../../source/kit/kit.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

let server: TestServer;
let pool: pg.Pool & Instrumented;
let admin: pg.Client;
let plain: PrismaClient;
let commented: PrismaClient;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query('CREATE DATABASE taskdesk');
  admin = await server.connect({database: 'taskdesk'});
  const {tables = '', constraints = ''} = applications.find(({database}) => database === 'taskdesk') ?? {};
  await admin.query(tables + constraints);
  const url = server.url({database: 'taskdesk'});
  pool = createPool({
    connectionString: url,
    application: 'web',
    platform: 'long-running',
    instances: 4,
    max: 2,
    closeOnSigterm: false,
  });
  plain = new PrismaClient({adapter: new PrismaPg(pool)});
  commented = new PrismaClient({adapter: new PrismaPg(pool), comments: [prismaTags]});
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

/** A loaded machine may take longer than Prisma's 2 s to begin a transaction. */
const patient = {maxWait: 30_000, timeout: 30_000};

/** What the server runs for `work` while it waits for a lock on "User". */
async function statementOf(work: () => PromiseLike<unknown>): Promise<string> {
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE "User"');
  const done = work();
  const outcome = Promise.resolve(done).catch(() => {});
  let seen = '';
  try {
    await expect
      .poll(async () => {
        const waiting =
          "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'web%'";
        [seen = ''] = (await server.query<{query: string}>(waiting)).map(({query}) => query);
        return seen;
      })
      .toContain('"User"');
  } finally {
    await admin.query('ROLLBACK');
  }
  await outcome;
  return seen;
}

describe.each([
  ['by the pool', () => plain],
  ["by Prisma's own plug-in", () => commented],
])('tags %s', (_, open) => {
  test.each<[string, (prisma: PrismaClient) => PromiseLike<unknown>]>([
    ['a query', prisma => prisma.user.findMany()],
    [
      'a query in an interactive transaction',
      prisma => prisma.$transaction(tx => tx.user.findMany(), patient),
    ],
    ['a batch', prisma => prisma.$transaction([prisma.user.findMany(), prisma.user.count()])],
    ['raw SQL', prisma => prisma.$queryRaw`SELECT count(*) FROM "User"`],
  ])('%s', async (_name, work) => {
    const prisma = open();
    const sql = await statementOf(() => withTags({route: '/users'}, () => work(prisma)));
    expect(sql.match(/\/\*.*\*\//g)).toEqual(["/*route='%2Fusers'*/"]);
  });
});

describe('timeouts of a Prisma Client', () => {
  const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'";

  test.each<[string, (prisma: PrismaClient) => PromiseLike<unknown>]>([
    ['by model', prisma => prisma.$extends(prismaTimeouts({models: {User: 50}})).user.findMany()],
    [
      'by operation of a model',
      prisma =>
        prisma.$extends(prismaTimeouts({models: {User: 'report', 'User.findMany': 50}})).user.findMany(),
    ],
    ['by operation', prisma => prisma.$extends(prismaTimeouts({operations: {count: 50}})).user.count()],
    ['by call', prisma => withTimeout(50, () => prisma.$extends(prismaTimeouts()).user.findMany())],
    ['by call, raw SQL', prisma => withTimeout(50, () => prisma.$queryRaw`SELECT count(*) FROM "User"`)],
    [
      'in a batch',
      prisma => {
        const own = prisma.$extends(prismaTimeouts({models: {'User.findMany': 50}}));
        return own.$transaction([own.user.findMany(), own.user.count()]);
      },
    ],
    [
      'in an interactive transaction',
      prisma =>
        prisma.$extends(prismaTimeouts({models: {User: 50}})).$transaction(tx => tx.user.findMany(), patient),
    ],
  ])('end the statement on the server: %s', async (_, work) => {
    const before = pool.stats().totals.timeouts;
    await admin.query('BEGIN');
    await admin.query('LOCK TABLE "User"');
    try {
      await expect(work(plain)).rejects.toThrow(/its timeout of 50 ms/);
      await expect.poll(() => server.query(waiting)).toEqual([]);
    } finally {
      await admin.query('ROLLBACK');
    }
    expect(pool.stats().totals.timeouts).toBe(before + 1);
    expect(await plain.user.count()).toBe(0);
    expect(pool.stats()).toMatchObject({busy: 0});
  });

  test('leave the types of a select as they are', () => {
    const prisma = plain.$extends(prismaTimeouts());
    const names = () => prisma.user.findMany({select: {name: true}});
    expectTypeOf(names).returns.resolves.toEqualTypeOf<{name: string | null}[]>();
  });
});
