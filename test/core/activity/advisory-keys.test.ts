import {expect, it} from 'vitest';
import {advisoryKeyOwner} from '../../../source/core/activity/advisory-keys.ts';

it.each([
  [72_707_369n, 'Prisma Migrate'],
  [-2_059_992_126n, 'Prisma 8'],
  [7_241_865_325_823_964n, 'node-pg-migrate'],
  // The hash codes of "public"."flyway_schema_history" and of the smallest int.
  [77_431_708_279_161n + 1_160_302_012n, 'Flyway'],
  [77_431_708_279_161n - 2n ** 31n, 'Flyway'],
  [77_431_708_279_161n + 2n ** 31n, null],
  // sqlx's own test: 0x3d32ad9e * crc32("zone").
  [2_771_974_297_191_923_538n, 'sqlx migrate'],
  // crc32("zone") is 2699804679 by zlib.
  [2_053_462_845n * 2_699_804_679n, 'Rails migrations'],
  // golang-migrate's table public.schema_migrations.
  [2_099_747_081n, 'golang-migrate'],
  [1n, null],
  [-72_707_369n, null],
])('the key %s is of %s', (key, owner) => {
  expect(advisoryKeyOwner(key, 'zone')).toBe(owner);
});

it("a key made of another database's name is nobody's", () => {
  expect(advisoryKeyOwner(2_771_974_297_191_923_538n, 'zones')).toBeNull();
});
