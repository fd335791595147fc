import {join} from 'node:path';
import {expect, it} from 'vitest';
import {readPrismaSchema} from '../../source/scan/application-files.ts';
import {rejection} from '../postgres/requests.ts';
import {createApp} from './create-app.ts';

it.each<[string, Record<string, string>, string[], string[] | null]>([
  ['in its usual place', {'prisma/schema.prisma': 'a'}, ['prisma/schema.prisma'], null],
  [
    'with its migrations',
    {
      'prisma/schema.prisma': 'a',
      'prisma/migrations/1_b/migration.sql': '',
      'prisma/migrations/migration_lock.toml': '',
    },
    ['prisma/schema.prisma'],
    ['1_b'],
  ],
  [
    'a folder of files',
    {'prisma/schema/b.prisma': 'b', 'prisma/schema/a.prisma': 'a', 'prisma/migrations/1_b/migration.sql': ''},
    ['prisma/schema/a.prisma', 'prisma/schema/b.prisma'],
    ['1_b'],
  ],
  [
    'where package.json says',
    {
      'package.json': '{"prisma": {"schema": "db/my.prisma"}}',
      'db/my.prisma': 'a',
      'prisma/schema.prisma': 'b',
    },
    ['db/my.prisma'],
    null,
  ],
  [
    'where prisma.config.ts says',
    {
      'prisma.config.ts': "export default defineConfig({\n  schema: 'db/my.prisma',\n});",
      'db/my.prisma': 'a',
    },
    ['db/my.prisma'],
    null,
  ],
  [
    'where .config/prisma.ts says, from its own folder',
    {'.config/prisma.ts': "export default {schema: '../db/my.prisma'};", 'db/my.prisma': 'a'},
    ['db/my.prisma'],
    null,
  ],
  [
    'where a call in prisma.config.mjs says, on one line',
    {
      'prisma.config.mjs':
        "export default { datasource: {url: 'postgres://h/d'}, schema: path.join(import.meta.dirname, 'db', 'parts') };",
      'db/parts/a.prisma': 'a',
      'db/parts/models/b.prisma': 'b',
      'db/parts/migrations/1_c/migration.sql': '',
    },
    ['db/parts/a.prisma', 'db/parts/models/b.prisma'],
    ['1_c'],
  ],
  [
    'with migrations where prisma.config.ts says, not what a comment says',
    {
      'prisma.config.ts':
        "export default defineConfig({\n  // schema: 'old.prisma',\n  schema: 'db/my.prisma', migrations: {seed: 'x', path: 'db/steps'},\n});",
      'db/my.prisma': 'a',
      'old.prisma': 'b',
      'db/steps/1_b/migration.sql': '',
      'prisma/migrations/1_c/migration.sql': '',
    },
    ['db/my.prisma'],
    ['1_b'],
  ],
  [
    'schema.prisma with models beside it, not what was generated',
    {'prisma/schema.prisma': 'a', 'prisma/models/b.prisma': 'b', 'prisma/generated/schema.prisma': 'a'},
    ['prisma/models/b.prisma', 'prisma/schema.prisma'],
    null,
  ],
  [
    'of the only application of a monorepo',
    {
      'package.json': '{"workspaces": ["packages/*"]}',
      'packages/db/prisma/schema.prisma': 'a',
      'packages/db/prisma/migrations/1_b/migration.sql': '',
      'packages/web/package.json': '{}',
      'node_modules/other/prisma/schema.prisma': 'b',
    },
    ['packages/db/prisma/schema.prisma'],
    ['1_b'],
  ],
])('the schema is found: %s', async (_where, files, paths, names) => {
  const folder = await createApp(files);
  const schema = await readPrismaSchema({folder});
  expect(schema.files.map(({path}) => path)).toEqual(paths.map(path => join(folder, path)));
  expect(schema.files.map(({text}) => text)).toEqual(paths.map(path => files[path]));
  expect(schema.migrations?.names ?? null).toEqual(names);
});

it('several applications of a monorepo are named', async () => {
  const folder = await createApp({'apps/a/prisma/schema.prisma': 'a', 'apps/b/schema.prisma': 'b'});
  expect(await rejection(readPrismaSchema({folder}))).toMatchObject({
    exitCode: 2,
    hint: expect.stringContaining(`${join(folder, 'apps/a')}, ${join(folder, 'apps/b')}`),
  });
});

it('a folder without a schema is reported', async () => {
  const folder = await createApp({'package.json': '{}'});
  expect(await rejection(readPrismaSchema({folder}))).toMatchObject({exitCode: 2});
});

it.each(['prisma', 'ts'])(
  "Prisma 8's contract.%s is found with the indexes it was emitted with",
  async ending => {
    const path = `src/db/contract.${ending}`;
    const index = {
      columns: ['authorId'],
      name: 'Post_authorId_idx_e47547ed',
      prefix: 'Post_authorId_idx',
      unique: false,
    };
    const partial = {columns: ['note'], name: 'post_note_08e152e3', where: '(note IS NOT NULL)'};
    const folder = await createApp({
      'prisma.config.ts': `export default definePrismaConfig({orm: ormConfig({contract: "./${path}"})});`,
      [path]: 'model Post {\n}',
      'src/db/contract.json': JSON.stringify({
        storage: {namespaces: {public: {entries: {table: {Post: {indexes: [index, partial]}}}}}},
      }),
      'migrations/app/20261128T1027_add/ops.json': '[]',
    });
    expect(await readPrismaSchema({folder})).toEqual({
      files: ending === 'prisma' ? [{path: join(folder, path), text: 'model Post {\n}'}] : [],
      migrations: null,
      contract: {
        path: join(folder, path),
        indexes: [
          {schema: 'public', table: 'Post', columns: ['authorId'], name: 'Post_authorId_idx_e47547ed'},
        ],
      },
    });
  },
);
