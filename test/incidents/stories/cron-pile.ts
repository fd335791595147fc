import type {Story} from '../../../source/demo/stories/story.ts';

/** cron starts psql every few seconds; the first one is slow and holds the row that the others wait for, until no slot is free. */
export const story: Story = {
  name: 'cron-pile',
  title: 'Sixty runs of one cron job wait for the first',
  page: 'shop: "sorry, too many clients already" in waves since 06:00.',
  settings: {max_connections: 90},
  async prepare(stage) {
    for (const role of ['shop', 'cron', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE job (name text PRIMARY KEY, run_at timestamptz);
INSERT INTO job VALUES ('rebuild_stats', NULL);
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 1000) n;
CREATE VIEW product_margins AS SELECT name, (pg_sleep(0.5) IS NULL)::integer AS margin FROM products;
GRANT SELECT ON product_margins TO analyst;
CREATE FUNCTION rebuild_stats() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE job SET run_at = now() WHERE name = 'rebuild_stats';
  PERFORM pg_sleep(600);
END $$;`);
    await stage.analyze();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT * FROM product_margins ORDER BY margin').catch(() => {});
    for (let index = 0; index < 12; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 3)}`},
        client => client.query('SELECT "name" FROM "products" WHERE "id" = $1', [1 + index]),
        {pause_ms: 80},
      );
    for (let run = 0; run < 66; run++) {
      const cron = await stage.connect({role: 'cron', application_name: 'psql', address: '127.0.0.41'});
      cron.query('SELECT rebuild_stats()').catch(() => {});
    }
    await stage.until('SELECT count(*) >= 60 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'running-blocker',
    recipe: 'release-blockers',
    summary: /psql\/cron.*65 sessions wait for it/,
    within_seconds: 10,
  },
  innocents: ['metabase', 'shop'],
  async cure({admin}) {
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cron'");
  },
  solution: [
    'The job took longer than the time between two of its runs, and each run waited for the one before it.',
    'It now begins with pg_try_advisory_lock, and ends if another run holds it.',
  ],
};
