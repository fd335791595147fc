import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A migration rewrites a small table again and again: each time all eight sessions of the service wait three seconds, then go on. */
export const story: HealthyStory = {
  name: 'brief-migration',
  title: 'A migration that takes three seconds',
  async prepare(stage) {
    for (const role of ['shop', 'migrator']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL);
INSERT INTO orders SELECT n, n % 900 FROM generate_series(1, 2000) n;
ALTER TABLE orders OWNER TO migrator;
GRANT ALL ON orders TO shop;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 8; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT "total" FROM "orders" WHERE "id" = $1', [1 + index]),
        {pause_ms: 50},
      );
    }
    let column = 0;
    await stage.loop(
      {role: 'migrator', application_name: 'migrate.js', address: '127.0.0.21'},
      async client => {
        await client.query('BEGIN');
        await client.query(`ALTER TABLE orders ADD COLUMN c${++column} integer`);
        await client.query('SELECT pg_sleep(3)');
        await client.query('COMMIT');
      },
      {pause_ms: 6000},
    );
    await stage.until("SELECT count(*) > 4 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  },
};
