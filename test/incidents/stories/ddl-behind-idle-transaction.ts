import type {Story} from '../../../source/demo/stories/story.ts';

/** As `lock-queue`, but what the migration waits for is forgotten: ending it lets the migration run, and then everyone. */
export const story: Story = {
  name: 'ddl-behind-idle-transaction',
  title: 'A migration waits behind a session that is idle in transaction',
  page: 'shop: everything that reads orders hangs since the deploy.',
  async prepare(stage) {
    for (const role of ['shop_app', 'migrator', 'dana']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL);
INSERT INTO orders SELECT n, n FROM generate_series(1, 1000) n;
ALTER TABLE orders OWNER TO migrator;`);
    await stage.analyze();
  },
  async start(stage) {
    const forgotten = await stage.connect({role: 'dana', application_name: 'psql', address: '127.0.0.21'});
    await forgotten.query('BEGIN');
    await forgotten.query('SELECT count(*) FROM orders');
    await stage.until(
      "SELECT now() - state_change > '31 s' FROM pg_stat_activity WHERE application_name = 'psql'",
    );
    const migration = await stage.connect({
      role: 'migrator',
      application_name: 'deploy',
      address: '127.0.0.31',
    });
    migration.query('ALTER TABLE "orders" ADD COLUMN "note" TEXT').catch(() => {});
    for (let index = 0; index < 8; index++) {
      await stage.loop(
        {role: 'shop_app', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT "total" FROM "public"."orders" WHERE "id" = $1', [index]),
        {pause_ms: 100},
      );
    }
    await stage.until('SELECT count(*) = 9 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'lock-queue',
    recipe: 'release-blockers',
    summary:
      /^ALTER TABLE orders \(deploy\/migrator, \d+s\) waits behind psql\/dana \(\d+\), idle in transaction for \d+(m\d+)?s after a SELECT; 8 sessions queue behind it/,
    within_seconds: 10,
  },
  innocents: ['shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql'",
    );
  },
  solution: ['The forgotten session held a lock on orders that only the migration minded.'],
};
