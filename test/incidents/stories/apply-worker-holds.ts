import type {Story} from '../../../source/demo/stories/story.ts';
import {replicationSettings, subscribe} from './replicated.ts';

const tables = `
CREATE TABLE prices (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO prices SELECT n, n FROM generate_series(1, 500) n;
GRANT ALL ON prices TO pricing, shop_app;`;

/** A batch on the publisher is one transaction; the subscriber's trigger makes applying it slow, and local writes wait for its rows. */
export const story: Story = {
  name: 'apply-worker-holds',
  title: 'Logical replication keeps rows locked on the subscriber',
  page: 'shop: saving a price hangs on the reporting database.',
  settings: replicationSettings,
  async prepare(stage) {
    for (const role of ['pricing', 'shop_app', 'dana']) await stage.role(role);
    await subscribe(stage, tables);
    await stage.admin.query(`
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE UPDATE ON prices FOR EACH ROW EXECUTE FUNCTION slow();
ALTER TABLE prices ENABLE REPLICA TRIGGER slow;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'dana', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    const batch = await stage.connect({role: 'pricing', application_name: 'batch', database: 'source'});
    await batch.query('UPDATE prices SET cents = cents + 1 WHERE id <= 300');
    await stage.until(
      "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type LIKE 'logical replication %worker' AND wait_event = 'PgSleep'",
    );
    await stage.sleep(3000);
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'shop_app', application_name: 'shop', address: '127.0.0.11'},
        client => client.query('UPDATE "prices" SET "cents" = $1 WHERE "id" = $2', [7, 1 + (index % 3)]),
        {pause_ms: 100},
      );
    }
    await stage.until(
      "SELECT count(*) = 5 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start > '5 s'",
    );
  },
  first: {
    cause: 'background-worker',
    recipe: null,
    summary:
      /^the logical replication (apply )?worker holds rows of (public\.)?prices; 5 sessions wait for it, the longest for \d+s$/,
    within_seconds: 10,
  },
  innocents: ['psql', 'shop'],
  async cure({admin}) {
    await admin.query('ALTER SUBSCRIPTION everything DISABLE');
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication %worker'",
    );
  },
  solution: [
    'A trigger that replication fires made applying a batch of 300 rows take minutes, in one transaction.',
  ],
};
