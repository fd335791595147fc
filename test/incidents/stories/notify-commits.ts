import type {Story} from '../../../source/demo/stories/story.ts';

/** Each write notifies: with fsync on, 24 sessions commit one after the other, behind one lock of the whole server. */
export const story: Story = {
  name: 'notify-commits',
  title: 'Commits that notify queue behind one lock',
  page: 'jobs: enqueueing has fallen to a tenth. No row is locked, and the disks are idle.',
  settings: {fsync: 'on', synchronous_commit: 'on'},
  async prepare(stage) {
    for (const role of ['jobs_app', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Job" ("id" bigserial PRIMARY KEY, "kind" text NOT NULL);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    const listener = await stage.connect({
      role: 'jobs_app',
      application_name: 'worker',
      address: '127.0.0.31',
    });
    await listener.query('LISTEN jobs');
    for (let index = 0; index < 24; index++) {
      await stage.loop(
        {role: 'jobs_app', application_name: 'jobs', address: `127.0.0.${11 + (index % 3)}`},
        async client => {
          await client.query('BEGIN');
          await client.query('INSERT INTO "Job" ("kind") VALUES ($1)', ['mail']);
          await client.query("SELECT pg_notify('jobs', $1)", [String(index)]);
          await client.query('COMMIT');
        },
      );
    }
    await stage.loop(
      {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
      client => client.query('SELECT name FROM item WHERE id = $1', [1]),
      {pause_ms: 100},
    );
    await stage.until(
      "SELECT count(*) > 8 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'object'",
    );
  },
  first: {
    cause: 'hot-lock',
    recipe: null,
    summary:
      /^\d+ of 24 sessions of jobs\/jobs_app queue for NOTIFY in \d+ of \d+ snapshots; the holder changes/,
    within_seconds: 10,
  },
  innocents: ['worker', 'shop', 'jobs'],
  async cure({admin}) {
    await admin.query('ALTER SYSTEM SET synchronous_commit = off');
    await admin.query('SELECT pg_reload_conf()');
  },
  solution: [
    'NOTIFY holds one lock of the whole server during a commit: notify once per batch, or in a transaction that does nothing else.',
  ],
};
