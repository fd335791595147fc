import {mkdir, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {readApplication} from '../../source/scan/application.ts';
import {readEnvFileAt, readPoolerFileAt} from '../../source/scan/application-files.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries({'.git/HEAD': 'ref', ...files})) {
    await mkdir(dirname(join(folder, name)), {recursive: true});
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe('the version of Prisma', () => {
  const manifest = JSON.stringify({dependencies: {'@prisma/client': '^6.1.0'}});
  const lock = JSON.stringify({packages: {'node_modules/@prisma/client': {version: '6.19.0'}}});
  it.each<[string, Record<string, string>, [string, number] | null]>([
    ['the range', {'package.json': manifest}, ['^6.1.0', 6]],
    ['the lock file over the range', {'package.json': manifest, 'package-lock.json': lock}, ['6.19.0', 6]],
    [
      'the installed package over both',
      {'package-lock.json': lock, 'node_modules/@prisma/client/package.json': '{"version": "7.2.0"}'},
      ['7.2.0', 7],
    ],
    [
      "pnpm's lock file",
      {'package.json': manifest, 'pnpm-lock.yaml': "packages:\n  '@prisma/client@7.0.1':\n"},
      ['7.0.1', 7],
    ],
    [
      "yarn's",
      {'package.json': manifest, 'yarn.lock': '"@prisma/client@^7.0.0":\n  version "7.1.0"\n'},
      ['7.1.0', 7],
    ],
    ["a lock file alone, which others' optional peers also fill", {'package-lock.json': lock}, null],
    [
      'a lock file beside a package that depends on Prisma',
      {'package-lock.json': lock, 'packages/db/package.json': manifest},
      ['6.19.0', 6],
    ],
    [
      'Prisma 8, beside the client that it replaces',
      {
        'package.json': JSON.stringify({
          dependencies: {'@prisma/orm-postgres': '^8.0.0-rc.13', '@prisma/client': '^7.0.0'},
        }),
        'package-lock.json': JSON.stringify({
          packages: {
            'node_modules/@prisma/orm-postgres': {version: '8.0.0-rc.13'},
            'node_modules/@prisma/client': {version: '7.2.0'},
          },
        }),
      },
      ['8.0.0-rc.13', 8],
    ],
    ['no file with a version', {'package.json': 'not JSON'}, null],
  ])('%s', async (_, files, expected) => {
    const {prisma} = await readApplication(await folderWith(files));
    expect(prisma && [prisma.version, prisma.major]).toEqual(expected);
  });

  it('is found above the folder in a workspace, but not outside the repository', async () => {
    const folder = await folderWith({'package-lock.json': lock, 'packages/web/package.json': manifest});
    expect((await readApplication(join(folder, 'packages/web'))).prisma?.version).toBe('6.19.0');
    const inner = await folderWith({});
    expect((await readApplication(inner)).prisma).toBeNull();
  });
});

it.each([
  ['prisma/schema.prisma', 'datasource db {\n  // url = env("OLD")\n  url = env("SHOP_URL")\n}'],
  ['prisma.config.ts', "export default defineConfig({datasource: {url: env('SHOP_URL')}});"],
  ['prisma.config.ts', 'export default {\n  datasource: {\n    url: process.env.SHOP_URL,\n  },\n};'],
  ['prisma.config.ts', 'export default {datasource: {\n  url: process.env["SHOP_URL"],\n}};'],
  [
    'prisma.config.ts',
    'export default {datasource: {\n  url: process.env["SHOP_URL"] ?? "postgres://x",\n}};',
  ],
  [
    'prisma.config.ts',
    "const {SHOP_URL: url = ''} = process.env;\nexport default {datasource: {\n  url: url,\n}};",
  ],
  [
    'prisma.config.ts',
    "const u = process.env['SHOP_URL'] || '';\nexport default {datasource: {\n  url: u,\n}};",
  ],
  [
    'prisma.config.ts',
    "export default definePrismaConfig({\n  orm: ormConfig({\n    db: {\n      connection: process.env['SHOP_URL']!,\n    },\n  }),\n});",
  ],
  ['prisma/schema/base.prisma', 'datasource db {\n  provider = "postgresql"\n  url = env("SHOP_URL")\n}'],
])('the variable is found in %s', async (name, text) => {
  const {url_variable, env_file} = await readApplication(
    await folderWith({[name]: text, '.env': 'SHOP_URL=postgresql://a:secret@h/d?connection_limit=5\n'}),
  );
  expect(url_variable).toBe('SHOP_URL');
  expect(env_file).toMatchObject({
    problem: null,
    parameters: {connection_limit: '5'},
    masked_line: 'SHOP_URL=postgresql://a:***@h/d?connection_limit=5',
  });
});

it('calls that create pools are found, and listed without secrets', async () => {
  const folder = await folderWith({
    'src/db.ts': "import x from 'y';\nexport const adapter = new PrismaPg({connectionString, max: 20});\n",
    'src/pool.ts': 'const pool = new Pool({max: 3});\nnew PrismaPg(pool);',
    'src/written.ts': 'new PrismaPg({connectionString: "postgresql://app:hunter2@h/d"})',
    'src/twice.ts': 'new PrismaPg({max: 1}); new PrismaPg({max: 1});',
    'src/prisma/db.ts':
      "import postgres from '@prisma/orm-postgres/runtime';\nexport const db = postgres<Contract>({contractJson, url});",
    'src/db.test.ts': 'new PrismaPg({max: 99})',
    'prisma/seed.ts': 'new PrismaPg({max: 96})',
    'src/checkPool.ts': 'new PrismaPg({max: 95})',
    'scripts/test-pool.mjs': 'new PrismaPg({max: 94})',
    'src/checkout.ts': 'new PrismaPg({max: 7})',
    'node_modules/x/index.js': 'new PrismaPg({max: 98})',
    'generated/client.ts': 'new PrismaPg({max: 97})',
  });
  const {pools} = await readApplication(folder);
  expect(
    pools.map(({path, line, call, settings}) => [path.slice(folder.length + 1), line, call, settings.max]),
  ).toEqual([
    ['src/checkout.ts', 1, 'new PrismaPg({max: 7})', 7],
    ['src/db.ts', 2, 'new PrismaPg({connectionString, max: 20})', 20],
    ['src/pool.ts', 1, 'new Pool({max: 3})', 3],
    ['src/twice.ts', 1, null, 1],
    ['src/twice.ts', 1, null, 1],
    ['src/written.ts', 1, null, undefined],
    ['src/prisma/db.ts', 2, null, undefined],
  ]);
  expect(JSON.stringify(pools)).not.toContain('hunter2');
});

it.each(['mysql', 'sqlite', 'sqlserver', 'mongodb', 'cockroachdb'])(
  'a project on %s is left alone',
  async provider => {
    const folder = await folderWith({
      'prisma/schema.prisma': `datasource db {\n  provider = "${provider}"\n  url = env("DATABASE_URL")\n}`,
    });
    await expect(readApplication(folder)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`is for ${provider}, not for PostgreSQL`),
    });
  },
);

