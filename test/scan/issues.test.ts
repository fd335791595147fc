import {describe, expect, test} from 'vitest';
import {scan} from './scan-blog.ts';

/** The issues of a route handler with this body, without those that all of them have. */
async function kindsOf(body: string): Promise<string[]> {
  const {endpoints} = await scan({
    'lib/prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.ts': `import {PrismaClient} from '@prisma/client';\nimport {prisma} from '../../lib/prisma';\nimport {sendMail} from 'mailer';\nconst shared = new PrismaClient();\nexport async function GET(request: Request) {\nconst {id, ids} = await request.json();\n${body}\n}`,
  });
  return endpoints.flatMap(({issues}) => issues.map(({kind}) => kind)).toSorted();
}

describe('an issue', () => {
  test.each<[body: string, kinds: string[]]>([
    [
      'for (const each of ids) { await prisma.user.update({where: {id: each}, data: {}}); }',
      ['query-in-loop'],
    ],
    [
      'for (let i = 0; i < ids.length; i += 1) { await prisma.user.count({where: {id: ids[i]}}); }',
      ['query-in-loop'],
    ],
    [
      'for (const each of processBatch(ids)) await prisma.user.count({where: {id: each}});',
      ['query-in-loop'],
    ],
    ['let i = 0; while (i++ < ids.length) { await prisma.user.count(); }', ['query-in-loop']],
    [
      'for (let i = 0; i < 12; i++) { const d = new Date(); d.setMonth(i); await prisma.post.count({where: {at: d}}); }',
      ['date-loop'],
    ],
    [
      'await Promise.all(ids.map((each: number) => prisma.user.findUnique({where: {id: each}})))',
      ['parallel-per-item'],
    ],
    [
      'for (let i = 0; i < ids.length; i += 10) { await Promise.all(ids.slice(i, i + 10).map((each: number) => prisma.user.count({where: {id: each}}))); }',
      ['query-in-loop'],
    ],
    [
      'for (const each of ids) { const day = startOfDay(each.createdAt); await prisma.post.count({where: {at: day}}); }',
      ['query-in-loop'],
    ],
    [
      'await prisma.$transaction(async tx => { const count = () => prisma.$transaction(async own => own.user.count()); await count(); })',
      ['second-connection'],
    ],
    ['const db = new PrismaClient(); await db.user.count();', ['client-per-request']],
    [
      'await prisma.$transaction(ids.map((each: number) => prisma.user.delete({where: {id: each}})))',
      ['query-in-loop'],
    ],
    [
      'await Promise.all([prisma.user.count(), prisma.post.count(), prisma.comment.count(), prisma.profile.count()])',
      ['parallel-overload'],
    ],
    [
      "await Promise.all([prisma.user.count({where: {role: 'a'}}), prisma.user.count({where: {role: 'b'}}), prisma.user.count({where: {role: 'c'}})])",
      ['count-per-value'],
    ],
    ['await prisma.user.findMany({where: {role: id}})', ['unbounded-find']],
    ['await prisma.user.findUnique({where: {id}, include: {posts: true}})', ['unbounded-include']],
    ['await prisma.orm.public.User.where({id}).all()', ['unbounded-find']],
    [
      'await prisma.post.findMany({take: 5, include: {author: {include: {posts: {select: {id: true}}}}}})',
      ['unbounded-include'],
    ],
    [`await prisma.$queryRawUnsafe(\`SELECT * FROM "User" WHERE id = \${id}\`)`, ['raw-interpolation']],
    ['await prisma.$executeRawUnsafe("DELETE FROM x WHERE id = " + id)', ['raw-interpolation']],
    [
      'await prisma.$transaction(async tx => { await tx.user.count(); await fetch("https://x.test"); })',
      ['transaction-awaits'],
    ],
    [
      'await prisma.$transaction(async tx => { await tx.user.count(); await sendMail(id); })',
      ['transaction-awaits'],
    ],
    [
      'await prisma.$transaction(async tx => { await tx.user.count(); await prisma.post.count(); })',
      ['second-connection'],
    ],
    [
      'const a = await prisma.user.count(); const b = await prisma.post.count(); return {a, b};',
      ['independent-awaits'],
    ],
    [
      'const [a] = await Promise.all([prisma.user.count(), prisma.post.count()]); const [b] = await Promise.all([prisma.comment.count(), prisma.profile.count()]); return {a, b};',
      ['parallel-in-a-row'],
    ],
    [
      'const user = await prisma.user.findUnique({where: {id}}); if (!user) return null; await prisma.post.create({data: {}});',
      ['whole-record'],
    ],
    ['const user = await prisma.user.findUnique({where: {id}}); return user?.email;', ['whole-record']],
    [
      'const a = await prisma.user.findFirst({where: {role: id}, select: {id: true}}); const b = await prisma.post.count({where: {authorId: a?.id}}); const c = await prisma.user.findFirst({where: {role: id}, select: {id: true}}); return [b, await prisma.post.count({where: {authorId: c?.id}})];',
      ['duplicate-query', 'independent-awaits'],
    ],
  ])('%s', async (body, kinds) => {
    expect(await kindsOf(body)).toEqual(kinds);
  });
});

