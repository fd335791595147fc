import type {Story} from '../../../source/demo/stories/story.ts';

/** commit_delay of 100 ms, meant to help a batch once: every commit waits for the session that sleeps with the WAL lock. */
export const story: Story = {
  name: 'wal-write',
  title: 'Commits queue for the WAL',
  page: 'events: ingest has fallen to a tenth. CPU is idle, nothing waits for a row.',
  settings: {fsync: 'on', synchronous_commit: 'on', commit_delay: 100_000, commit_siblings: 1},
  async prepare(stage) {
    for (const role of ['ingest_app', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Event" ("id" bigserial PRIMARY KEY, "kind" text NOT NULL);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'shop', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    for (let index = 0; index < 14; index++) {
      await stage.loop(
        {role: 'ingest_app', application_name: 'ingest', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('INSERT INTO "Event" ("kind") VALUES ($1)', ['click']),
      );
    }
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 100},
      );
    }
    await stage.until("SELECT count(*) > 4 FROM pg_stat_activity WHERE wait_event = 'WALWrite'");
  },
  first: {
    cause: 'lwlock',
    recipe: null,
    summary:
      /^\d+ of 14 sessions of ingest\/ingest_app wait for WALWrite \(LWLock\), most in INSERT INTO Event, \d+\.\d on average in \d+ of \d+ snapshots: commits wait for WAL to be written(?:, [\d.,k]+ commits\/s of \d+ rows? each)?$/,
    within_seconds: 20,
  },
  innocents: ['psql', 'shop', 'ingest'],
  async cure({admin}) {
    await admin.query('ALTER SYSTEM SET commit_delay = 0');
    await admin.query('ALTER SYSTEM SET synchronous_commit = off');
    await admin.query('SELECT pg_reload_conf()');
  },
  solution: [
    'commit_delay makes each group of commits wait for 100 ms, however few they are; events may be lost in a crash, so they need not wait at all.',
  ],
};
