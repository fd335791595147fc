import type {HealthyStory} from '../../../source/demo/stories/story.ts';
import {replicationSettings, subscribe} from './replicated.ts';

/** Publisher and subscriber are two databases of one server: a slot in use, its walsender, and an apply worker. */
export const story: HealthyStory = {
  name: 'logical-replication',
  title: 'A publisher with a slot in use, and a subscriber that keeps up',
  settings: replicationSettings,
  async prepare(stage) {
    for (const role of ['shop', 'reports']) await stage.role(role);
    await subscribe(
      stage,
      `
CREATE TABLE orders (id bigserial PRIMARY KEY, total integer NOT NULL, state text NOT NULL DEFAULT 'new');
GRANT ALL ON orders TO shop, reports;
GRANT ALL ON SEQUENCE orders_id_seq TO shop;`,
    );
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.11', database: 'source'},
        async client => {
          const {rows} = await client.query<{id: string}>(
            'INSERT INTO "orders" ("total") VALUES ($1) RETURNING "id"',
            [7],
          );
          await client.query('UPDATE "orders" SET "state" = $1 WHERE "id" = $2', ['paid', rows[0]?.id]);
        },
        {pause_ms: 40},
      );
    }
    await stage.loop(
      {role: 'reports', application_name: 'metabase', address: '127.0.0.21'},
      client => client.query('SELECT state, count(*) FROM orders GROUP BY 1'),
      {pause_ms: 400},
    );
    await stage.until('SELECT count(*) > 20 FROM orders');
  },
};
