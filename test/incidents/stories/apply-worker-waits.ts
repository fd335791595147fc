import type {Story} from '../../../source/demo/stories/story.ts';
import {replicationSettings, subscribe} from './replicated.ts';

/** A forgotten psql session on the subscriber holds a row that replication has to change: nothing else is applied. */
export const story: Story = {
  name: 'apply-worker-waits',
  title: 'Logical replication waits for a forgotten transaction',
  page: 'reports: figures have stood still for minutes.',
  settings: replicationSettings,
  async prepare(stage) {
    for (const role of ['shop_app', 'dana', 'reports']) await stage.role(role);
    await subscribe(
      stage,
      `
CREATE TABLE prices (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO prices SELECT n, n FROM generate_series(1, 500) n;
GRANT ALL ON prices TO shop_app, dana, reports;`,
    );
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'dana', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('UPDATE prices SET cents = 0 WHERE id = 1');
    const reader = await stage.connect({role: 'dana', application_name: 'DBeaver', address: '127.0.0.31'});
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM prices');
    for (let index = 0; index < 2; index++) {
      await stage.loop(
        {role: 'shop_app', application_name: 'shop', address: '127.0.0.11', database: 'source'},
        client => client.query('UPDATE "prices" SET "cents" = "cents" + 1 WHERE "id" = $1', [1 + index]),
        {pause_ms: 200},
      );
      await stage.loop(
        {role: 'reports', application_name: 'metabase', address: '127.0.0.21'},
        client => client.query('SELECT sum(cents) FROM prices'),
        {pause_ms: 300},
      );
    }
    await stage.until(
      "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type LIKE 'logical replication %worker'",
    );
  },
  first: {
    cause: 'idle-blocker',
    recipe: 'release-blockers',
    summary:
      /^psql\/dana \(\d+\), idle in transaction for \d+s after UPDATE prices, holds rows of (public\.)?prices; the logical replication (apply )?worker has waited \d+s for it$/,
    within_seconds: 15,
  },
  innocents: ['DBeaver', 'metabase', 'shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql'",
    );
  },
  solution: ['A psql session on the subscriber had changed a replicated row and not committed.'],
};
