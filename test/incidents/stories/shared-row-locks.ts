import type {Story} from '../../../source/demo/stories/story.ts';

/** Two people lock the same row FOR SHARE and go for lunch: a multixact. Its changes wait for the one, then for the other. */
export const story: Story = {
  name: 'shared-row-locks',
  title: 'Two forgotten transactions share the lock of a row',
  page: 'shop: the tax rate cannot be saved.',
  async prepare(stage) {
    for (const role of ['shop_app', 'dana', 'kim']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE tax_rates (id integer PRIMARY KEY, percent integer NOT NULL);
INSERT INTO tax_rates SELECT n, 7 FROM generate_series(1, 50) n;`);
    await stage.analyze();
  },
  async start(stage) {
    for (const [role, application_name] of [
      ['dana', 'psql'],
      ['kim', 'pgcli'],
    ] as const) {
      const forgotten = await stage.connect({role, application_name, address: '127.0.0.31'});
      await forgotten.query('BEGIN');
      await forgotten.query('SELECT percent FROM tax_rates WHERE id = 1 FOR SHARE');
    }
    const reader = await stage.connect({role: 'kim', application_name: 'DBeaver', address: '127.0.0.32'});
    await reader.query('BEGIN');
    await reader.query('SELECT * FROM tax_rates');
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'shop_app', application_name: 'shop', address: `127.0.0.${11 + index}`},
        client => client.query('UPDATE "tax_rates" SET "percent" = $1 WHERE "id" = 1', [8]),
        {pause_ms: 100},
      );
    }
    await stage.until(
      "SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start > '5 s'",
    );
  },
  first: {
    cause: 'idle-blocker',
    recipe: 'release-blockers',
    summary:
      /^(psql\/dana|pgcli\/kim) \(\d+\), idle in transaction for \d+s after SELECT FOR SHARE of tax_rates, holds rows of (public\.)?tax_rates; 3 sessions wait for it, the longest for \d+s; (psql\/dana|pgcli\/kim) may hold them, too$/,
    within_seconds: 10,
  },
  innocents: ['DBeaver', 'shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('psql', 'pgcli')",
    );
  },
  solution: ['FOR SHARE can be held by several transactions concurrently; a change waits for all of them.'],
};
