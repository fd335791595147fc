import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** After an upgrade with pg_upgrade the planner has no statistics, and nothing has been counted since. */
export const story: Story = {
  name: 'restored-without-analyze',
  title: 'No statistics since the upgrade',
  page: 'shop: everything is slow since the upgrade at 02:00.',
  settings: {autovacuum: 'off'},
  async prepare(stage) {
    for (const role of ['orders_app', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, state text NOT NULL, customer integer NOT NULL);
CREATE TABLE customers (id integer PRIMARY KEY, region integer NOT NULL);
CREATE INDEX ON orders (state);
INSERT INTO orders SELECT n, CASE WHEN n % 100 = 0 THEN 'open' ELSE 'done' END, n % 20000 FROM generate_series(1, 200000) n;
INSERT INTO customers SELECT n, n % 50 FROM generate_series(0, 20000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.admin.query('VACUUM');
    await stage.analyze();
    // As pg_upgrade leaves it: no statistics of columns, no counters of tables.
    await stage.admin.query(
      'SET allow_system_table_mods = on; DELETE FROM pg_statistic; RESET allow_system_table_mods',
    );
    await stage.admin.query('SELECT pg_stat_reset()');
  },
  async start(stage) {
    await openBystanders(stage);
    const peak = new AbortController();
    busy.set(stage, peak);
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'orders_app', application_name: 'orders-api', address: `127.0.0.${11 + (index % 2)}`},
        client =>
          client.query(
            'SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer WHERE o.state <> $1 AND c.region = $2',
            ['open', index],
          ),
        {pause_ms: 10, signal: peak.signal},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
    await stage.until(
      "SELECT sum(calls) > 3 FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders%'",
    );
  },
  first: {
    cause: 'stale-statistics',
    recipe: 'analyze-stale-tables',
    summary:
      /^a SELECT of orders by orders_app: .*: the planner has no statistics of orders( and customers)? \(200k rows\), never analyzed since the restore or upgrade$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'orders-api'],
  async cure(stage) {
    await stage.admin.query('ANALYZE');
    busy.get(stage)?.abort();
  },
  solution: ['vacuumdb --analyze-in-stages was forgotten after pg_upgrade.'],
};

/** The requests that wait in the application are served when its statements are fast again. */
const busy = new WeakMap<Stage, AbortController>();
