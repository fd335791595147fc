import {mkdtemp, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import type pg from 'pg';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {loadEndpoint} from '../../source/cli/replay/load-endpoint.ts';
import {prisma8Problem} from '../../source/cli/replay/prisma-8.ts';
import {createCache, detectQueries, type QueryProblem, watchQueries} from '../../source/kit/kit.ts';
import {describePrisma8} from '../helpers/prisma-8.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {replayOn} from '../replay/prisma/stage.ts';

/** What the tests use of the client for `fixtures/prisma-8/contract.json`. */
type Reader = {orm: {public: {User: Users}}};
type Users = {
  where(condition: (user: {id: {eq(id: number): unknown}}) => unknown): Users;
  select(...fields: string[]): Users;
  first(): Promise<object | null>;
  all(): Promise<object[]>;
  create(user: object): Promise<{id: number}>;
};
type Db = Reader & {
  transaction<Result>(body: (tx: Reader) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
};

test.each([
  ['20.20.2', 'Prisma 8 needs Node 22.18 or later; this is 20.20.2.'],
  ['22.17.1', 'Prisma 8 needs Node 22.18 or later; this is 22.17.1.'],
  ['22.18.0', null],
  ['24.1.0', null],
])('Node %s: %s', (node, problem) => expect(prisma8Problem(node)).toBe(problem));

describePrisma8('Prisma 8', modules => {
  const contract = new URL('../fixtures/prisma-8/contract.json', import.meta.url);
  let server: TestServer;
  let open: (max: number) => Promise<{db: Db; pool: pg.Pool; close(): Promise<void>}>;

  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query('CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE NOT NULL, name text)');
    await server.query("INSERT INTO users (email) SELECT n || '@example.com' FROM generate_series(1, 5) n");
    const entry = join(modules, '@prisma/orm-postgres/dist/runtime.mjs');
    const {default: postgres} = (await import(pathToFileURL(entry).href)) as {
      default: (options: object) => Db;
    };
    const {Pool} = createRequire(entry)('pg') as typeof pg;
    const contractJson = JSON.parse(await readFile(contract, 'utf8')) as unknown;
    open = async max => {
      const pool = new Pool({connectionString: server.superuserUrl, max, connectionTimeoutMillis: 1000});
      const db = postgres({contractJson, pg: pool});
      return {db, pool, close: () => db.close().then(() => pool.end())};
    };
  });
  afterAll(() => server?.stop());

  test('the first transaction on a pool of 1 fails, on a pool of 2 it does not', async () => {
    const first = async (max: number) => {
      const {db, close} = await open(max);
      const read = db.transaction(tx => tx.orm.public.User.select('id').all());
      return read.then(rows => rows.length, String).finally(close);
    };
    expect(await first(1)).toMatch(/contract marker/);
    expect(await first(2)).toBe(5);
  });

  test('nothing that a transaction reads is cached', async () => {
    const {db, close} = await open(2);
    const cache = createCache();
    const key = {shared: true, key: 'users'} as const;
    const count = (of: Reader) =>
      cache.get(of, key, async each => (await each.orm.public.User.select('id').all()).length);
    expect(await count(db)).toBe(5);
    await db
      .transaction(async tx => {
        await tx.orm.public.User.create({email: 'new@example.com'});
        expect(await count(tx)).toBe(6);
        throw new Error('roll back');
      })
      .catch(error => expect(error).toMatchObject({message: 'roll back'}));
    expect(await count(db)).toBe(5);
    expect(cache.getStats()).toMatchObject({bypassed: 1, misses: 1, hits: 1});
    await close();
  });

  test('an N+1 is found with its line where its pool is watched', async () => {
    const {db, pool, close} = await open(2);
    watchQueries(pool);
    const found: QueryProblem[] = [];
    await detectQueries({report: problems => void found.push(...problems)}, async () => {
      for (const id of [1, 2, 3, 4, 5]) await db.orm.public.User.where(user => user.id.eq(id)).first();
    });
    expect(found).toMatchObject([{kind: 'n-plus-one', count: 5}]);
    expect(found[0]?.at).toMatch(/test\/kit\/prisma-8\.test\.ts:\d+:\d+$/);
    await close();
  });

  test("an endpoint that imports its application's db is measured", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poolctl-prisma-8-'));
    await symlink(modules, join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    await writeFile(join(folder, 'contract.json'), await readFile(contract));
    await writeFile(
      join(folder, 'db.ts'),
      `import postgres from '@prisma/orm-postgres/runtime';
import contractJson from './contract.json' with {type: 'json'};
export const db = postgres({contractJson, url: 'postgresql://nowhere.invalid/db'});`,
    );
    const file = join(folder, 'endpoint.ts');
    await writeFile(
      file,
      `import {db} from './db.ts';
export default {route: 'GET /users', samples: [{}], variants: [{name: 'only', async run() {
  for (const id of [1, 2, 3]) await db.orm.public.User.where(user => user.id.eq(id)).first();
}}]};`,
    );
    const {endpoint, prisma} = await loadEndpoint(file, {
      cwd: folder,
      isDemo: false,
      client: undefined,
      clientModule: undefined,
    });
    if (prisma === null) throw new Error('an endpoint in TypeScript');
    expect(prisma).toMatchObject({version: '8.0.0-rc.13', major: 8, semantics: 'node-postgres'});
    const [result] = await replayOn(server, {endpoint: {...endpoint, demoDatabase: 'postgres'}, prisma});
    // The first of the five requests reads the contract's marker, too.
    expect(result).toMatchObject({queries_per_request: 3.2, failures: []});
    expect(result?.statements).toContainEqual(
      expect.objectContaining({calls_per_request: 3, line: 3, is_n_plus_one: true}),
    );
    await rm(folder, {recursive: true});
  });

  test('its migrations lock the key that poolctl looks for', async () => {
    const folder = join(modules, '@prisma/orm-target-postgres/dist');
    const names = (await readdir(folder)).filter(name => /^control.*\.mjs$/.test(name));
    const texts = await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')));
    const text = texts.join('\n');
    expect(text).toContain('const LOCK_DOMAIN = "prisma_8.contract.marker"');
    expect(text).toContain(`\${LOCK_DOMAIN}:\${schema}:\${space}`);
    expect(text).toMatch(/pg_advisory_xact_lock\(hashtext\(\$1\)\)/);
  });
});
