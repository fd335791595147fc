import type {Story} from './story.ts';

const storefront = (index: number) => ({
  role: 'storefront_app',
  application_name: 'storefront',
  address: `127.0.0.${11 + (index % 3)}`,
});

export const story: Story = {
  name: 'lock-queue',
  title: 'A migration waits behind a report, and every session behind the migration',
  page: 'storefront: p99 above 30 s on /orders, P2024 from all pods. Deploy 214 is stuck in its migration.',
  async prepare(stage) {
    for (const role of ['storefront_app', 'migrator', 'reporting']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL, total integer NOT NULL);
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO orders SELECT n, n % 1000, n % 977 FROM generate_series(1, 20000) n;
INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 1000) n;
CREATE VIEW revenue_by_customer AS
  SELECT customer_id, sum(total + (pg_sleep(0.2) IS NULL)::integer) AS revenue FROM orders GROUP BY customer_id;
CREATE VIEW product_margins AS SELECT name, (pg_sleep(0.5) IS NULL)::integer AS margin FROM products;
ALTER TABLE orders OWNER TO migrator;
GRANT SELECT ON revenue_by_customer, product_margins TO reporting;`);
    await stage.analyze();
  },
  async start(stage) {
    // A session in transaction that holds a lock on a table which only readers use, and another long report.
    const psql = await stage.connect({application_name: 'psql', address: '127.0.0.21'});
    await psql.query('BEGIN');
    await psql.query('SELECT count(*) FROM products');
    const metabase = await stage.connect({
      role: 'reporting',
      application_name: 'metabase',
      address: '127.0.0.22',
    });
    metabase.query('SELECT * FROM product_margins ORDER BY margin').catch(() => {});
    const report = await stage.connect({
      role: 'reporting',
      application_name: 'nightly-report',
      address: '127.0.0.23',
    });
    report
      .query('SELECT customer_id, revenue FROM revenue_by_customer ORDER BY revenue DESC')
      .catch(() => {});
    await stage.until(
      "SELECT count(*) = 2 FROM pg_stat_activity WHERE usename = 'reporting' AND wait_event = 'PgSleep'",
    );
    for (let index = 0; index < 24; index++) {
      // Some statements use other tables, and go on.
      const sql =
        index % 8 === 7
          ? 'SELECT "public"."products"."id", "public"."products"."name" FROM "public"."products" WHERE "public"."products"."id" = $1'
          : 'SELECT "public"."orders"."id", "public"."orders"."total" FROM "public"."orders" WHERE "public"."orders"."id" = $1';
      await stage.loop(storefront(index), client => client.query(sql, [1 + index]), {pause_ms: 100});
    }
    const migration = await stage.connect({
      role: 'migrator',
      application_name: 'deploy-214',
      address: '127.0.0.31',
    });
    migration.query('ALTER TABLE "orders" ADD COLUMN "gift_note" TEXT').catch(() => {});
    await stage.until('SELECT count(*) >= 22 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'lock-queue',
    recipe: 'release-blockers',
    summary:
      /^ALTER TABLE orders \(deploy-214\/migrator, \d+s\) waits behind a SELECT \(nightly-report\/reporting, \d+s\); 21 sessions queue behind it$/,
    within_seconds: 10,
  },
  innocents: ['psql', 'metabase'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy-214'",
    );
  },
  solution: [
    'The migration needed an ACCESS EXCLUSIVE lock on orders, and waited for the report that reads it.',
    'Every later request for orders queued behind the migration, although it would not have conflicted with the report.',
    'Cancelling the migration freed all of them immediately; with a lock_timeout it would have failed by itself.',
  ],
};
