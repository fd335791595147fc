import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** A role at its own CONNECTION LIMIT while the server has many free slots. */
export const story: Story = {
  name: 'role-limit',
  title: 'A role at its connection limit',
  page: 'invoice-cron: FATAL: too many connections for role "billing_app" (53300). The dashboard says 20 of 100 connections.',
  async prepare(stage) {
    for (const role of ['web_app', 'analyst']) await stage.role(role);
    await stage.role('billing_app', 'CONNECTION LIMIT 8');
    await stage.admin.query(`
CREATE TABLE "Invoice" (id integer PRIMARY KEY, status text NOT NULL);
INSERT INTO "Invoice" SELECT n, 'open' FROM generate_series(1, 2000) n;
ANALYZE;`);
  },
  async start(stage) {
    const select =
      'SELECT "public"."Invoice"."status" FROM "public"."Invoice" WHERE "public"."Invoice"."id" = $1';
    const oversized = new AbortController();
    deployed.set(stage, oversized);
    for (let index = 0; index < 8; index++) {
      await stage.loop(
        {role: 'billing_app', application_name: 'billing-web', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query(select, [index]),
        {pause_ms: 150, ...(index < 5 && {signal: oversized.signal})},
      );
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: '127.0.0.21'},
        client => client.query(select, [index]),
        {pause_ms: 300},
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    await stage.until(`SELECT count(*) = 8 FROM pg_stat_activity WHERE usename = 'billing_app'`);
    // Refused, again and again.
    await stage.loop(
      {role: 'billing_app', application_name: 'invoice-cron', address: '127.0.0.13'},
      client => client.query(select, [1]),
      {pause_ms: 1000},
    );
  },
  first: {
    cause: 'role-limit',
    recipe: 'tune-connection-limit',
    summary:
      /^role billing_app is at its CONNECTION LIMIT 8, logins fail \(53300\) with \d\d slots free; billing-web\/billing_app has 8/,
    within_seconds: 10,
  },
  innocents: ['web', 'psql'],
  async cure(stage) {
    deployed.get(stage)?.abort();
  },
  solution: [
    'billing-web had 4 connections for each of 2 instances, all that its role may have; now it has 2 each.',
  ],
};

/** The revision with too many connections. */
const deployed = new WeakMap<Stage, AbortController>();
