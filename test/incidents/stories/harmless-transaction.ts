import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Sessions left in a transaction that hold nothing, beside an application whose transactions are short. */
export const story: HealthyStory = {
  name: 'harmless-transaction',
  title: 'A session left in transaction that holds nothing',
  async prepare(stage) {
    for (const role of ['api', 'analyst']) await stage.role(role);
    await stage.admin.query('CREATE TABLE items AS SELECT n AS id FROM generate_series(1, 1000) n; ANALYZE;');
  },
  async start(stage) {
    for (const application_name of ['psql', 'DBeaver 24']) {
      const client = await stage.connect({role: 'analyst', application_name, address: '127.0.0.31'});
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM items');
    }
    for (let index = 0; index < 6; index++) {
      await stage.loop({role: 'api', application_name: 'api', address: '127.0.0.11'}, async client => {
        await client.query('BEGIN');
        await client.query('SELECT count(*) FROM items WHERE id = $1', [index]);
        await stage.sleep(80);
        await client.query('COMMIT');
        await stage.sleep(100);
      });
    }
    await stage.until(
      `SELECT max(clock_timestamp() - state_change) > '31s' FROM pg_stat_activity WHERE application_name = 'psql'`,
    );
  },
};
