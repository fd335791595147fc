import {mkdir, rm, writeFile} from 'node:fs/promises';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {ReplayDocument} from '../../../source/model/replay-report.ts';
import {createCliRoles, runProgram, urlOf} from '../../cli/run-program.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {application} from './application.ts';

/** Endpoints of applications that create their own client, with the built program. */
describe('an endpoint with its own client', () => {
  let server: TestServer;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    [server, folder] = await Promise.all([shareTestServer({major: 18}), application()]);
    await createCliRoles(server);
    await server.query('CREATE TABLE "User" (id integer PRIMARY KEY, name text NOT NULL)');
    await server.query('CREATE TABLE t (id int)');
    await server.query('GRANT ALL ON "User", t TO app');
    url = urlOf(server, 'app');
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, {recursive: true, force: true});
  });

  /** Writes an endpoint with this body and imports, and files next to it. */
  async function replay(
    {
      head,
      body,
      files = {},
      address = url,
    }: {head: string; body: string; files?: Record<string, string>; address?: string},
    flags: string[] = [],
  ): Promise<{code: number | null; document: ReplayDocument; text: string}> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), {recursive: true});
      await writeFile(join(folder, name), text);
    }
    await writeFile(
      join(folder, 'own.ts'),
      `import {defineEndpoint} from 'poolctl';
${head}
export default defineEndpoint<any>({route: 'GET /own', samples: [{}], variants: [{name: 'only', async run() {
${body}
}}]});
`,
    );
    await server.query('SELECT pg_stat_statements_reset()');
    const words = ['replay', 'own.ts', address, '--concurrency', '3', '--requests', '12', '--warm-up', '0s'];
    const {code, stdout, stderr} = await runProgram([...words, '--json', ...flags], {
      home: folder,
      env: {DATABASE_URL: url, OWN_URL: url},
    });
    expect(stdout, stderr).not.toBe('');
    return {code, document: JSON.parse(stdout) as ReplayDocument, text: stdout};
  }

  /** How often the server ran statements with this comment. */
  async function callsOf(comment: string): Promise<number> {
    const [row] = await server.query<{calls: number}>(
      'SELECT coalesce(sum(calls), 0)::int4 AS calls FROM pg_stat_statements WHERE query LIKE $1',
      [`%/* ${comment} */%`],
    );
    return row?.calls ?? 0;
  }

  async function expectNothingWritten(): Promise<void> {
    expect(
      await server.query(
        'SELECT (SELECT count(*) FROM t)::int4 + (SELECT count(*) FROM "User")::int4 AS rows',
      ),
    ).toEqual([{rows: 0}]);
  }

  const pool =
    "import {Pool} from 'pg';\nexport const pool = new Pool({connectionString: process.env.OWN_URL});\n";
  const singleton = `import {PrismaPg} from '@prisma/adapter-pg';
import {PrismaClient} from '../src/generated/prisma/client.ts';
const own = () => new PrismaClient({adapter: new PrismaPg({connectionString: process.env.OWN_URL})});
const kept = globalThis as unknown as {prisma?: PrismaClient};
export const prisma = kept.prisma ?? own();
kept.prisma = prisma;
export class Users {
  constructor(private client = own()) {}
  async seen() { await this.client.$queryRaw\`SELECT /* seen */ 1\`; await this.client.user.count(); }
  async write() { await this.client.user.create({data: {id: 1, name: 'x'}}); }
}
export const users = new Users();
export const extended = prisma.$extends({model: {user: {async seenToo() {
  await prisma.$queryRaw\`SELECT /* seen */ 1\`;
}}}});
`;

  test.each<[string, string, string, Record<string, string>, number]>([
    [
      'a Pool of a module',
      "import {pool} from './lib/pool';",
      "await pool.query('SELECT /* seen */ 1'); await pool.query('SELECT /* seen */ $1::int', [2]);",
      {'lib/pool.ts': pool},
      2,
    ],
    [
      'a client of that Pool, and callbacks',
      "import {pool} from './lib/pool';",
      `const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('SELECT /* seen */ 1');
        await client.query('COMMIT');
      } finally { client.release(); }
      await new Promise<void>((resolve, reject) => pool.query('SELECT /* seen */ 2', error => error ? reject(error) : resolve()));
      await new Promise<void>((resolve, reject) => pool.connect((error, client, release) => {
        client!.query('SELECT /* seen */ 3', failure => { release(); failure ? reject(failure) : resolve(); });
      }));`,
      {'lib/pool.ts': pool},
      5,
    ],
    [
      'a Client for each request',
      "import pg from 'pg';",
      `const client = new pg.Client(process.env.OWN_URL);
      await client.connect();
      await client.query('SELECT /* seen */ 1');
      await client.end();`,
      {},
      1,
    ],
    [
      'a Pool that sets up its connections',
      "import {pool} from './lib/setting';",
      `const {rows} = await pool.query("SELECT /* seen */ current_setting('app.own') AS own");
      if (rows[0].own !== 'yes') throw new Error('not set up');`,
      {'lib/setting.ts': `${pool}pool.on('connect', client => { client.query("SET app.own = 'yes'"); });\n`},
      1,
    ],
    [
      'globalThis.prisma',
      "import {prisma} from './lib/prisma';",
      'await prisma.$queryRaw`SELECT /* seen */ 1`; await prisma.user.count();',
      {'lib/prisma.ts': singleton},
      2,
    ],
    [
      'an extension of it',
      "import {extended} from './lib/prisma';",
      'await extended.user.seenToo(); await extended.user.count();',
      {'lib/prisma.ts': singleton},
      2,
    ],
    [
      'a class that makes a Prisma Client for itself',
      "import {users} from './lib/prisma';",
      'await users.seen();',
      {'lib/prisma.ts': singleton},
      2,
    ],
  ])('is measured: %s', async (_, head, body, files, queries) => {
    const {code, document, text} = await replay({head, body, files});
    expect(document.results, text).toMatchObject([
      {failures: [], requests: 12, peak_connections: expect.any(Number)},
    ]);
    expect(document.notes.join('\n')).not.toContain('refused');
    expect(document.is_complete).toBe(true);
    expect(code).toBe(0);
    const [{statements = [], queries_per_request = 0} = {}] = document.results;
    // Queries that set up a connection count for the first request on it.
    expect(Math.floor(queries_per_request)).toBe(queries);
    const seen = statements.filter(({query}) => query.includes('/* seen */'));
    expect(seen.reduce((sum, {calls}) => sum + calls, 0)).toBe(await callsOf('seen'));
    expect(await callsOf('seen')).toBeGreaterThanOrEqual(12);
  });

  test.each<[string, string, string, Record<string, string>]>([
    [
      'a Pool',
      "import {pool} from './lib/pool';",
      "await pool.query('INSERT INTO t VALUES (1)');",
      {'lib/pool.ts': pool},
    ],
    [
      'Prisma',
      "import {prisma} from './lib/prisma';",
      "await prisma.user.create({data: {id: 1, name: 'x'}});",
      {'lib/prisma.ts': singleton},
    ],
    [
      'a class with Prisma',
      "import {users} from './lib/prisma';",
      'await users.write();',
      {'lib/prisma.ts': singleton},
    ],
    [
      'a Client',
      "import {Client} from 'pg';",
      `const client = new Client(process.env.OWN_URL);
      await client.connect();
      try { await client.query('INSERT INTO t VALUES (1)'); } finally { await client.end(); }`,
      {},
    ],
  ])('writes nothing through %s', async (_, head, body, files) => {
    const {document, text} = await replay({head, body, files});
    expect(document.results, text).toMatchObject([{requests: 12, errors: {other: 12}}]);
    await expectNothingWritten();
  });

  const wrapper = `const tenant = (id: number) => {
  throw new Error('this module must not run');
};
tenant(1);
export const db = {};
export default db;
`;
  test('takes the place of a module that exports another client, with --client-module', async () => {
    const endpoint = {
      head: "import fallback, {db} from './lib/wrapper';",
      body: 'await (db as any).user.count(); await (fallback as any).$queryRaw`SELECT /* seen */ 1`;',
      files: {'lib/wrapper.ts': wrapper},
    };
    const {code, document, text} = await replay(endpoint, ['--client-module', 'lib/wrapper']);
    expect(document.results, text).toMatchObject([{requests: 12, queries_per_request: 2, failures: []}]);
    expect(await callsOf('seen')).toBe(12);
    expect(code).toBe(0);
  });

  test("uses the schema of the address in Prisma's statements", async () => {
    await server.query(
      'CREATE SCHEMA own; CREATE TABLE own."User" (id integer PRIMARY KEY, name text NOT NULL)',
    );
    await server.query('GRANT USAGE ON SCHEMA own TO app; GRANT SELECT ON own."User" TO app');
    const endpoint = {
      head: '',
      body: 'await (globalThis as any).prisma.user.count();',
      address: `${url}?schema=own`,
    };
    const {document, text} = await replay(endpoint);
    expect(document.results, text).toMatchObject([{requests: 12, failures: []}]);
    expect(document.results[0]?.statements[0]?.query).toContain('"own"."User"');
  });

  const postgres =
    "import postgres from 'postgres';\nexport const sql = postgres(process.env.OWN_URL!, {backoff: () => 0});\n";
  test.each<[string, string, string, RegExp]>([
    [
      'postgres.js',
      `${postgres.replace('export ', '')}`,
      'await sql`INSERT INTO t VALUES (1)`.catch(() => {});',
      /tried to open its own connection to [\w.]+:\d+: refused/,
    ],
    [
      'a socket',
      "import net from 'node:net';",
      `await new Promise(resolve => net.connect(${'Number(new URL(process.env.OWN_URL!).port)'}, '127.0.0.1').once('error', resolve));`,
      /tried to open its own connection to 127\.0\.0\.1:\d+: refused/,
    ],
    [
      'a process',
      "import {execFile, spawnSync} from 'node:child_process';",
      `const words = [process.env.OWN_URL!, '-c', 'INSERT INTO t VALUES (1)'];
      try { spawnSync('psql', words); } catch {}
      try { execFile('psql', words); } catch {}`,
      /tried to start a process \(psql\): refused/,
    ],
    [
      'a thread',
      "import {Worker} from 'node:worker_threads';",
      "try { new Worker('0', {eval: true}); } catch {}",
      /tried to start a thread: refused/,
    ],
    [
      'a driver in native code',
      '',
      "try { process.dlopen({exports: {}} as never, '/nowhere/libquery_engine-debian.so.node'); } catch {}",
      /tried to load a database driver that opens connections in native code: refused/,
    ],
    [
      'a query while it loads',
      "import {pool} from './lib/pool';\nawait pool.query('INSERT INTO t VALUES (1)').catch(() => {});",
      '',
      /outside a request: refused/,
    ],
  ])('is blocked, reported and not measured: %s', async (_, head, body, refused) => {
    const {code, document} = await replay({head, body, files: {'lib/pool.ts': pool}}, [
      '--sweep',
      'connection_limit=1..3',
    ]);
    expect(code).toBe(7);
    expect(document).toMatchObject({results: [], recommendation: null, is_complete: false});
    expect(document.notes.join('\n')).toMatch(refused);
    expect(document.notes.join('\n')).toContain('sent no query through the measured client');
    await expectNothingWritten();
  });

  test('gets no recommendation if a connection or process was refused', async () => {
    const {code, document} = await replay(
      {
        head: `import {pool} from './lib/pool';\n${postgres.replace('export ', '')}`,
        body: "await pool.query('SELECT 1'); await sql`SELECT 1`.catch(() => {});",
        files: {'lib/pool.ts': pool},
      },
      ['--connection-limit', '1,2,3', '--allow-network'],
    );
    expect(code).toBe(7);
    expect(document.results).toHaveLength(3);
    expect(document).toMatchObject({recommendation: null, is_complete: false});
    expect(document.notes.join('\n')).toMatch(/its own connection to .*: refused/);
  });

  test('reaches other services only with --allow-network', async () => {
    const service = http.createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
    await new Promise(resolve => service.once('listening', resolve));
    const {port} = service.address() as AddressInfo;
    const endpoint = {
      head: "import {pool} from './lib/pool';",
      body: `await pool.query('SELECT 1'); await (await fetch('http://127.0.0.1:${port}')).text();`,
      files: {'lib/pool.ts': pool},
    };
    try {
      const cut = await replay(endpoint);
      expect(cut.code).toBe(7);
      expect(cut.document.notes.join('\n')).toContain(`127.0.0.1:${port}: refused, 12 times`);
      const allowed = await replay(endpoint, ['--allow-network']);
      expect(allowed.document.notes.join('\n')).not.toContain('refused');
      expect(allowed.code).toBe(0);
    } finally {
      service.close();
    }
  });

  test('is blocked in worker processes too', async () => {
    const {code, document} = await replay(
      {
        head: `import {pool} from './lib/pool';\n${postgres.replace('export ', '')}`,
        body: "await pool.query('SELECT /* seen */ 1'); await sql`INSERT INTO t VALUES (1)`.catch(() => {});",
        files: {'lib/pool.ts': pool},
      },
      ['--instances', '2'],
    );
    expect(code).toBe(7);
    expect(document.results).toMatchObject([{queries_per_request: 1}]);
    expect(await callsOf('seen')).toBe(12);
    expect(document.notes.join('\n')).toMatch(/its own connection to .*: refused/);
    await expectNothingWritten();
  });
});
