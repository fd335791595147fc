import type {Story} from '../../../source/demo/stories/story.ts';

/** ALTER ROLE ... SET statement_timeout, meant in seconds, was taken in milliseconds. */
export const story: Story = {
  name: 'short-timeout',
  title: "A role's statement_timeout cancels its statements",
  page: 'billing: half of the requests fail with 57014.',
  async prepare(stage) {
    for (const role of ['billing_app', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE invoices (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO invoices SELECT n, n FROM generate_series(1, 2000) n;
CREATE VIEW totals AS SELECT sum(cents) + (pg_sleep(0.15) IS NULL)::integer AS cents FROM invoices;
GRANT SELECT ON invoices, totals TO billing_app, shop;
ALTER ROLE billing_app SET search_path = public;
ALTER ROLE shop SET statement_timeout = '30s';
ALTER ROLE billing_app IN DATABASE app SET statement_timeout = 30;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'shop', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'billing_app', application_name: 'billing', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query('SELECT "cents" FROM "invoices" WHERE "id" = $1', [1 + index]);
          await client.query('SELECT "cents" FROM "totals"');
        },
        {pause_ms: 100},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT "cents" FROM "invoices" WHERE "id" = $1', [1 + index]),
        {pause_ms: 200},
      );
    }
    await stage.until('SELECT xact_rollback > 20 FROM pg_stat_database WHERE datname = current_database()');
  },
  first: {
    cause: 'short-timeout',
    recipe: 'reset-role-setting',
    summary:
      /^statements of billing\/billing_app are cancelled \(57014\): statement_timeout = 30 is set for role billing_app in database app; [\d.]+ rollbacks\/s, \d+% of app's transactions$/,
    within_seconds: 15,
  },
  innocents: ['psql', 'shop'],
  async cure({admin}) {
    await admin.query('ALTER ROLE billing_app IN DATABASE app RESET statement_timeout');
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billing'",
    );
  },
  solution: ['statement_timeout without a unit is in milliseconds.'],
};
