import {expect, test} from 'vitest';
import {
  count,
  create,
  findMany,
  findUnique,
  groupBy,
  tagged,
  update,
} from '../../../source/demo/requests/prisma-sql.ts';

test.each([
  [
    count('users', {role: 'teacher'}),
    'SELECT COUNT(*) AS "_count$_all" FROM (SELECT "public"."users"."id" FROM "public"."users" WHERE "public"."users"."role" = $1 OFFSET $2) AS "sub"',
    ['teacher', 0],
  ],
  [
    findMany('t', ['id', 'a'], {a: ['>=', 1], b: ['IN', ['x', 'y']]}, {orderBy: 'a', take: 5}),
    'SELECT "public"."t"."id", "public"."t"."a" FROM "public"."t" WHERE ("public"."t"."a" >= $1 AND "public"."t"."b" IN ($2,$3)) ORDER BY "public"."t"."a" DESC LIMIT $4 OFFSET $5',
    [1, 'x', 'y', 5, 0],
  ],
  [findMany('t', ['id']), 'SELECT "public"."t"."id" FROM "public"."t" WHERE 1=1 OFFSET $1', [0]],
  [
    findUnique('t', ['id'], 9),
    'SELECT "public"."t"."id" FROM "public"."t" WHERE ("public"."t"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3',
    [9, 1, 0],
  ],
  [
    groupBy('t', ['a']),
    'SELECT COUNT("public"."t"."id") AS "_count$id", "public"."t"."a" FROM "public"."t" WHERE 1=1 GROUP BY "public"."t"."a" OFFSET $1',
    [0],
  ],
  [
    update('t', 9, {a: 1, b: 2}),
    'UPDATE "public"."t" SET "a" = $1, "b" = $2 WHERE ("public"."t"."id" = $3 AND 1=1)',
    [1, 2, 9],
  ],
  [
    create('t', {a: 1, b: 2}),
    'INSERT INTO "public"."t" ("a","b") VALUES ($1,$2) RETURNING "public"."t"."id"',
    [1, 2],
  ],
])('statement %# is what Prisma sends', (query, text, values) => {
  expect(query).toEqual({text, values});
});

test('tags are at the end, sorted and encoded', () => {
  const query = tagged({text: 'SELECT 1', values: []}, {route: '/api/a b', action: 'bulk'});
  expect(query.text).toBe(`SELECT 1 /*action='bulk',route='%2Fapi%2Fa%20b'*/`);
});