it('sources that read connection_limit themselves are named; a URL in one is not', async () => {
  const folder = await folderWith({
    'src/url.ts': "const max = new URL(url).searchParams.get('connection_limit');",
    'src/note.ts': "// connection_limit is set elsewhere\nconst url = 'postgres://h/d?connection_limit=5';",
  });
  expect((await readApplication(folder)).url_readers).toEqual([join(folder, 'src/url.ts')]);
});

it('.env.local is read where .env does not set the variable, and named where both do', async () => {
  const url = (limit: number) => `DATABASE_URL=postgresql://a:b@h/d?connection_limit=${limit}\n`;
  const both = await readApplication(await folderWith({'.env': url(1), '.env.local': `\ufeff${url(2)}`}));
  expect(both).toMatchObject({env_file: {parameters: {connection_limit: '1'}}, shadowed_by: ['.env.local']});
  const local = await readApplication(await folderWith({'.env': 'A=1\n', '.env.local': `\ufeff${url(2)}`}));
  expect(local).toMatchObject({env_file: {parameters: {connection_limit: '2'}}, shadowed_by: []});
});

it('a folder that does not exist is refused', async () => {
  await expect(readApplication(join(await temporaryFolder(), 'none'))).rejects.toThrow(/is not a folder/);
});

describe('a named .env file', () => {
  it.each([
    ['another variable', 'OTHER=1\n', /must set DATABASE_URL exactly once/],
    ['no URL', 'DATABASE_URL=file:./dev.db\n', /is not a postgresql/],
    ['an extra @', 'DATABASE_URL=postgresql://a:b@c/d?x=e@f\n', /%40/],
  ])('%s', async (_, text, problem) => {
    const path = join(await temporaryFolder(), '.env');
    await writeFile(path, text);
    const file = await readEnvFileAt({path, variable: 'DATABASE_URL'});
    expect(file).toMatchObject({path, parameters: {}, masked_line: ''});
    expect(file.problem).toMatch(problem);
  });
});

