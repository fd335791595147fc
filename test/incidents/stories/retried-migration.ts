import type {Story} from '../../../source/demo/stories/story.ts';

/** A migration with a lock_timeout of two seconds is tried again a second after each failure, behind a report of minutes. */
export const story: Story = {
  name: 'retried-migration',
  title: 'A migration that gives up and tries again, every three seconds',
  page: 'shop: latency jumps to 2 s and back, again and again, since the deploy began.',
  async prepare(stage) {
    for (const role of ['shop', 'migrator', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO orders SELECT n, n % 900 FROM generate_series(1, 5000) n;
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 1000) n;
CREATE VIEW revenue AS SELECT id, cents + (pg_sleep(0.1) IS NULL)::integer AS cents FROM orders;
CREATE VIEW product_margins AS SELECT name, (pg_sleep(0.5) IS NULL)::integer AS margin FROM products;
ALTER TABLE orders OWNER TO migrator;
ALTER VIEW revenue OWNER TO migrator;
GRANT ALL ON orders TO shop;
GRANT SELECT ON revenue, product_margins TO analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    for (const [application_name, sql] of [
      ['nightly-report', 'SELECT sum(cents) FROM revenue'],
      ['metabase', 'SELECT * FROM product_margins ORDER BY margin'],
    ] as const) {
      const report = await stage.connect({role: 'analyst', application_name, address: '127.0.0.31'});
      report.query(sql).catch(() => {});
    }
    await stage.until("SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    for (let index = 0; index < 12; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 3)}`},
        client => client.query('SELECT "cents" FROM "orders" WHERE "id" = $1', [1 + index]),
        {pause_ms: 80},
      );
    await stage.loop(
      {role: 'migrator', application_name: 'deploy-91', address: '127.0.0.41'},
      async client => {
        await client.query("SET lock_timeout = '2s'");
        await client.query('ALTER TABLE "orders" ADD COLUMN "note" TEXT');
      },
      {pause_ms: 1000},
    );
    await stage.until('SELECT count(*) >= 10 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'lock-queue',
    recipe: null,
    summary:
      /^ALTER TABLE orders \(deploy-91\/migrator(?:, \d+s\) waits|\) is tried again and again, \d+ times in \d+s: each attempt waits) behind a SELECT \(nightly-report\/analyst, \d+s\)[,;] (?:and )?12 sessions queue behind it$/,
    within_seconds: 15,
  },
  innocents: ['metabase', 'shop'],
  async cure({admin}) {
    await admin.query('ALTER ROLE migrator NOLOGIN');
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'migrator'");
  },
  solution: [
    'Each attempt made the readers of orders wait for two seconds, as the report held the table.',
    'The deploy was stopped until the report had ended.',
  ],
};
