import {PrismaPg} from '@prisma/adapter-pg';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {demoClients} from '../../../source/demo/prisma/clients.ts';
import type {ClientClass} from '../../../source/replay/prisma/prisma.ts';
import {engineClient, engineUrl} from '../../../source/replay/prisma/rust-engine.ts';
import type {TestServer} from '../../helpers/server.ts';
import {bodyLine, endpointOf, replayOn, startFilledServer} from './stage.ts';

describe('the URL that the engine of Prisma 6 is given', () => {
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
      'postgresql://a%20b:p%2Fw@db:5432/x?application_name=r&options=-c+a%3Db&connection_limit=1&pool_timeout=0',
    ],
  ])('%j', (options, url) => {
    expect(engineUrl(options as Parameters<typeof engineUrl>[0])).toBe(url);
  });
});

/**
 * The engine is a download. What is proven here is the counting by a client's own log, on a client that has the same
 * log and another way to the server.
 */
describe('a client that is run as it is', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startFilledServer();
  });
  afterAll(() => server?.stop());

  test('tells its statements and how long its calls took', async () => {
    const {PrismaClient} = await demoClients.assessments();
    class OfUrl {
      constructor({datasourceUrl, log}: {datasourceUrl: string; log: never}) {
        const adapter = new PrismaPg({connectionString: datasourceUrl});
        // biome-ignore lint/correctness/noConstructorReturn: a client by URL is what the engine's class is
        return new PrismaClient({adapter, log}) as never;
      }
    }
    const prisma = engineClient(OfUrl as unknown as ClientClass, '6.19.0');
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
});
