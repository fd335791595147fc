import type {Story} from '../../../source/demo/stories/story.ts';

/** ALTER ROLE ... SET search_path names a schema that does not have the application's tables yet. */
export const story: Story = {
  name: 'search-path',
  title: "A role's search_path leads past its tables",
  // Sessions have no query id before.
  since: 14,
  page: 'billing: every request fails since 13:04, "relation does not exist". The table is there.',
  async prepare(stage) {
    for (const role of ['billing_app', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE SCHEMA billing_v2;
CREATE TABLE invoices (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO invoices SELECT n, n FROM generate_series(1, 2000) n;
GRANT SELECT ON invoices TO billing_app, shop;
ALTER ROLE billing_app SET search_path = billing_v2;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'shop', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'billing_app', application_name: 'billing', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT "cents" FROM "invoices" WHERE "id" = $1', [1 + index]),
        {pause_ms: 100},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT "cents" FROM "invoices" WHERE "id" = $1', [1 + index]),
        {pause_ms: 200},
      );
    }
  },
  first: {
    cause: 'search-path',
    recipe: 'reset-role-setting',
    summary:
      /^statements of billing\/billing_app fail before they are planned \(a SELECT, last in \d of 4 sessions\): search_path = billing_v2 is set for role billing_app$/,
    within_seconds: 15,
  },
  innocents: ['psql', 'shop'],
  async cure({admin}) {
    await admin.query('ALTER ROLE billing_app RESET search_path');
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billing'",
    );
  },
  solution: ['The search_path of the role was changed before the tables were moved.'],
};
