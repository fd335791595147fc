import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** Workers take the oldest job with FOR UPDATE and without SKIP LOCKED: they wait for each other's. */
export const story: Story = {
  name: 'no-skip-locked',
  title: 'Workers queue for the first job',
  page: 'jobs: the backlog grows although there are 12 workers. They do as much as one.',
  async prepare(stage) {
    for (const role of ['worker', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE jobs (id bigserial PRIMARY KEY, done_at timestamptz, payload text);
CREATE INDEX ON jobs (id) WHERE done_at IS NULL;
INSERT INTO jobs (payload) SELECT 'job ' || n FROM generate_series(1, 20000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    const fixed = new AbortController();
    deployed.set(stage, fixed);
    for (let index = 0; index < 12; index++)
      await stage.loop(
        {role: 'worker', application_name: 'job-worker', address: `127.0.0.${11 + (index % 3)}`},
        async client => {
          await client.query('BEGIN');
          const {rows} = await client.query<{id: string}>(
            'SELECT "id", "payload" FROM "jobs" WHERE "done_at" IS NULL ORDER BY "id" LIMIT 1 FOR UPDATE',
          );
          await stage.sleep(80);
          await client.query('UPDATE "jobs" SET "done_at" = now() WHERE "id" = $1', [rows[0]?.id ?? 0]);
          await client.query('COMMIT');
        },
        {pause_ms: 5, signal: fixed.signal},
      );
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until('SELECT count(*) > 6 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'hot-row',
    recipe: null,
    summary:
      /^\d+ of 12 sessions of job-worker\/worker queue for (one row|rows) of (public\.)?jobs.*: each takes the first with FOR UPDATE, without SKIP LOCKED/,
    within_seconds: 10,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'job-worker'],
  async cure(stage) {
    // As with SKIP LOCKED: none waits for another.
    deployed.get(stage)?.abort();
  },
  solution: ['FOR UPDATE SKIP LOCKED lets each worker take another job.'],
};

const deployed = new WeakMap<Stage, AbortController>();