describe('no issue', () => {
  test.each([
    [
      'a retry',
      'for (let i = 0; i < 3; i++) { try { return await prisma.user.create({data: {}}); } catch {} }',
    ],
    [
      'reading page by page',
      'let cursor = 0; while (true) { const page = await prisma.user.findMany({take: 500, skip: cursor}); if (page.length === 0) break; cursor += 500; }',
    ],
    [
      'three queries at once',
      'await Promise.all([prisma.user.count(), prisma.post.count(), prisma.comment.count()])',
    ],
    [
      'a loop over batches',
      'const batches = chunk(ids, 100); for (const batch of batches) await prisma.user.updateMany({where: {id: {in: batch}}, data: {}}); for (let i = 0; i < ids.length; i += 100) await prisma.post.deleteMany({where: {id: {in: ids.slice(i, i + 100)}}});',
    ],
    [
      'a loop over what splits a list',
      'for (const batch of lists.splitIntoChunks<number>(ids, 100)) await prisma.user.deleteMany({where: {id: {in: batch}}}); for await (const batch of inBatches(ids)) await prisma.post.deleteMany({where: {id: {in: batch}}});',
    ],
    [
      'counts that one groupBy cannot make',
      "await Promise.all([prisma.user.count(), prisma.user.count({where: {role: 'a'}}), prisma.user.count({where: {id: {gt: 5}}})])",
    ],
    [
      'a set of rows per pass of a condition',
      'let level = ids; while (level.length > 0) { const found = await prisma.post.findMany({where: {id: {in: level}}}); level = found.map(each => each.authorId); }',
    ],
    ['a name that no parameter can be', `await prisma.$executeRawUnsafe(\`SET search_path TO "\${id}"\`)`],
    [
      'the same query in two conditions',
      'if (id > 5) await prisma.user.count({where: {role: id}}); if (id < 5) await prisma.user.count({where: {role: id}});',
    ],
    [
      'the same query after a write in a transaction, and again in a catch',
      'const a = await prisma.user.count(); await prisma.$transaction(async tx => { await tx.user.create({data: {}}); }); const b = await prisma.user.count(); try { await prisma.post.create({data: {}}); } catch { const c = await prisma.user.count(); return [a, b, c]; }',
    ],
    [
      'a check before a read',
      'const check = async () => prisma.user.findFirstOrThrow({where: {id}, select: {id: true}}); await check(); const n = await prisma.post.count(); return n;',
    ],
    [
      'a transaction of its own where there is none',
      'const count = (tx: unknown) => (tx ? tx.user.count() : prisma.$transaction(async own => own.user.count())); await prisma.$transaction(async tx => count(tx));',
    ],
    ['a client that all requests share', 'const db = shared; await db.user.count();'],
    ['a find by unique values', 'await prisma.user.findMany({where: {id: {in: ids}}})'],
    ['options that a spread may bound', 'const page = {...ids}; await prisma.user.findMany({...page})'],
    ['options that come from elsewhere', 'await prisma.user.findMany(ids)'],
    ['relations to one', 'await prisma.post.findMany({take: 5, include: {author: true}})'],
    ['a relation with take', 'await prisma.user.findUnique({where: {id}, include: {posts: {take: 5}}})'],
    [
      'a relation by unique values',
      'await prisma.user.findUnique({where: {id}, include: {posts: {where: {id: {in: ids}}}}})',
    ],
    [
      'a count of a relation',
      'await prisma.user.findUnique({where: {id}, include: {_count: {select: {posts: true}}}})',
    ],
    ['a raw text without values', 'await prisma.$queryRawUnsafe("SELECT 1")'],
    ['parameters', `await prisma.$queryRaw\`SELECT * FROM "User" WHERE id = \${id}\``],
    [
      'awaits that need each other',
      'const user = await prisma.user.findFirst({select: {id: true}}); const n = await prisma.post.count({where: {authorId: user?.id}}); return n;',
    ],
    [
      'awaits with a check between',
      'const a = await prisma.user.count(); if (a > 5) return null; return prisma.post.count();',
    ],
    ['writes in order', 'await prisma.user.create({data: {}}); await prisma.post.create({data: {}});'],
    [
      'reads of one transaction',
      'await prisma.$transaction(async tx => { const a = await tx.user.count(); const b = await tx.post.count(); return a + b; })',
    ],
    [
      'a record that is used',
      'const user = await prisma.user.findUnique({where: {id}}); return Response.json(user);',
    ],
    [
      'a record of which two fields are used',
      'const user = await prisma.user.findUnique({where: {id}}); return [user?.email, user?.role];',
    ],
    ['a query that never runs', 'prisma.user.findMany();'],
    [
      'the same query in two branches',
      'if (id) return prisma.user.count({where: {role: id}}); return prisma.user.count({where: {role: id}});',
    ],
    [
      'the same query after a write',
      'const a = await prisma.user.count(); await prisma.user.create({data: {}}); return [a, await prisma.user.count()];',
    ],
  ])('%s', async (_name, body) => {
    expect(await kindsOf(body)).toEqual([]);
  });
});

test('a comment with a reason accepts an issue, one without does not', async () => {
  const loop = 'for (const id of [1, 2, 3, 4]) await prisma.user.count();';
  const {endpoints, accepted} = await scan({
    'lib/prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/a/route.ts': `import {prisma} from '../../lib/prisma';\nexport async function GET() {\n// poolctl-accept query-in-loop: four at most\n${loop}\n}`,
    'app/b/route.ts': `import {prisma} from '../../lib/prisma';\nexport async function GET() {\n// poolctl-accept query-in-loop\n${loop}\n}`,
    'app/c/route.ts': `import {prisma} from '../../lib/prisma';\nexport async function GET() {\n${loop} // poolctl-accept date-loop, query-in-loop: four\n}`,
  });
  const shown = endpoints.map(({route, severity, issues}) => [route, severity, issues.length]).toSorted();
  expect(shown).toEqual([
    ['GET /a', 'low', 0],
    ['GET /b', 'high', 1],
    ['GET /c', 'low', 0],
  ]);
  expect(accepted).toEqual([
    {kind: 'query-in-loop', file: 'app/a/route.ts', line: 4, reason: 'four at most'},
    {kind: 'query-in-loop', file: 'app/c/route.ts', line: 3, reason: 'four'},
  ]);
});
