import {expect, test} from 'vitest';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

const schema = `
model User {
  id Int @id
}
model Folder {
  id     Int    @id
  teamId Int
  path   String
  @@unique([teamId, path])
  @@index([path])
}
`;

async function kindsOf(body: string): Promise<string[]> {
  const app = await createApp({
    'prisma/schema.prisma': schema,
    'app/x/route.ts': `import {PrismaClient} from '@prisma/client';
import {cache} from 'react';
const cachedCount = cache(async () => prisma.user.count());
const prisma = new PrismaClient();
let known: Promise<number> | undefined;
const store = {};
function count() { if (!known) known = prisma.user.count(); return known; }
async function inTransaction(fn: (each: Prisma.TransactionClient) => Promise<unknown>) {
  if (store.own) return fn(store.own);
  return prisma.$transaction(async each => fn(new Proxy(each, {})));
}
async function runAll(ids, work) {
  const workers = Array.from({length: Math.min(3, ids.length)}, async () => { for (const id of ids) await work(id); });
  await Promise.all(workers);
}
export async function GET(request: Request) {\nconst {id, ids} = await request.json();\n${body}\n}`,
  });
  const {endpoints} = await scanDirectory(app);
  return endpoints.flatMap(({issues}) => issues.map(({kind}) => kind)).toSorted();
}

test.each<[body: string, kinds: string[]]>([
  ['for (const each of ids) await count();', []],
  [
    'for (const each of ids) { await count(); await prisma.user.update({where: {id: each}, data: {}}); }',
    ['query-in-loop'],
  ],
  [
    'let own; for (const each of ids) { if (!own) own = await prisma.user.count(); own = null; }',
    ['query-in-loop'],
  ],
  [
    'const each = {id, n: 0}; for (const _ of ids) { if (!each.n) each.n = await prisma.user.count(); }',
    ['query-in-loop'],
  ],
  [
    'for (const each of ids) { if (!each.user) each.user = await prisma.user.findUnique({where: {id: each.id}}); }',
    ['query-in-loop'],
  ],
  [
    'const load = async each => { if (!each.user) each.user = await prisma.user.findUnique({where: {id: each.id}}); }; for (const each of ids) await load(each);',
    ['query-in-loop'],
  ],
  [
    'for (const each of ids) { if (!store[each].count) store[each].count = await prisma.user.count(); }',
    ['query-in-loop'],
  ],
  ['for (const each of ids) { if (!store.count) store.count = await prisma.user.count(); }', []],
  [
    'class Kept { async get() { if (!this.count) this.count = await prisma.user.count(); } } const kept = new Kept(); for (const each of ids) await kept.get();',
    [],
  ],
  [
    'await runAll(ids, id => prisma.user.update({where: {id}, data: {}}));',
    ['query-in-loop', 'query-in-loop'],
  ],
  ...[
    'Math.min(200, ids.length)',
    'Math.min(ids.length, 200)',
    'Math.min(limit, ids.length)',
    'pageLimit',
  ].map((length): [string, string[]] => [
    `await Promise.all(Array.from({length: ${length}}, () => prisma.user.count()));`,
    ['parallel-per-item'],
  ]),
  ...['Math.min(3, ids.length)', 'Math.min(ids.length, 3)', 'concurrency', 'maxWorkers'].map(
    (length): [string, string[]] => [
      `await Promise.all(Array.from({length: ${length}}, () => prisma.user.count()));`,
      ['query-in-loop'],
    ],
  ),
  [
    'const one = async () => { await cachedCount(); return prisma.folder.count(); }; await Promise.all([cachedCount(), one(), prisma.folder.findFirst({select: {id: true}}), one()]);',
    [],
  ],
  [
    'const one = async () => { await cachedCount(); return prisma.folder.count(); }; await Promise.all([one(), one(), one(), one()]);',
    ['parallel-overload'],
  ],
  [
    'const one = () => Promise.all([cachedCount(), prisma.folder.count()]); await Promise.all([one(), one(), one()]);',
    ['parallel-overload'],
  ],
  [
    'await inTransaction(async each => { await Promise.all(ids.map(id => each.user.update({where: {id}, data: {}}))); });',
    ['query-in-loop'],
  ],
  ['await prisma.folder.findMany({where: {teamId: id, path: {in: ids}}});', []],
  ['await prisma.folder.findMany({where: {path: {in: ids}}});', ['unbounded-find']],
  [
    'let slug = id; await prisma.user.findUnique({where: {id: slug}, select: {id: true}}); slug = id + 1; await prisma.user.findUnique({where: {id: slug}, select: {id: true}});',
    ['independent-awaits'],
  ],
  [
    'const slug = id; await prisma.user.findUnique({where: {id: slug}, select: {id: true}}); await request.text(); await prisma.user.findUnique({where: {id: slug}, select: {id: true}});',
    ['duplicate-query', 'independent-awaits'],
  ],
])('%s', async (body, kinds) => {
  expect(await kindsOf(body)).toEqual(kinds);
});
