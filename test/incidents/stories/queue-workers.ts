import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A busy queue: workers take jobs with SKIP LOCKED, NOTIFY each other, and meet at the counters of their tenants for a few milliseconds. */
export const story: HealthyStory = {
  name: 'queue-workers',
  title: 'A busy queue with many short waits',
  async prepare(stage) {
    await stage.role('worker');
    await stage.admin.query(`
CREATE TABLE jobs (id bigserial PRIMARY KEY, tenant integer NOT NULL, done_at timestamptz);
CREATE TABLE tenant_counters (tenant integer PRIMARY KEY, done bigint NOT NULL) WITH (fillfactor = 10);
CREATE INDEX jobs_open_idx ON jobs (id) WHERE done_at IS NULL;
INSERT INTO tenant_counters SELECT n, 0 FROM generate_series(1, 4) n;`);
    await stage.analyze();
  },
  async start(stage) {
    let jobs = 0;
    await stage.loop(
      {role: 'worker', application_name: 'producer', address: '127.0.0.11'},
      async client => {
        await client.query('INSERT INTO "jobs" ("tenant") SELECT 1 + $1 % 4 FROM generate_series(1, 5)', [
          jobs++,
        ]);
        await client.query("SELECT pg_notify('jobs', '')");
      },
      {pause_ms: 40},
    );
    for (let index = 0; index < 12; index++) {
      await stage.loop(
        {role: 'worker', application_name: 'jobs', address: `127.0.0.${21 + (index % 3)}`},
        async client => {
          await client.query('BEGIN');
          const {rows} = await client.query<{id: string; tenant: number}>(
            'SELECT "id", "tenant" FROM "jobs" WHERE "done_at" IS NULL ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED',
          );
          const [job] = rows;
          if (job !== undefined) {
            await stage.sleep(15);
            await client.query('UPDATE "jobs" SET "done_at" = now() WHERE "id" = $1', [job.id]);
            await client.query('UPDATE "tenant_counters" SET "done" = "done" + 1 WHERE "tenant" = $1', [
              job.tenant,
            ]);
          }
          await client.query('COMMIT');
        },
        {pause_ms: 30},
      );
    }
    await stage.until('SELECT sum(done) > 50 FROM tenant_counters');
  },
};