it('an .env file is read for the named variable only', async () => {
  const folder = await folderWith({'.env': 'DATABASE_URL=postgresql://a:b@h/d\n'});
  expect((await readApplication(folder)).env_file).toMatchObject({variable: 'DATABASE_URL', problem: null});
  expect((await readApplication(folder, 'NOPE')).env_file).toMatchObject({
    variable: 'NOPE',
    problem: 'it must set NOPE exactly once',
  });
});

it('a file that does not exist is reported with its path', async () => {
  const path = join(await temporaryFolder(), 'nope');
  const refusal = (name: string) => ({message: `${name}: cannot read ${path}`, exitCode: 2});
  await expect(readEnvFileAt({path, variable: 'X'})).rejects.toMatchObject(refusal('env_file'));
  await expect(readPoolerFileAt({path})).rejects.toMatchObject(refusal('pgbouncer_ini'));
});

it('a pgbouncer.ini is read without its passwords', async () => {
  const path = join(await temporaryFolder(), 'pgbouncer.ini');
  await writeFile(path, '[databases]\n* = host=h password=secret\n[pgbouncer]\npool_mode = session\n');
  const file = await readPoolerFileAt({path});
  expect(file).toMatchObject({path, problem: null, lines: {pool_mode: {line: 'pool_mode = session'}}});
  expect(JSON.stringify(file)).not.toContain('secret');
});

it.each<[string, Record<string, string>, unknown[]]>([
  [
    'beside an adapter',
    {
      'db.ts': "import {Pool} from 'pg';\nnew PrismaPg({max: 8});\nnew Pool({max: 5});",
      'reports.ts': "import pg from 'pg';\nnew pg.Pool();",
    },
    [
      ['db.ts', 3, 5],
      ['reports.ts', 2, undefined],
    ],
  ],
  ['given to the adapter', {'db.ts': "import {Pool} from 'pg';\nnew PrismaPg(new Pool({max: 5}));"}, []],
  [
    'given to the adapter of another file',
    {
      'db.ts': "import {Pool} from 'pg';\nexport const pool = new Pool({max: 5});",
      'a.ts': 'new PrismaPg(pool)',
    },
    [],
  ],
  [
    'of another library',
    {'db.ts': "import {Pool} from 'undici';\nnew PrismaPg({max: 8}); new Pool(url);"},
    [],
  ],
])('finds pools of node-postgres %s', async (_, files, expected) => {
  const folder = await folderWith(files);
  const {other_pools = []} = await readApplication(folder);
  expect(
    other_pools.map(({path, line, settings}) => [path.slice(folder.length + 1), line, settings.max]),
  ).toEqual(expected);
});
