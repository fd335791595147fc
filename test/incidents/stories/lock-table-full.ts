import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A job took an advisory lock for each of its rows, and its session keeps them: there is no room for the locks of others. */
export const story: Story = {
  name: 'lock-table-full',
  title: 'The shared lock table is full',
  page: 'events: writes fail with "out of shared memory" (53200). The machine has free memory.',
  settings: {max_connections: 40},
  async prepare(stage) {
    for (const role of ['events_app', 'analyst', 'etl']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE events (id bigserial PRIMARY KEY, kind text NOT NULL);
INSERT INTO events (kind) SELECT 'view' FROM generate_series(1, 2000) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'events_app', application_name: 'events-api', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT kind FROM events WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
      await stage.loop(
        {role: 'events_app', application_name: 'collector', address: '127.0.0.21'},
        client =>
          client.query(
            "INSERT INTO events (kind) SELECT 'view' FROM generate_series(1, 90) n WHERE pg_advisory_xact_lock($1::integer, n) IS NOT NULL",
            [index],
          ),
        {pause_ms: 60},
      );
    }
    const job = await stage.connect({role: 'etl', application_name: 'rollup', address: '127.0.0.41'});
    jobs.set(stage, job);
    // Once the table is full, a session can read no catalog: what it needs later it reads now.
    await job.query('SELECT count(pg_advisory_unlock(n)) FROM generate_series(1, 1) n');
    await job.query(`
DO $$ BEGIN
  FOR n IN 1..200000 LOOP
    BEGIN PERFORM pg_advisory_lock(n); EXCEPTION WHEN out_of_memory THEN EXIT; END;
  END LOOP;
END $$`);
    // Transactions of others end, which leaves room for small ones.
    await job.query('SELECT count(pg_advisory_unlock(n)) FROM generate_series(1, 60) n');
    await stage.until('SELECT xact_rollback > 20 FROM pg_stat_database WHERE datname = current_database()');
  },
  first: {
    cause: 'lock-table-full',
    recipe: 'terminate-sessions',
    summary:
      /^the shared lock table is full: rollup\/etl has [\d.]+k? of its [\d.]+k? locks; statements (?:may )?fail \(53200\), \d+ rollbacks\/s$/,
    within_seconds: 20,
  },
  innocents: ['psql', 'idle-pool', 'events-api', 'collector'],
  async cure(stage) {
    await jobs.get(stage)?.end();
  },
  solution: [
    'The roll-up took an advisory lock for each row, of the kind that outlives its transaction.',
    'max_locks_per_transaction is for the sum of all sessions, not for one.',
  ],
};

const jobs = new WeakMap<Stage, {end(): Promise<void>}>();
