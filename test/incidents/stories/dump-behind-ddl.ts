import type {Story} from '../../../source/demo/stories/story.ts';

/** pg_dump holds AccessShare on every table and copies the largest one; a migration waits for it, and the checkout for the migration. */
export const story: Story = {
  name: 'dump-behind-ddl',
  title: 'A migration waits behind the nightly dump',
  page: 'checkout hangs since the deploy. Nothing runs on orders.',
  async prepare(stage) {
    for (const role of ['shop', 'migrator', 'backup', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO orders SELECT n, n % 900 FROM generate_series(1, 5000) n;
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 1000) n;
CREATE VIEW audit_log AS SELECT n, pg_sleep(0.05)::text FROM generate_series(1, 100000) n;
CREATE VIEW product_margins AS SELECT name, (pg_sleep(0.5) IS NULL)::integer AS margin FROM products;
ALTER TABLE orders OWNER TO migrator;
GRANT ALL ON orders TO shop;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup;
GRANT SELECT ON product_margins TO analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT * FROM product_margins ORDER BY margin').catch(() => {});
    const dump = await stage.connect({role: 'backup', application_name: 'pg_dump', address: '127.0.0.32'});
    await dump.query('BEGIN');
    await dump.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await dump.query('LOCK TABLE public.orders, public.products IN ACCESS SHARE MODE');
    dump.query('COPY (SELECT * FROM audit_log) TO STDOUT').catch(() => {});
    for (let index = 0; index < 16; index++) {
      const sql =
        index % 8 === 7
          ? 'SELECT "name" FROM "products" WHERE "id" = $1'
          : 'SELECT "cents" FROM "orders" WHERE "id" = $1';
      await stage.loop(
        {role: 'shop', application_name: 'checkout', address: `127.0.0.${11 + (index % 3)}`},
        client => client.query(sql, [1 + index]),
        {pause_ms: 80},
      );
    }
    const migration = await stage.connect({
      role: 'migrator',
      application_name: 'deploy-88',
      address: '127.0.0.41',
    });
    migration.query('ALTER TABLE "orders" ADD COLUMN "note" TEXT').catch(() => {});
    await stage.until('SELECT count(*) >= 15 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'lock-queue',
    recipe: 'release-blockers',
    summary:
      /^ALTER TABLE orders \(deploy-88\/migrator, \d+s\) waits behind .*\(pg_dump\/backup, \d+s\); 14 sessions queue behind it$/,
    within_seconds: 10,
  },
  innocents: ['metabase', 'checkout', 'pg_dump'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy-88'",
    );
  },
  solution: [
    'pg_dump locks every table in ACCESS SHARE mode until it ends, also those that it has copied.',
    'The migration was cancelled, and runs with a lock_timeout after the dump.',
  ],
};
