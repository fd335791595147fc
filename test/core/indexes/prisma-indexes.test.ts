import {describe, expect, it} from 'vitest';
import {applyChange, invertChange} from '../../../source/core/engine/step.ts';
import {
  lackingIndexes,
  nextMigration,
  prismaSteps,
  readModels,
  withDeclaredNames,
} from '../../../source/core/indexes/prisma-indexes.ts';
import type {PrismaSchema} from '../../../source/model/application.ts';
import type {IndexProposal} from '../../../source/model/index-advice.ts';
import {createCatalog, createIndex, createProposal, createTable} from '../../helpers/catalog.ts';

const path = '/app/prisma/schema.prisma';
const text = `datasource db {
  provider = "postgresql"
}

// model Ghost {
// }

model Order {
  id        Int      @id // @map("nope")
  userId    Int      @map("user_id")
  createdAt DateTime @default(now()) @map(name: "created_at")
  settings  Json     @default("{}")
  user      User     @relation(fields: [userId], references: [id])

  @@unique([userId, createdAt])
  @@map("orders")
}

model User {
  id     Int @id
  orders Order[]
}

enum Level {
  LOW
}
`;
const schema: PrismaSchema = {
  files: [{path, text}],
  migrations: {folder: '/app/prisma/migrations', names: ['20240131235959_init', '20231231000000_older', 'x']},
};

/** The schema after the file steps for these proposals. */
function schemaWith(...proposals: IndexProposal[]): string {
  let changed: string | null | undefined = text;
  for (const step of prismaSteps(proposals, schema, '20250101000000_add_indexes')) {
    if (step.kind === 'file' && step.path === path) changed = applyChange(changed ?? null, step.change);
  }
  if (typeof changed !== 'string') throw new Error('the steps do not fit');
  return changed;
}

function addedBy(proposal: IndexProposal): string[] {
  const lines = schemaWith(proposal).split('\n');
  return lines.filter(line => !text.split('\n').includes(line)).map(line => line.trim());
}

