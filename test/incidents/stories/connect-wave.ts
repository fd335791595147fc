import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** An application that connects for each request. */
export const story: Story = {
  name: 'connect-wave',
  title: 'An application without a pool',
  page: 'feed: every third request fails with "sorry, too many clients already". CPU of the database is high, its statements are fast.',
  settings: {max_connections: 40},
  async prepare(stage) {
    for (const role of ['feed_app', 'web_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE entries (id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO entries SELECT n, 'entry ' || n FROM generate_series(1, 2000) n;
ANALYZE;`);
  },
  async start(stage) {
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: '127.0.0.11'},
        client => client.query('SELECT title FROM entries WHERE id = $1', [index]),
        {pause_ms: 300},
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    const fixing = new AbortController();
    fixed.set(stage, fixing);
    for (let index = 0; index < 40; index++) request(stage, fixing.signal, index).catch(() => {});
    await stage.until(`SELECT count(*) > 20 FROM pg_stat_activity WHERE application_name = 'feed'`);
  },
  first: {
    cause: 'connect-wave',
    recipe: null,
    summary:
      /^feed\/feed_app opens at least \d+ connections\/s and closes them: it has no pool: (up to )?\d\d of 37 slots are in use/,
    within_seconds: 60,
  },
  innocents: ['web', 'psql', 'feed'],
  async cure(stage) {
    fixed.get(stage)?.abort();
    await stage.until(`SELECT count(*) < 3 FROM pg_stat_activity WHERE application_name = 'feed'`);
  },
  solution: ['feed made a PrismaClient in each request; it makes one when it starts now.'],
};

const fixed = new WeakMap<Stage, AbortController>();

async function request(stage: Stage, until: AbortSignal, index: number): Promise<void> {
  while (!until.aborted && !stage.signal.aborted) {
    try {
      const address = `127.0.0.${21 + (index % 4)}`;
      const client = await stage.connect({role: 'feed_app', application_name: 'feed', address});
      await client.query('SELECT title FROM entries WHERE id = $1', [index]);
      // Renders the feed.
      await stage.sleep(700);
      await client.end();
    } catch {
      await stage.sleep(300);
    }
  }
}
