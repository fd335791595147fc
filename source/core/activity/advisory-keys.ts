/** Keys of pg_advisory_lock(bigint) that a tool uses in every database. */
const fixedKeys: ReadonlyMap<string, string> = new Map([
  // schema-engine's PostgreSQL flavour.
  ['72707369', 'Prisma Migrate'],
  // hashtext('prisma_8.contract.marker:public:app') of PostgreSQL: an application's migrations in the schema public.
  ['-2059992126', 'Prisma 8'],
  // PG_MIGRATE_LOCK_ID in runner.ts.
  ['7241865325823964', 'node-pg-migrate'],
  // App::Sqitch::Engine::pg.
  ['75474063', 'Sqitch'],
  // lock.DefaultLockID.
  ['4097083626', 'goose'],
]);

/** PostgreSQLAdvisoryLockTemplate adds the hash code of its history table, an int, to the letters "Flyway". */
const flyway = 77_431_708_279_161n;

/** Who takes an advisory lock of one bigint key, by the key alone; null if it is not a known one. */
export function advisoryKeyOwner(key: bigint, database: string): string | null {
  const fixed = fixedKeys.get(String(key));
  if (fixed !== undefined) return fixed;
  if (key >= flyway - 2n ** 31n && key < flyway + 2n ** 31n) return 'Flyway';
  const ofDatabase = BigInt(crc32(database));
  // MIGRATOR_SALT in active_record/migration.rb.
  if (key === 2_053_462_845n * ofDatabase) return 'Rails migrations';
  // generate_lock_id in sqlx-postgres/src/migrate.rs.
  if (key === 0x3d_32_ad_9en * ofDatabase) return 'sqlx migrate';
  // GenerateAdvisoryLockId in database/util.go, for the table that it takes by default.
  const ofTable = BigInt(crc32(`public\0schema_migrations\0${database}`));
  return key === BigInt.asUintN(32, ofTable * 1_486_364_155n) ? 'golang-migrate' : null;
}

/** CRC-32 as in zlib, of the text as UTF-8. */
function crc32(text: string): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xed_b8_83_20 : 0);
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}
