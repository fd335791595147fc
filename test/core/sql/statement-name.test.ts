import {expect, it} from 'vitest';
import {changesSchema, statementName} from '../../../source/core/sql/statement-name.ts';

it.each([
  [null, ''],
  ['', ''],
  ['SELECT 1', 'a SELECT'],
  ['/* app */ select "id" FROM "Order" WHERE "id" = $1', 'a SELECT'],
  ['WITH recent AS (SELECT 1) SELECT * FROM recent', 'a SELECT'],
  ['WITH gone AS (DELETE FROM jobs WHERE id = 1 RETURNING *) SELECT * FROM gone', 'DELETE FROM jobs'],
  ['SELECT "id" FROM "public"."Order" WHERE "id" = 3 FOR UPDATE', 'SELECT FOR UPDATE of public.Order'],
  [
    'SELECT 1 FROM ONLY "public"."users" x WHERE id = $1 FOR KEY SHARE OF x',
    'SELECT FOR KEY SHARE of public.users',
  ],
  ['UPDATE "public"."Order" SET "total" = $1 WHERE "id" = $2', 'UPDATE public.Order'],
  ['delete from only accounts where id = 5', 'DELETE FROM accounts'],
  ["INSERT INTO events (note) VALUES ('DELETE FROM secrets')", 'INSERT INTO events'],
  ['COPY public.orders (id) TO STDOUT', 'COPY public.orders'],
  ['ALTER TABLE "orders"\n  ADD COLUMN "note" text', 'ALTER TABLE orders'],
  ['alter table if exists only shop.orders alter column id type bigint', 'ALTER TABLE shop.orders'],
  ['CREATE UNIQUE INDEX CONCURRENTLY "a_idx" ON "orders" ("a")', 'CREATE INDEX CONCURRENTLY on orders'],
  ['CREATE INDEX ON orders (a)', 'CREATE INDEX on orders'],
  ['LOCK TABLE orders IN SHARE MODE', 'LOCK TABLE orders'],
  ['LOCK orders', 'LOCK TABLE orders'],
  ['VACUUM (FULL, ANALYZE) orders', 'VACUUM FULL orders'],
  ['VACUUM orders', 'VACUUM orders'],
  ['REPACK (CONCURRENTLY) shop.orders', 'REPACK shop.orders'],
  ['REFRESH MATERIALIZED VIEW totals', 'REFRESH MATERIALIZED VIEW totals'],
  ['TRUNCATE TABLE orders', 'TRUNCATE orders'],
  ['COMMIT', 'COMMIT'],
  ["SET application_name = 'x'", 'SET'],
  ['SET ROLE app', 'SET ROLE'],
  ['CREATE TYPE mood AS ENUM ()', 'CREATE TYPE'],
])('names %s', (sql, expected) => {
  expect(statementName(sql)).toBe(expected);
});

it('is short, and free of literals, whatever the statement', () => {
  expect(statementName(`UPDATE "${'x'.repeat(200)}" SET a = 1`).length).toBeLessThan(60);
  expect(statementName("NOTIFY secret_channel, 'token'")).toBe('NOTIFY');
});

it.each([
  ['ALTER TABLE a ADD b int', true],
  [' lock table a', true],
  ['SELECT 1', false],
  [null, false],
])('knows whether %s changes the schema', (sql, expected) => {
  expect(changesSchema(sql)).toBe(expected);
});