describe('a Prisma schema', () => {
  it('is parsed into models with names, tables and columns', () => {
    expect(
      readModels(schema).map(({name, table, fields}) => [name, table, Object.fromEntries(fields)]),
    ).toEqual([
      [
        'Order',
        'orders',
        {id: 'id', user_id: 'userId', created_at: 'createdAt', settings: 'settings', user: 'user'},
      ],
      ['User', 'User', {id: 'id', orders: 'orders'}],
    ]);
  });

  it('is parsed without models in block comments, and with comments in models', () => {
    const models = `/* once:\nmodel Order {\n  id Int\n}\n*/\nmodel Order { /* now */\n  id Int /* key */\n}\n`;
    const found = readModels({files: [{path, text: models}], migrations: null});
    expect(found.map(({text: own}) => own)).toEqual(['model Order { /* now */\n  id Int /* key */\n}']);
  });

  it.each<[string, Partial<IndexProposal>, string[]]>([
    ['fields by their columns', {}, ['@@index([userId])']],
    [
      'several, with their order',
      {
        columns: [{expression: '"user_id"'}, {expression: '"created_at"', order: 'DESC'}],
        name: 'orders_user_id_created_at_idx',
      },
      ['@@index([userId, createdAt(sort: Desc)])'],
    ],
    ["a name that is not Prisma's own", {name: 'by_user'}, ['@@index([userId], map: "by_user")']],
    [
      'GIN, with its operator class',
      {columns: [{expression: '"settings" jsonb_path_ops'}], method: 'gin', name: 'orders_settings_idx'},
      ['@@index([settings(ops: JsonbPathOps)], type: Gin)'],
    ],
    [
      'unique ones, as a migration has them',
      {
        definition:
          'CREATE UNIQUE INDEX CONCURRENTLY "orders_user_id_key" ON "public"."orders" USING btree ("user_id")',
        name: 'orders_user_id_key',
      },
      ['@@unique([userId])'],
    ],
    [
      'no INCLUDE',
      {
        definition:
          'CREATE INDEX CONCURRENTLY "a" ON "public"."orders" USING btree ("user_id") INCLUDE ("id")',
      },
      [],
    ],
    ['no partial index', {predicate: '(user_id > 5)'}, []],
    ['no expression', {columns: [{expression: 'lower("status")'}]}, []],
    ['no NULLS LAST', {columns: [{expression: '"user_id"', order: 'DESC NULLS LAST'}]}, []],
    ['no column without a field', {columns: [{expression: '"hidden"'}]}, []],
    ['no table without a model', {table: 'elsewhere'}, []],
  ])('gets %s', (_what, overrides, lines) => {
    expect(addedBy(createProposal(overrides))).toEqual(lines);
  });

  it('gets index lines at the end of the model, after a blank line', () => {
    const user = createProposal({table: 'User', columns: [{expression: '"id"'}], name: 'User_id_idx'});
    const changed = schemaWith(createProposal(), user);
    expect(changed).toContain('  @@map("orders")\n  @@index([userId])\n}');
    expect(changed).toContain('  orders Order[]\n\n  @@index([id])\n}');
  });

  it('gets all index lines of one model in one step', () => {
    const second = createProposal({columns: [{expression: '"created_at"'}], name: 'orders_created_at_idx'});
    const changed = schemaWith(createProposal(), second);
    expect(changed).toContain('  @@map("orders")\n  @@index([userId])\n  @@index([createdAt])\n}');
  });

  it('is unchanged if it has the index under any name', () => {
    const has = {
      ...schema,
      files: [
        {path, text: text.replace('@@map("orders")', '@@index([ userId ], map: "x")\n  @@map("orders")')},
      ],
    };
    expect(prismaSteps([createProposal()], has, 'm').map(step => step.kind === 'file' && step.path)).toEqual([
      '/app/prisma/migrations/m/migration.sql',
    ]);
  });

  it('gets a partial index where the preview feature is on', () => {
    const generator = 'generator client {\n  previewFeatures = ["partialIndexes"]\n}\n';
    const files = [{path, text: generator + text}];
    const proposal = createProposal({predicate: '"user_id" IS NOT NULL'});
    const [step] = prismaSteps([proposal], {...schema, files}, 'm');
    expect(step?.kind === 'file' && step.diff).toContain(
      '+  @@index([userId], where: raw("user_id IS NOT NULL"))',
    );
  });

  it('gives its declared names to indexes that the server lacks, and names those first', () => {
    const declared = text.replace(
      '@@map("orders")',
      '@@index([userId], map: "idx_y")\n  @@index([createdAt])\n  @@map("orders")',
    );
    const app = {...schema, files: [{path, text: declared}]};
    const catalog = createCatalog({
      indexes: [createIndex({name: 'orders_created_at_idx', columns: ['created_at']})],
    });
    expect(lackingIndexes(app, catalog)).toEqual(['idx_y on public.orders (user_id)']);
    expect(withDeclaredNames([createProposal()], app, catalog)).toMatchObject([
      {
        name: 'idx_y',
        definition: 'CREATE INDEX CONCURRENTLY "idx_y" ON "public"."orders" USING btree ("user_id")',
      },
    ]);
    const taken = createCatalog({indexes: [createIndex({name: 'idx_y'})]});
    expect(withDeclaredNames([createProposal()], app, taken)).toEqual([createProposal()]);
    const byTable = createCatalog({tables: [createTable(), createTable({oid: '2', name: 'idx_y'})]});
    expect(withDeclaredNames([createProposal()], app, byTable)).toEqual([createProposal()]);
  });

  it('gets advice for an index that it cannot express; the migration contains the index', () => {
    const steps = prismaSteps([createProposal({predicate: '(user_id > 5)'})], schema, 'm');
    expect(steps.map(({kind}) => kind)).toEqual(['file', 'advice']);
    expect(steps[0]).toMatchObject({
      change: {
        kind: 'create',
        text: expect.stringContaining(
          'CREATE INDEX IF NOT EXISTS "orders_user_id_idx" ON "orders" USING btree ("user_id") WHERE (user_id > 5);',
        ),
      },
    });
  });
});

describe('a migration', () => {
  it('is dated one second after the last migration, whenever it is planned', () => {
    expect(nextMigration(schema, 'add_indexes')).toBe('20240201000000_add_indexes');
  });

  it('is not written if the application has no migrations', () => {
    expect(prismaSteps([createProposal()], {...schema, migrations: null}, 'm')).toHaveLength(1);
  });
});

