import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A materialized view is refreshed concurrently every few seconds, a role may not log in any more, and a person's EXPLAIN runs. */
export const story: HealthyStory = {
  name: 'view-refresh',
  title: 'A view that is refreshed, and a role that was retired',
  async prepare(stage) {
    for (const role of ['cron', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE sale (id integer PRIMARY KEY, shop integer NOT NULL, cents integer NOT NULL);
INSERT INTO sale SELECT n, n % 40, n % 900 FROM generate_series(1, 30000) n;
CREATE MATERIALIZED VIEW totals AS SELECT shop, sum(cents) AS cents FROM sale GROUP BY shop;
CREATE UNIQUE INDEX ON totals (shop);
ALTER MATERIALIZED VIEW totals OWNER TO cron;
GRANT SELECT ON totals TO shop;
CREATE ROLE former_app NOLOGIN;`);
    await stage.analyze();
  },
  async start(stage) {
    await stage.loop(
      {role: 'cron', application_name: 'cron', address: '127.0.0.11'},
      client => client.query('REFRESH MATERIALIZED VIEW CONCURRENTLY totals'),
      {pause_ms: 2000},
    );
    await stage.loop(
      {role: 'analyst', application_name: 'psql', address: '127.0.0.31'},
      client => client.query('EXPLAIN (ANALYZE) SELECT shop, count(*) FROM sale GROUP BY shop'),
      {pause_ms: 1500},
    );
    for (let index = 0; index < 6; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT cents FROM totals WHERE shop = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until("SELECT count(*) >= 6 FROM pg_stat_activity WHERE application_name = 'shop'");
  },
};
