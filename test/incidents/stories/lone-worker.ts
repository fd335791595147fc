import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** One worker with one connection: it locks a job, works on it for a second or two inside the transaction, and marks it as done. */
export const story: HealthyStory = {
  name: 'lone-worker',
  title: 'A worker that keeps its job locked while it works',
  async prepare(stage) {
    for (const role of ['worker', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE jobs (id bigserial PRIMARY KEY, done_at timestamptz, payload text);
CREATE INDEX ON jobs (id) WHERE done_at IS NULL;
INSERT INTO jobs (payload) SELECT 'job ' || n FROM generate_series(1, 5000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await stage.loop(
      {role: 'worker', application_name: 'thumbnails', address: '127.0.0.11'},
      async client => {
        await client.query('BEGIN');
        const {rows} = await client.query<{id: string}>(
          'SELECT "id", "payload" FROM "jobs" WHERE "done_at" IS NULL ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED',
        );
        await stage.sleep(1500);
        await client.query('UPDATE "jobs" SET "done_at" = now() WHERE "id" = $1', [rows[0]?.id ?? 0]);
        await client.query('COMMIT');
      },
    );
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until('SELECT count(*) > 0 FROM jobs WHERE done_at IS NOT NULL');
  },
};
