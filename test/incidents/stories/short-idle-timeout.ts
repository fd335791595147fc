import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** ALTER ROLE ... SET idle_in_transaction_session_timeout, shorter than a call that the application makes in its transaction. */
export const story: Story = {
  name: 'short-idle-timeout',
  title: 'A timeout ends sessions inside their transactions',
  page: 'payments: "Connection terminated unexpectedly", every second payment, since timeouts were tightened.',
  async prepare(stage) {
    for (const role of ['payments', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE payment (id integer PRIMARY KEY, state text NOT NULL);
INSERT INTO payment SELECT n, 'new' FROM generate_series(1, 1000) n;
ALTER ROLE payments SET idle_in_transaction_session_timeout = '300ms';`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    for (let index = 0; index < 8; index++) {
      let times = index;
      await stage.loop(
        {role: 'payments', application_name: 'payments', address: '127.0.0.11'},
        async client => {
          await client.query('BEGIN');
          await client.query('SELECT state FROM payment WHERE id = $1 FOR UPDATE', [index + 1]);
          // The call of the bank.
          await stage.sleep(times++ % 2 === 0 ? 200 : 600);
          await client.query('UPDATE payment SET state = $1 WHERE id = $2', ['paid', index + 1]);
          await client.query('COMMIT');
        },
        {pause_ms: 50},
      );
    }
    await stage.until('SELECT xact_rollback > 10 FROM pg_stat_database WHERE datname = current_database()');
  },
  first: {
    cause: 'short-timeout',
    recipe: 'reset-role-setting',
    summary:
      /^sessions of payments\/payments are ended inside their transactions \(25P03\): idle_in_transaction_session_timeout = 300ms is set for role payments; /,
    within_seconds: 15,
  },
  innocents: ['psql', 'idle-pool', 'payments'],
  async cure({admin}) {
    await admin.query('ALTER ROLE payments RESET idle_in_transaction_session_timeout');
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'payments'");
  },
  solution: ['The bank is called before the transaction begins; the timeout is 10 s.'],
};
