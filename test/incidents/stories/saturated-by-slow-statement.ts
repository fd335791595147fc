import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** All sessions of a pool run one slow statement most of the time; the server has free slots. */
export const story: Story = {
  name: 'saturated-by-slow-statement',
  title: 'One slow statement fills the pool',
  page: 'orders-api: P2024 at every peak. The dashboard says 14 of 100 connections.',
  async prepare(stage) {
    for (const role of ['orders_app', 'catalog_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Order" (id integer PRIMARY KEY, status text NOT NULL, total integer NOT NULL);
CREATE TABLE "Customer" (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO "Order" SELECT n, 'open', n % 90 FROM generate_series(1, 2000) n;
INSERT INTO "Customer" SELECT n, 'customer ' || n FROM generate_series(1, 2000) n;
CREATE VIEW "OrderSummary" AS SELECT sum(total) + (pg_sleep(2.5) IS NULL)::integer AS total FROM "Order";
GRANT SELECT ON "OrderSummary" TO orders_app;
ANALYZE;`);
  },
  async start(stage) {
    const fixing = new AbortController();
    fixed.set(stage, fixing);
    for (let index = 0; index < 9; index++) {
      await stage.loop(
        {role: 'orders_app', application_name: 'orders-api', address: `127.0.0.${11 + (index % 3)}`},
        async client => {
          await client.query(
            'SELECT "public"."Customer"."name" FROM "public"."Customer" WHERE "public"."Customer"."id" = $1',
            [index],
          );
          await client.query(
            'SELECT "public"."Order"."total" FROM "public"."Order" WHERE "public"."Order"."id" = $1',
            [index],
          );
          if (!fixing.signal.aborted)
            await client.query('SELECT "public"."OrderSummary"."total" FROM "public"."OrderSummary"');
          else await stage.sleep(200);
          if (index % 3 === 0)
            await client.query('UPDATE "public"."Order" SET "status" = $1 WHERE "public"."Order"."id" = $2', [
              'seen',
              index,
            ]);
        },
      );
    }
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'catalog_app', application_name: 'catalog-api', address: '127.0.0.21'},
        client => client.query('SELECT count(*) FROM "Customer"'),
        {pause_ms: 300},
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
  },
  first: {
    cause: 'pool-saturated',
    recipe: null,
    summary:
      /^the pool of orders-api\/orders_app is full: all 9 sessions busy in \d+% of \d+ snapshots, \d of them in SELECT FROM "OrderSummary"; \d\d slots of the server are free$/,
    within_seconds: 60,
  },
  innocents: ['catalog-api', 'psql', 'orders-api'],
  async cure(stage) {
    fixed.get(stage)?.abort();
  },
  solution: ['The summary is a materialised view now.'],
};

const fixed = new WeakMap<Stage, AbortController>();
