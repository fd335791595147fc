import type {Story} from '../../../source/demo/stories/story.ts';

/** A coordinator died between PREPARE and COMMIT PREPARED: its locks have no session. */
export const story: Story = {
  name: 'prepared-transaction',
  title: 'A prepared transaction keeps rows locked',
  page: 'payments: some accounts cannot be booked. No session seems to hold them.',
  settings: {max_prepared_transactions: 5},
  async prepare(stage) {
    await stage.role('payments_app');
    await stage.admin.query(`
CREATE TABLE balances (id integer PRIMARY KEY, cents bigint NOT NULL);
INSERT INTO balances SELECT n, 0 FROM generate_series(1, 100) n;`);
    await stage.analyze();
  },
  async start(stage) {
    const coordinator = await stage.connect({role: 'payments_app', application_name: 'ledger'});
    await coordinator.query('BEGIN');
    await coordinator.query('UPDATE balances SET cents = 1 WHERE id < 10');
    await coordinator.query("PREPARE TRANSACTION 'booking-77'");
    // It is alive and idle, and holds nothing.
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'payments_app', application_name: 'payments', address: `127.0.0.${11 + index}`},
        client =>
          client.query('UPDATE "balances" SET "cents" = "cents" + $1 WHERE "id" = $2', [5, 5 + index]),
        {pause_ms: 100},
      );
    }
    await stage.until('SELECT count(*) >= 5 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'prepared-transaction',
    recipe: null,
    summary:
      /^(prepared transaction booking-77, \d+s old,|a prepared transaction) holds rows of (public\.)?balances; 5 sessions wait for it/,
    within_seconds: 10,
  },
  innocents: ['ledger', 'payments'],
  async cure({admin}) {
    await admin.query("ROLLBACK PREPARED 'booking-77'");
  },
  solution: ['The coordinator died between PREPARE TRANSACTION and COMMIT PREPARED.'],
};
