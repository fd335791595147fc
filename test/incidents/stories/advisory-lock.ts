import type {Story} from '../../../source/demo/stories/story.ts';

/** An importer took a lock of its own for the session, and its pool keeps the session. */
export const story: Story = {
  name: 'advisory-lock',
  title: "A session keeps an application's advisory lock",
  page: 'imports: no import has started for minutes.',
  async prepare(stage) {
    await stage.role('imports_app');
    await stage.admin.query('CREATE TABLE imports (id integer PRIMARY KEY)');
  },
  async start(stage) {
    const keeper = await stage.connect({
      role: 'imports_app',
      application_name: 'imports',
      address: '127.0.0.21',
    });
    await keeper.query('SELECT pg_advisory_lock(4201)');
    await keeper.query('SELECT "id" FROM "imports"');
    const migrated = await stage.connect({
      role: 'imports_app',
      application_name: 'other',
      address: '127.0.0.22',
    });
    await migrated.query('SELECT pg_advisory_lock(99)');
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'imports_app', application_name: 'imports', address: `127.0.0.${11 + index}`},
        async client => {
          await client.query('SELECT pg_advisory_lock($1)', [4201]);
          await client.query('SELECT pg_advisory_unlock($1)', [4201]);
        },
      );
    }
    await stage.until(
      "SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event = 'advisory' AND now() - query_start > '5 s'",
    );
  },
  first: {
    cause: 'advisory-lock',
    recipe: 'release-blockers',
    summary:
      /^imports\/imports_app \(\d+\), idle for \d+s after a SELECT, holds advisory lock 4201; 3 sessions wait for it/,
    within_seconds: 10,
  },
  innocents: ['other'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr = '127.0.0.21'",
    );
  },
  solution: ['A session-level advisory lock outlives the transaction that took it.'],
};
