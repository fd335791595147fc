import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** SERIALIZABLE by default for a role whose transactions all touch the same few rows. */
export const story: Story = {
  name: 'serialization-storm',
  title: 'Transactions conflict with each other',
  page: 'seats: could not serialize access (40001) for every second booking since the campaign.',
  async prepare(stage) {
    for (const role of ['seats', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE seat (id integer PRIMARY KEY, hall integer NOT NULL, holder integer);
INSERT INTO seat SELECT n, n % 2 FROM generate_series(1, 40) n;
CREATE INDEX seat_hall_idx ON seat (hall);
ALTER ROLE seats SET default_transaction_isolation = 'serializable';`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    const campaign = new AbortController();
    campaigns.set(stage, campaign);
    for (let index = 0; index < 8; index++) {
      let seat = index * 5;
      await stage.loop(
        {role: 'seats', address: '127.0.0.11'},
        async client => {
          await client.query('BEGIN');
          try {
            await client.query('SELECT count(*) FROM seat WHERE hall = $1 AND holder IS NULL', [index % 2]);
            seat = (seat + 7) % 40;
            await client.query('UPDATE seat SET holder = $1 WHERE id = $2', [index, 1 + seat]);
            await client.query('COMMIT');
          } catch (error) {
            await client.query('ROLLBACK');
            throw error;
          }
        },
        {pause_ms: 50, signal: campaign.signal},
      );
    }
    await stage.until('SELECT xact_rollback > 20 FROM pg_stat_database WHERE datname = current_database()');
  },
  first: {
    cause: 'serialization-failures',
    recipe: 'serialization-failures',
    summary:
      /^\(no name\)\/seats: [\d.]+ rollbacks\/s, \d+% of app's transactions; its transactions are SERIALIZABLE \(default_transaction_isolation, set for role seats\): they conflict with each other \(40001\)$/,
    within_seconds: 15,
  },
  innocents: ['psql', 'idle-pool', ''],
  async cure(stage) {
    campaigns.get(stage)?.abort();
    await stage.loop({role: 'seats', address: '127.0.0.11'}, client => client.query('SELECT 1'), {
      pause_ms: 200,
    });
  },
  solution: ['The booking locks its hall (FOR UPDATE) in READ COMMITTED, and retries 40001 elsewhere.'],
};

const campaigns = new WeakMap<Stage, AbortController>();