it('changes use the line endings of the file', () => {
  const windows = {...schema, files: [{path, text: `\ufeff${text.replaceAll('\n', '\r\n')}`}]};
  const [step] = prismaSteps([createProposal()], windows, '');
  if (step?.kind !== 'file') throw new Error('no step of a file');
  const changed = applyChange(windows.files[0]?.text ?? null, step.change);
  expect(changed).toContain('@@index([userId])');
  expect(changed?.replaceAll('\r\n', '')).not.toContain('\n');
  expect(applyChange(changed ?? null, invertChange(step.change))).toBe(windows.files[0]?.text);
});

describe('a contract of Prisma 8', () => {
  const file = '/app/src/prisma/contract.prisma';
  const content = 'model Order {\n  id Int @id\n  userId Int @map("user_id")\n  @@map("orders")\n}\n';
  const contract: NonNullable<PrismaSchema['contract']> = {path: file, indexes: []};
  const withContract = (more: Partial<PrismaSchema> = {}): PrismaSchema => ({
    files: [{path: file, text: content}],
    migrations: {folder: '/app/migrations', names: ['app', 'snapshots']},
    contract,
    ...more,
  });
  const definition = 'CREATE INDEX CONCURRENTLY "orders_user_id_idx" ON public.orders (user_id)';
  const proposal = createProposal({table: 'orders', name: 'orders_user_id_idx', definition});

  it('declares an index under its name, and leaves the migration to Prisma', () => {
    const steps = prismaSteps([proposal], withContract(), '20250101000000_add_indexes');
    expect(steps.map(({kind, subject}) => [kind, subject])).toEqual([
      ['file', `file:${file}`],
      ['advice', `file:${file}`],
    ]);
    expect(steps[0]).toMatchObject({
      diff: [' model Order {', '+  @@index([userId], map: "orders_user_id_idx")'],
    });
    expect(steps[1]).toMatchObject({
      text: expect.stringMatching(
        /^prisma contract emit\nprisma migration plan --name add_indexes\nprisma db migrate\n/,
      ),
    });
  });

  it.each<[string, Partial<IndexProposal>, Partial<PrismaSchema>]>([
    ['an order', {definition: definition.replace('user_id)', 'user_id DESC)')}, {}],
    ['an operator class', {definition: definition.replace('user_id)', 'user_id int4_ops)')}, {}],
    ['a condition', {predicate: 'user_id > 0', definition: `${definition} WHERE user_id > 0`}, {}],
    ['a contract in TypeScript', {}, {files: []}],
  ])('says what to declare by hand: %s', (_, own, more) => {
    const steps = prismaSteps([{...proposal, ...own}], withContract(more), '');
    expect(steps.map(({kind}) => kind)).toEqual(['advice']);
    expect(steps[0]).toMatchObject({
      text: expect.stringMatching(/^orders_user_id_idx: declare it in .* yourself/),
    });
  });

  it('plans nothing where the emitted contract has the index', () => {
    const indexes = [{schema: 'public', table: 'orders', columns: ['user_id'], name: 'orders_user_id_idx'}];
    const steps = prismaSteps([proposal], withContract({contract: {...contract, indexes}, files: []}), '');
    expect(steps).toMatchObject([{kind: 'advice', text: expect.stringMatching(/^prisma db migrate\n/)}]);
  });

  it('takes the name that the contract has for an index, and names what the server lacks', () => {
    const indexes = [
      {schema: 'public', table: 'orders', columns: ['user_id'], name: 'Order_userId_idx_e47547ed'},
    ];
    const catalog = createCatalog({
      tables: [createTable({oid: '1', name: 'orders'})],
      indexes: [createIndex({table_oid: '1', columns: ['id']})],
    });
    const named = withDeclaredNames([proposal], withContract({contract: {...contract, indexes}}), catalog);
    expect(named[0]).toMatchObject({
      name: 'Order_userId_idx_e47547ed',
      definition: 'CREATE INDEX CONCURRENTLY "Order_userId_idx_e47547ed" ON public.orders (user_id)',
    });
    expect(lackingIndexes(withContract({contract: {...contract, indexes}}), catalog)).toEqual([
      'Order_userId_idx_e47547ed on public.orders (user_id)',
    ]);
  });
});
