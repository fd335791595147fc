import {expect, it} from 'vitest';
import {concurrently, ifNotExists, plainKeysOf, shapeOf} from '../../../source/core/indexes/index-catalog.ts';

it.each([
  ['CREATE INDEX a ON s.t USING btree (b)', 'CREATE INDEX CONCURRENTLY a ON s.t USING btree (b)'],
  [
    'CREATE UNIQUE INDEX a ON s.t USING btree (b)',
    'CREATE UNIQUE INDEX CONCURRENTLY a ON s.t USING btree (b)',
  ],
  ['create index concurrently if not exists a on t (b)', 'CREATE INDEX CONCURRENTLY a on t (b)'],
])('builds %s concurrently', (definition, text) => {
  expect(concurrently(definition)).toBe(text);
  expect(ifNotExists(definition)).toBe(text.replace('CONCURRENTLY', 'IF NOT EXISTS'));
});

it.each([
  ['ON s.t USING btree ("B", c DESC) WHERE (d > 5)', 'btree (B, c DESC) WHERE (d > 5)'],
  ['ON "s"."t" (a, B desc nulls first)', 'btree (a, b DESC)'],
  ['ON t USING GIN (settings)', 'gin (settings)'],
  ['ON t USING gin("settings" jsonb_path_ops)', 'gin (settings jsonb_path_ops)'],
  [
    'ON "ON x"."t (" USING btree (a ASC, b DESC NULLS LAST, c NULLS FIRST)',
    'btree (a, b DESC NULLS LAST, c NULLS FIRST)',
  ],
  ['', null],
])('reads CREATE INDEX x %s as %s', (text, shape) => {
  expect(shapeOf(`CREATE INDEX x ${text}`)).toBe(shape);
});

it.each([
  'CREATE INDEX "idle ON x USING y" ON "s"."t" USING btree (a)',
  'CREATE UNIQUE INDEX CONCURRENTLY "on" ON ONLY t USING btree (a)',
  'create index if not exists ON_ on t using btree (a)',
  'CREATE INDEX ON t (a)',
])('finds the shape of %s', definition => {
  expect(shapeOf(definition)).toBe('btree (a)');
});

const plain = (name: string, order = '', opclass: string | null = null) => ({name, order, opclass});

it.each([
  ['btree ("a", "b" DESC NULLS LAST)', [plain('a'), plain('b', 'DESC NULLS LAST')]],
  ['gin ("a" jsonb_path_ops)', [plain('a', '', 'jsonb_path_ops')]],
  ['gin ("a" "public"."gin_trgm_ops" DESC)', [plain('a', 'DESC', '"public"."gin_trgm_ops"')]],
  ['btree ("a, ""b""", "USING (")', [plain('a, "b"'), plain('USING (')]],
  ['btree (lower("a"))', null],
  ['btree ("a") INCLUDE ("b")', null],
  ['btree ("a") WHERE (b > 5)', null],
])('reads the columns of %s', (tail, keys) => {
  expect(plainKeysOf(`CREATE INDEX "x" ON "s"."t" USING ${tail}`)).toEqual(keys);
});
