import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Two services find out by a unique violation (23505) that a row is there, a few times a second, and update it then. */
export const story: HealthyStory = {
  name: 'upserts-by-exception',
  title: 'Upserts by INSERT, and UPDATE when the row is there',
  async prepare(stage) {
    for (const role of ['profiles', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Profile" ("id" integer PRIMARY KEY, "visits" integer NOT NULL DEFAULT 0);
CREATE TABLE "Product" ("id" integer PRIMARY KEY, "name" text NOT NULL);
INSERT INTO "Product" SELECT n, 'product ' || n FROM generate_series(1, 500) n;
INSERT INTO "Profile" ("id") SELECT n FROM generate_series(1, 200) n;`);
    await stage.analyze();
  },
  async start(stage) {
    let next = 200;
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'profiles', application_name: 'profiles', address: `127.0.0.${11 + index}`},
        async client => {
          // One visitor in three is known.
          const id = next % 3 === 0 ? 1 + (next++ % 200) : next++ + 1000;
          await client
            .query('INSERT INTO "Profile" ("id", "visits") VALUES ($1, 1)', [id])
            .catch(() => client.query('UPDATE "Profile" SET "visits" = "visits" + 1 WHERE "id" = $1', [id]));
        },
        {pause_ms: 300},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT "name" FROM "Product" WHERE "id" = $1', [1 + index]),
        {pause_ms: 30},
      );
    }
    await stage.until('SELECT xact_rollback > 3 FROM pg_stat_database WHERE datname = current_database()');
  },
};
