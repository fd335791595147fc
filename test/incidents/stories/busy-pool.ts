import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/**
 * All sessions of two services run short statements back to back, without a moment between them, some of them inside short
 * transactions: seen busy in each reading, though no request waits for long.
 */
export const story: HealthyStory = {
  name: 'busy-pool',
  title: 'Pools of fast statements back to back',
  async prepare(stage) {
    for (const role of ['catalog', 'scores']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, stock integer NOT NULL);
INSERT INTO item SELECT n, 'item ' || n, 5 FROM generate_series(1, 2000) n;
CREATE VIEW moment AS SELECT FROM pg_sleep(0.01);`);
    await stage.analyze();
  },
  async start(stage) {
    const catalog = [
      'SELECT "name" FROM "item", moment WHERE "id" = $1',
      'SELECT "stock" FROM "item", moment WHERE "id" = $1',
      'SELECT "id" FROM "item", moment WHERE "id" > $1 ORDER BY "id" LIMIT 10',
      'SELECT count(*) FROM "item", moment WHERE "id" < $1',
      'SELECT max("stock") FROM "item", moment WHERE "id" < $1',
      'SELECT "id", "name", "stock" FROM "item", moment WHERE "id" = $1',
      'UPDATE "item" SET "stock" = "stock" + 1 WHERE "id" = $1',
    ];
    for (let index = 0; index < 4; index++) {
      let turn = index;
      await stage.loop(
        {role: 'catalog', application_name: 'catalog', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query(catalog[turn % catalog.length] ?? '', [1 + (turn++ % 1000)]),
      );
    }
    for (let index = 0; index < 4; index++) {
      let turn = index;
      await stage.loop(
        {role: 'scores', application_name: 'scores', address: `127.0.0.${21 + index}`},
        async client => {
          await client.query('BEGIN');
          for (const sql of catalog.slice(0, 4)) {
            await client.query(sql, [1 + (turn++ % 1000)]);
            await stage.sleep(15);
          }
          await client.query('COMMIT');
        },
      );
    }
    await stage.until('SELECT sum(stock) > 10050 FROM item');
  },
};
