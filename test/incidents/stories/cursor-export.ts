import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A warehouse reads tables through cursors, as JDBC's fetch size does, and writes each batch to a file before it fetches the next. */
export const story: HealthyStory = {
  name: 'cursor-export',
  title: 'A warehouse that reads through cursors',
  async prepare(stage) {
    for (const role of ['warehouse', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE line (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO line SELECT n, repeat('x', 200) FROM generate_series(1, 50000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 2; index++)
      await stage.loop(
        {role: 'warehouse', application_name: 'spark', address: '127.0.0.11'},
        async client => {
          await client.query('BEGIN READ ONLY');
          await client.query(`DECLARE c CURSOR FOR SELECT id, note FROM line WHERE id % 2 = ${index}`);
          for (let batch = 0; batch < 50; batch++) {
            await client.query('FETCH 500 FROM c');
            await stage.sleep(300);
          }
          await client.query('COMMIT');
        },
      );
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until("SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name = 'spark'");
  },
};
