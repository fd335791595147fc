import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** A transaction manager prepares every transfer and commits it a moment later, on another connection; transfers now and then meet. */
export const story: HealthyStory = {
  name: 'two-phase-commits',
  title: 'A transaction manager with two-phase commit',
  settings: {max_prepared_transactions: 20},
  async prepare(stage) {
    await stage.role('payments');
    await stage.admin.query(`
CREATE TABLE balances (id integer PRIMARY KEY, cents bigint NOT NULL);
INSERT INTO balances SELECT n, 0 FROM generate_series(1, 60) n;`);
    await stage.analyze();
  },
  async start(stage) {
    let transfers = 0;
    for (let index = 0; index < 5; index++) {
      const second = await stage.connect({
        role: 'payments',
        application_name: 'manager',
        address: '127.0.0.12',
      });
      await stage.loop(
        {role: 'payments', application_name: 'transfers', address: '127.0.0.11'},
        async client => {
          const name = `transfer-${++transfers}`;
          await client.query('BEGIN');
          await client.query('UPDATE balances SET cents = cents + 1 WHERE id = $1', [1 + (transfers % 60)]);
          await client.query(`PREPARE TRANSACTION '${name}'`);
          await stage.sleep(50);
          await second.query(`COMMIT PREPARED '${name}'`);
        },
        {pause_ms: 100},
      );
    }
    await stage.until('SELECT sum(cents) > 20 FROM balances');
  },
};
