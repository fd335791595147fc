import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** One client filters by a key inside jsonb, which no index serves. */
export const story: Story = {
  name: 'jsonb-filter',
  title: 'A filter on jsonb that no index serves',
  page: 'backoffice: the search takes seconds, the database runs at 100 % CPU.',
  async prepare(stage) {
    for (const role of ['backoffice', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE events (id integer PRIMARY KEY, payload jsonb NOT NULL);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
INSERT INTO events SELECT n, jsonb_build_object('customer', 'c' || n, 'kind', 'view', 'note', repeat('x', 60)) FROM generate_series(1, 400000) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    await stage.loop(
      {role: 'backoffice', application_name: 'search', address: '127.0.0.11'},
      client => client.query("SELECT id FROM events WHERE payload->>'customer' = $1", ['c1234']),
      {pause_ms: 5},
    );
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 50},
      );
    await stage.until(
      "SELECT sum(calls) > 3 FROM pg_stat_statements WHERE query LIKE 'SELECT id FROM events%'",
    );
  },
  first: {
    cause: 'unindexed-filter',
    recipe: 'apply-indexes',
    summary:
      /^a SELECT of events by backoffice: .* it reads \S+ blocks per call for 1 row: no index serves the filter on payload ->>$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'search'],
  async cure({admin}) {
    await admin.query("CREATE INDEX ON events ((payload->>'customer'))");
  },
  solution: ["The release searched payload->>'customer'; an index on that expression serves it."],
};
