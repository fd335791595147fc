import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** A migration dropped a column that the instances of the old release still read; those of the new release work. */
export const story: Story = {
  name: 'dropped-column',
  title: 'The old release reads a column that the migration has dropped',
  // Sessions have no query id before.
  since: 14,
  page: 'storefront: 60 % of the requests fail since 13:04, P2022 "The column User.nickname does not exist".',
  async prepare(stage) {
    for (const role of ['storefront_app', 'migrator', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "User" ("id" integer PRIMARY KEY, "name" text NOT NULL, "nickname" text);
INSERT INTO "User" SELECT n, 'user ' || n, 'nick ' || n FROM generate_series(1, 5000) n;
CREATE TABLE "Product" ("id" integer PRIMARY KEY, "name" text NOT NULL);
INSERT INTO "Product" SELECT n, 'product ' || n FROM generate_series(1, 500) n;
CREATE VIEW product_margins AS SELECT "name", (pg_sleep(0.5) IS NULL)::integer AS margin FROM "Product";
ALTER TABLE "User" OWNER TO migrator;
GRANT ALL ON "User" TO storefront_app;
GRANT SELECT ON product_margins TO analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT * FROM product_margins ORDER BY margin').catch(() => {});
    const old = new AbortController();
    running.set(stage, old);
    const request = (columns: string, address: string, signal?: AbortSignal) =>
      stage.loop(
        {role: 'storefront_app', application_name: 'storefront', address},
        async client => {
          await client.query(`SELECT ${columns} FROM "public"."User" WHERE "id" = $1`, [
            1 + Math.floor(Math.random() * 5000),
          ]);
          await client.query('SELECT "id", "name" FROM "public"."Product" WHERE "id" = $1', [7]);
        },
        {pause_ms: 50, ...(signal && {signal})},
      );
    for (let index = 0; index < 6; index++)
      await request('"id", "name", "nickname"', `127.0.0.${11 + (index % 3)}`, old.signal);
    await stage.until("SELECT count(*) = 6 FROM pg_stat_activity WHERE application_name = 'storefront'");
    const migration = await stage.connect({
      role: 'migrator',
      application_name: 'prisma-migrate',
      address: '127.0.0.41',
    });
    await migration.query('ALTER TABLE "User" DROP COLUMN "nickname"');
    await migration.end();
    for (let index = 0; index < 4; index++) await request('"id", "name"', `127.0.0.${21 + (index % 2)}`);
    await stage.until("SELECT count(*) = 10 FROM pg_stat_activity WHERE application_name = 'storefront'");
  },
  first: {
    cause: 'dropped-column',
    recipe: null,
    summary:
      /^statements of storefront\/storefront_app fail before they are planned \(a SELECT, last in \d of 10 sessions\): a column of User was dropped \d+ transactions? ago, which they may still name \(42703\)$/,
    within_seconds: 20,
  },
  innocents: ['metabase', 'storefront'],
  async cure(stage) {
    running.get(stage)?.abort();
  },
  solution: [
    'The old release names every column of the model in its SELECT; the migration ran before its instances had been replaced.',
    'A column is dropped one release after the last one that knows it.',
  ],
};

/** The instances of the old release. */
const running = new WeakMap<Stage, AbortController>();
