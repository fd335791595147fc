import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** Autovacuum was switched off for a queue table: each poll passes over all the rows that were done long ago. */
export const story: Story = {
  name: 'bloated-queue',
  title: 'A queue table that is never vacuumed',
  page: 'mailer: a poll takes half a second, it took one millisecond last week. There are 20 jobs.',
  async prepare(stage) {
    for (const role of ['mailer', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE mails (id bigserial PRIMARY KEY, state text NOT NULL, note text) WITH (autovacuum_enabled = off);
CREATE INDEX ON mails (state);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
INSERT INTO mails (state) SELECT 'new' FROM generate_series(1, 20) n;`);
    await stage.analyze();
    const app = await stage.connect({role: 'mailer', application_name: 'mailer'});
    for (let call = 0; call < 300; call++) await app.query(poll, ['new']);
    await app.end();
    for (let turn = 0; turn < 6; turn++) {
      await stage.admin.query(
        "INSERT INTO mails (state, note) SELECT 'new', repeat('x', 40) FROM generate_series(1, 60000) n",
      );
      await stage.admin.query('DELETE FROM mails WHERE id > 20');
    }
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    const old = await stage.connect({role: 'analyst', application_name: 'metabase', address: '127.0.0.32'});
    old.query('SELECT count(*), pg_sleep(600) FROM item').catch(() => {});
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'mailer', application_name: 'mailer', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query(poll, ['new']),
        {pause_ms: 10},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
    await stage.until(
      "SELECT sum(calls) > 320 FROM pg_stat_statements WHERE query LIKE 'SELECT id FROM mails%'",
    );
  },
  first: {
    cause: 'dead-rows',
    recipe: 'analyze-stale-tables',
    summary:
      /^a SELECT of mails by mailer: .*: it scans through \S+ dead rows of mails, which has 20 live rows: autovacuum is off for it$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'metabase', 'mailer'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'metabase'",
    );
    await admin.query('VACUUM mails');
  },
  solution: ['Autovacuum was off for the table since a migration of data.'],
};

const poll = 'SELECT id FROM mails WHERE state = $1 ORDER BY id LIMIT 10';
