import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A reporting tool makes a temporary table for each of its steps, and sorts a little on disk. */
export const story: HealthyStory = {
  name: 'temporary-tables',
  title: 'Temporary tables, made and dropped all the time',
  async prepare(stage) {
    for (const role of ['reporting', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE sale (id integer PRIMARY KEY, shop integer NOT NULL, cents integer NOT NULL);
INSERT INTO sale SELECT n, n % 40, n % 900 FROM generate_series(1, 30000) n;
CREATE INDEX ON sale (shop);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
GRANT TEMPORARY ON DATABASE app TO reporting;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 3; index++)
      await stage.loop(
        {role: 'reporting', application_name: 'jasper', address: '127.0.0.11'},
        async client => {
          await client.query('CREATE TEMPORARY TABLE step AS SELECT * FROM sale WHERE shop = 7');
          await client.query('ANALYZE step');
          await client.query('SELECT shop, sum(cents) FROM step GROUP BY shop ORDER BY 2');
          await client.query('DROP TABLE step');
        },
        {pause_ms: 700},
      );
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until("SELECT count(*) >= 3 FROM pg_stat_activity WHERE application_name = 'jasper'");
  },
};
