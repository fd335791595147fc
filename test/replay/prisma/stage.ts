import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type pg from 'pg';
import {demoClients} from '../../../source/cli/replay/load-endpoint.ts';
import {createDatabases} from '../../../source/demo/demo.ts';
import {applications} from '../../../source/demo/schema.ts';
import type {ReplayResult} from '../../../source/model/replay-report.ts';
import type {Endpoint} from '../../../source/replay/endpoint/endpoint.ts';
import {type BenchmarkMatrix, runBenchmark} from '../../../source/replay/measure/benchmark.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';
import {runSetup} from '../../../source/replay/measure/instance.ts';
import {measure} from '../../../source/replay/measure/measure.ts';
import {loadEndpointFile} from '../../../source/replay/prisma/endpoint-file.ts';
import {bundledPrisma, type ClientClass, type Prisma} from '../../../source/replay/prisma/measured-client.ts';
import {shareTestServer, startTestServer, type TestServer} from '../../helpers/server.ts';

/** A server with the calm demo's rows and without traffic. */
export async function startFilledServer(): Promise<TestServer> {
  const server = await startTestServer({major: 18});
  await createDatabases(server, {seed: 1, calm: true, onProgress: () => {}});
  return server;
}

/** A server with the demo's tables, without rows. */
export async function startServerWithTables(): Promise<TestServer> {
  const server = await shareTestServer({major: 18});
  for (const {database, tables, constraints} of applications) {
    await server.query(`CREATE DATABASE ${database}`);
    const client = await server.connect({database});
    await client.query(tables + constraints);
    await client.end();
  }
  return server;
}

/** The demo's generated client for a database. */
export async function demoPrisma(database: keyof typeof demoClients): Promise<Prisma> {
  const {PrismaClient, Prisma: namespace} = await demoClients[database]();
  return bundledPrisma(PrismaClient as unknown as ClientClass, namespace.prismaVersion.client);
}

/** One result per variant; by default five requests of one user. On a loaded machine a request may take seconds. */
export async function replayOn(
  server: TestServer,
  {endpoint, prisma}: {endpoint: Endpoint; prisma: Prisma},
  matrix: Partial<BenchmarkMatrix> = {},
  {pool_timeout_ms = 0, hang_timeout_ms = 50_000}: {pool_timeout_ms?: number; hang_timeout_ms?: number} = {},
): Promise<ReplayResult[]> {
  const database = endpoint.demoDatabase ?? 'assessments';
  const basics = {
    endpoint,
    connection: {connectionString: server.url({database})},
    pool_timeout_ms,
    hang_timeout_ms,
    // As on the demo's throwaway server.
    allowWrites: true,
    openPrisma: (pool: pg.Pool) => prisma.open(pool, endpoint.file, {allowWrites: true}),
    ...(prisma.Pool && {Pool: prisma.Pool}),
  };
  const {results} = await runBenchmark(
    {
      variants: endpoint.variants,
      connection_limits: [40],
      concurrencies: [1],
      requests: 5,
      duration_ms: null,
      rate: null,
      instances: 1,
      warm_up_ms: 0,
      seed: 1,
      ...matrix,
    },
    {
      guard: createGuard(async () => ({usable: 100, used: 0, own: 0}), false),
      signal: new AbortController().signal,
      measure: (benchmark, own) => measure(benchmark, {...basics, ...own}),
      setUp: (connection_limit, signal) => runSetup(connection_limit, {...basics, signal}),
    },
  );
  return results;
}

/** An endpoint file in its own folder, with these lines as the body of its single variant. */
export async function endpointOf(body: string, head = ''): Promise<Endpoint> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-endpoint-'));
  const file = join(folder, 'an-endpoint.ts');
  await writeFile(file, fileOf(body, head));
  try {
    return await loadEndpointFile(file);
  } finally {
    await rm(folder, {recursive: true});
  }
}

/** Where `body` begins in the file. */
export const bodyLine = 6;

export function fileOf(body: string, head = ''): string {
  return `import {defineEndpoint} from 'poolctl';
${head}
export default defineEndpoint<any>({
  route: 'GET /x', samples: [{}],
  variants: [{name: 'only', async run({prisma, sql, request, cache}: any) {
${body}
  }}],
});
`;
}
