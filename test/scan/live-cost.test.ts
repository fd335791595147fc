import {expect, test} from 'vitest';
import {shapeOfStatement} from '../../source/scan/live-cost.ts';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

test.each<[sql: string, table: string | null, verb?: string, columns?: string[]]>([
  [
    'SELECT "public"."User"."id", "public"."User"."email" FROM "public"."User" WHERE ("public"."User"."email" = $1 AND 1=1) LIMIT $2 OFFSET $3',
    'User',
    'select',
    ['email'],
  ],
  [
    'SELECT "t1"."id" FROM "public"."users" AS "t1" WHERE "t1"."role" IN ($1,$2) ORDER BY "t1"."id" ASC',
    'users',
    'select',
    ['role'],
  ],
  [
    'SELECT COUNT(*) FROM (SELECT "public"."User"."id" FROM "public"."User" WHERE "public"."User"."role" = $1 OFFSET $2) AS "sub"',
    'User',
    'count',
    ['role'],
  ],
  [
    'SELECT COUNT(*) AS "_count$_all" FROM (SELECT "public"."User"."id" FROM "public"."User" WHERE 1=1 OFFSET $1) AS "sub"',
    'User',
    'count',
    [],
  ],
  ['INSERT INTO "public"."User" ("email") VALUES ($1) RETURNING "public"."User"."id"', 'User', 'insert', []],
  [
    'UPDATE "public"."User" SET "role" = $1 WHERE ("public"."User"."id" = $2 AND 1=1) RETURNING "id"',
    'User',
    'update',
    ['id'],
  ],
  ['DELETE FROM "public"."User" WHERE "public"."User"."created_at" < $1', 'User', 'delete', ['created_at']],
  ['BEGIN', null],
  ['SELECT now()', null],
])('%s', (sql, table, verb, columns) => {
  expect(shapeOfStatement(sql)).toEqual(table === null ? null : {table, verb, columns});
});

test('a statement whose tags name a route counts for its endpoint, raw SQL in any form of the route', async () => {
  const app = await createApp({
    'prisma/schema.prisma': 'model User {\n  id Int @id\n}',
    'app/(shop)/orders/[id]/route.ts':
      "import {PrismaClient} from '@prisma/client'; const prisma = new PrismaClient(); export async function GET() { await prisma.$queryRaw`SELECT 1`; }\nexport async function POST() { await prisma.$queryRaw`SELECT 1`; }",
  });
  const tagged = (tags: string) => ({
    query: `SELECT sum(x) FROM y /*${tags}*/`,
    calls: 2,
    total_exec_time_ms: 8,
  });
  const {endpoints} = await scanDirectory(
    app,
    [],
    [
      tagged("method='GET',route='%2Fshop%2Forders%2F%3Aid%2F'"),
      tagged("method='GET',route='%2Fshop%2Forders%2F%3Aid%2F'"),
      tagged("route='%2Fother'"),
      tagged("route='%2Fother'"),
      tagged("action='x'"),
    ],
  );
  expect(endpoints.map(({route, live}) => [route, live])).toEqual([
    ['GET /orders/[id]', {statements: 2, calls: 4, total_exec_time_ms: 16, shared_with: 0}],
    ['POST /orders/[id]', null],
  ]);
});

test('endpoints are charged for the statements of their shape, and the dearest comes first', async () => {
  const app = await createApp({
    'prisma/schema.prisma':
      'model User {\n  id Int @id\n  email String @map("mail")\n  role String\n  @@map("users")\n}\nmodel Post {\n  id Int @id\n}',
    'prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/a/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.findMany({take: 1, where: {email: 'a'}}); }",
    'app/b/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.count({where: {role: 'a'}}); await prisma.post.findFirst(); }",
    'app/c/route.ts':
      "import {prisma} from '../../prisma'; export async function GET(request) { await prisma.user.count({where: {role: await request.text()}}); }",
    'app/d/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.deleteMany(); await prisma.user.deleteMany(); }",
  });
  const statement = (query: string | null, calls: number, total_exec_time_ms: number) => ({
    query,
    calls,
    total_exec_time_ms,
  });
  const {endpoints} = await scanDirectory(
    app,
    [],
    [
      statement(
        'SELECT "public"."users"."id" FROM "public"."users" WHERE "public"."users"."mail" = $1 LIMIT $2',
        10,
        50,
      ),
      statement(
        'SELECT "public"."users"."id" FROM "public"."users" WHERE "public"."users"."role" = $1 LIMIT $2',
        7,
        70,
      ),
      statement(
        'SELECT COUNT(*) FROM (SELECT "public"."users"."id" FROM "public"."users" WHERE "public"."users"."role" = $1 OFFSET $2) AS "sub"',
        3,
        900,
      ),
      statement('SELECT "public"."Post"."id" FROM "public"."Post" WHERE 1=1 LIMIT $1', 1, 5),
      statement(null, 99, 9999),
    ],
  );
  expect(endpoints.map(({route, live}) => [route, live])).toEqual([
    ['GET /b', {statements: 2, calls: 4, total_exec_time_ms: 905, shared_with: 1}],
    ['GET /c', {statements: 1, calls: 3, total_exec_time_ms: 900, shared_with: 1}],
    ['GET /a', {statements: 1, calls: 10, total_exec_time_ms: 50, shared_with: 0}],
    ['GET /d', null],
  ]);
});
