import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A table was restored with its rows and grants, its sequence without: reads and updates work, no row can be inserted (42501). */
export const story: Story = {
  name: 'sequence-privilege',
  title: 'A restored sequence that the application may not use',
  // Sessions have no query id before.
  since: 14,
  page: 'shop: no order can be placed since the restore. Pages load, the dashboard is green.',
  async prepare(stage) {
    for (const role of ['shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Order" ("id" serial PRIMARY KEY, "cents" integer NOT NULL, "state" text NOT NULL);
INSERT INTO "Order" ("cents", "state") SELECT n % 900, 'new' FROM generate_series(1, 5000) n;
CREATE TABLE "Product" ("id" integer PRIMARY KEY, "name" text NOT NULL);
INSERT INTO "Product" SELECT n, 'product ' || n FROM generate_series(1, 500) n;
REVOKE ALL ON SEQUENCE "Order_id_seq" FROM shop;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query('SELECT "name" FROM "Product" WHERE "id" = $1', [1 + index]);
          await client.query(
            'INSERT INTO "public"."Order" ("cents", "state") VALUES ($1, $2) RETURNING "id"',
            [4200, 'new'],
          );
        },
        {pause_ms: 100},
      );
      await stage.loop(
        {role: 'shop', application_name: 'fulfilment', address: '127.0.0.21'},
        client =>
          client.query('UPDATE "public"."Order" SET "state" = $1 WHERE "id" = $2', ['sent', 1 + index]),
        {pause_ms: 200},
      );
    }
    await stage.until("SELECT count(*) >= 12 FROM pg_stat_activity WHERE usename = 'shop'");
  },
  first: {
    cause: 'missing-privilege',
    recipe: null,
    summary:
      /^shop\/shop: [\d.]+ rollbacks\/s, \d+% of app's transactions; INSERT INTO public\.Order fails: role shop may not use the sequence "public"\."Order_id_seq" \(42501\)$/,
    within_seconds: 20,
  },
  innocents: ['psql', 'idle-pool', 'shop', 'fulfilment'],
  async cure({admin}) {
    await admin.query('GRANT USAGE, SELECT ON SEQUENCE "Order_id_seq" TO shop');
  },
  solution: ['The restore ran without the grants on sequences; GRANT USAGE let the inserts go on.'],
};
