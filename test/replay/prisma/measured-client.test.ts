import {PrismaPg} from '@prisma/adapter-pg';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {demoClients} from '../../../source/cli/replay/load-endpoint.ts';
import type {ClientClass} from '../../../source/replay/prisma/measured-client.ts';
import {engineUrl, prismaOnEngine, proxiedUrl} from '../../../source/replay/prisma/measured-client.ts';
import {allowOutbound} from '../../../source/replay/sandbox/outbound.ts';
import {markMeasured} from '../../../source/replay/sandbox/redirect-pg.ts';
import type {TestServer} from '../../helpers/server.ts';
import {measureOne} from '../measuring.ts';
import {bodyLine, endpointOf, replayOn, startServerWithTables} from './stage.ts';

describe('the URL for the engine of Prisma 6', () => {
  test.each([
    [
      {connectionString: 'postgresql://a:b@db:5433/x?schema=public', max: 3, connectionTimeoutMillis: 10_000},
      'postgresql://a:b@db:5433/x?schema=public&connection_limit=3&pool_timeout=10',
    ],
    [
      {
        host: 'db',
        user: 'a b',
        password: 'p/w',
        database: 'x',
        max: 1,
        options: '-c a=b',
        application_name: 'r',
      },
      'postgresql://a%20b:p%2Fw@db:5432/x?application_name=r&options=-c%20a%3Db&connection_limit=1&pool_timeout=0',
    ],
    [
      {host: '::1', port: 5433, user: 'a', database: 'x', max: 1},
      'postgresql://a@[::1]:5433/x?connection_limit=1&pool_timeout=0',
    ],
    [
      {host: '/tmp', port: 5433, user: 'a', database: 'x', max: 1},
      'postgresql://a@localhost:5433/x?connection_limit=1&pool_timeout=0&host=%2Ftmp',
    ],
  ])('%j', (options, url) => {
    expect(engineUrl(options as Parameters<typeof engineUrl>[0])).toBe(url);
  });
});

test('the URL for the proxy has sslmode=disable and only the options that the engine needs', () => {
  const options = {
    connectionString: 'postgresql://a:b@db:5433/x?schema=s&sslmode=require&sslcert=c',
    max: 3,
    options: '-c a=b',
  };
  expect(proxiedUrl(options as Parameters<typeof proxiedUrl>[0], 7000)).toBe(
    'postgresql://a@127.0.0.1:7000/x?schema=s&connection_limit=3&pool_timeout=0&sslmode=disable',
  );
});

/** A client class that connects by URL like the engine's, outside the measured pool. */
function engineOf(PrismaClient: unknown): ClientClass {
  class OfUrl {
    constructor({datasourceUrl, log}: {datasourceUrl: string; log: never}) {
      const pool = new pg.Pool({connectionString: datasourceUrl}) as pg.Pool & {
        newClient(item: unknown): unknown;
      };
      const newClient = pool.newClient.bind(pool);
      Object.assign(pool, {newClient: (item: unknown) => allowOutbound(() => newClient(item))});
      markMeasured(pool);
      const Client = PrismaClient as new (options: unknown) => never;
      // biome-ignore lint/correctness/noConstructorReturn: see above
      return new Client({adapter: new PrismaPg(pool, {disposeExternalPool: true}), log});
    }
  }
  return OfUrl as unknown as ClientClass;
}

/**
 * The real engine has to be downloaded. These tests use a client that logs its statements in the same way and connects
 * through pg.
 */
describe('a client with the Rust engine', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServerWithTables();
  });
  afterAll(() => server?.stop());

  test('reports its statements and the duration of its calls', async () => {
    const {PrismaClient} = await demoClients.assessments();
    const prisma = prismaOnEngine(engineOf(PrismaClient), '6.19.0');
    expect(prisma).toMatchObject({major: 6, semantics: 'rust engine'});
    const endpoint = await endpointOf(
      '    await prisma.user.count();\n    await prisma.student.findFirst();',
    );
    const [result] = await replayOn(server, {endpoint, prisma}, {concurrencies: [2], requests: 6});
    expect(result).toMatchObject({failures: [], requests: 6, queries_per_request: 2});
    expect(result?.statements.map(statement => statement.calls_per_request)).toEqual([1, 1]);
    expect(result?.execute_ms.p50).toBeGreaterThan(0);
    const broken = await endpointOf(
      '    await prisma.user.count();\n    await prisma.$queryRaw`SELECT 1/0`;',
    );
    const [failed] = await replayOn(server, {endpoint: broken, prisma}, {requests: 1});
    expect(failed?.failures).toMatchObject([{line: bodyLine + 1}]);
  });

  test('is read-only without --allow-writes', async () => {
    const {PrismaClient} = await demoClients.assessments();
    const prisma = prismaOnEngine(engineOf(PrismaClient), '6.19.0');
    await server.query('CREATE TABLE written (id int)');
    const endpoint = await endpointOf(`
      await prisma.$queryRaw\`SELECT set_config('default_transaction_' || 'read_only', 'off', false)\`;
      await prisma.$executeRaw\`INSERT INTO written VALUES (1)\`;`);
    const connectionString = server.url();
    for (const allowWrites of [false, true]) {
      const result = await measureOne(server, endpoint, {
        requests: 2,
        allowWrites,
        connection: {connectionString},
        openPrisma: pool => prisma.open(pool, endpoint.file, {allowWrites}),
      });
      expect(result.errors.other).toBe(allowWrites ? 0 : 2);
      expect(await server.query('SELECT count(*)::int4 FROM written')).toEqual([
        {count: allowWrites ? 2 : 0},
      ]);
    }
  });
});
