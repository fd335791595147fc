import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A subscriber was removed and its slot was not: with a limit the slot is about to lose its WAL. */
export const story: Story = {
  name: 'dead-subscriber',
  title: 'The slot of a subscriber that is gone keeps WAL beyond its limit',
  page: 'disk of the database: pg_wal grows, 85 % used.',
  settings: {
    wal_level: 'logical',
    max_slot_wal_keep_size: '48MB',
    max_wal_size: '64MB',
    min_wal_size: '32MB',
  },
  async prepare(stage) {
    for (const role of ['shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
CREATE TABLE log (id bigserial PRIMARY KEY, note text);`);
    await stage.admin.query("SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')");
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    for (let turn = 0; turn < 30; turn++) {
      await stage.admin.query("INSERT INTO log (note) SELECT repeat('x', 900) FROM generate_series(1, 3000)");
      const {rows} = await stage.admin.query<{wal_status: string}>(
        "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'warehouse'",
      );
      if (rows[0]?.wal_status === 'unreserved') break;
    }
  },
  first: {
    cause: 'slot-wal',
    recipe: null,
    summary:
      /^logical slot warehouse \(inactive\) retains \S+ of WAL and is invalidated at the next checkpoint$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'psql', 'idle-pool'],
  async cure({admin}) {
    await admin.query("SELECT pg_drop_replication_slot('warehouse')");
  },
  solution: [
    'The warehouse was moved to another product, and its subscription was dropped without its slot.',
  ],
};
