import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** A database at its own CONNECTION LIMIT, while the server has many free slots. */
export const story: Story = {
  name: 'database-limit',
  title: 'A database at its connection limit',
  page: 'shop: FATAL: too many connections for database "app" (53300). The server has 100.',
  async prepare(stage) {
    for (const role of ['shop', 'stock', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    const oversized = new AbortController();
    deployed.set(stage, oversized);
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    await stage.admin.query('ALTER DATABASE app CONNECTION LIMIT 20');
    for (let index = 0; index < 14; index++)
      await stage.loop(
        {role: 'stock', application_name: 'stock-sync', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 150, ...(index < 12 && {signal: oversized.signal})},
      );
    for (let index = 0; index < 8; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 100},
      );
    await stage.until("SELECT count(*) >= 20 FROM pg_stat_activity WHERE datname = 'app'");
  },
  first: {
    cause: 'database-limit',
    recipe: null,
    summary:
      /^database app is at its CONNECTION LIMIT 20, logins fail \(53300\) with \d\d slots free; stock-sync\/stock has 1\d/,
    within_seconds: 10,
  },
  innocents: ['psql', 'shop'],
  async cure(stage) {
    deployed.get(stage)?.abort();
  },
  solution: ['stock-sync had 7 connections for each of 2 instances; now it has 1 each.'],
};

const deployed = new WeakMap<Stage, AbortController>();
