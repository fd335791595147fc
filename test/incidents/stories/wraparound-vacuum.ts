import type {Story} from '../../../source/demo/stories/story.ts';

/** Autovacuum to prevent wraparound does not give way: a migration waits for it, and everyone else for the migration. */
export const story: Story = {
  name: 'wraparound-vacuum',
  title: 'A migration behind an autovacuum that does not give way',
  page: 'shop: every request that reads orders hangs since the deploy.',
  settings: {autovacuum_naptime: 1, autovacuum_vacuum_cost_delay: '100ms', autovacuum_vacuum_cost_limit: 4},
  async prepare(stage) {
    for (const role of ['shop_app', 'migrator', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL, note text NOT NULL)
  WITH (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_insert_threshold = -1);
CREATE TABLE burned (n integer) WITH (autovacuum_enabled = off);
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
ALTER TABLE orders OWNER TO migrator;
GRANT ALL ON orders TO shop_app;
INSERT INTO orders SELECT n, n, repeat('x', 200) FROM generate_series(1, 40000) n;
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
    // Each block with an exception handler that writes takes a transaction id of its own.
    for (let turn = 0; turn < 3; turn++)
      await stage.admin.query(`
DO $$ BEGIN
  FOR n IN 1..40000 LOOP
    BEGIN INSERT INTO burned VALUES (n); EXCEPTION WHEN others THEN NULL; END;
  END LOOP;
END $$;`);
    await stage.until(
      "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM public.orders (to prevent wraparound)'",
    );
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT count(*), pg_sleep(600) FROM customers').catch(() => {});
    for (let index = 0; index < 8; index++) {
      await stage.loop(
        {role: 'shop_app', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT "total" FROM "orders" WHERE "id" = $1', [1 + index]),
        {pause_ms: 50},
      );
    }
    const migration = await stage.connect({
      role: 'migrator',
      application_name: 'deploy.sh',
      address: '127.0.0.21',
    });
    migration.query('ALTER TABLE orders ADD COLUMN channel text').catch(() => {});
    await stage.until(
      "SELECT count(*) > 5 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'shop'",
    );
  },
  first: {
    cause: 'lock-queue',
    recipe: 'release-blockers',
    summary:
      /^ALTER TABLE orders \(deploy\.sh\/migrator, \d+s\) waits behind autovacuum of public\.orders \(to prevent wraparound\); \d sessions queue behind it$/,
    within_seconds: 10,
  },
  innocents: ['metabase', 'shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy.sh'",
    );
  },
  solution: [
    'Autovacuum that prevents wraparound keeps its lock: cancel the migration, and run it when autovacuum is done.',
  ],
};
