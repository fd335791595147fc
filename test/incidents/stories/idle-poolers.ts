import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** PgBouncer keeps 30 server connections, of which two are used. */
export const story: HealthyStory = {
  name: 'idle-poolers',
  title: 'Idle server connections of a pooler',
  async prepare(stage) {
    await stage.role('app');
    await stage.admin.query('CREATE TABLE items AS SELECT n AS id FROM generate_series(1, 1000) n; ANALYZE;');
  },
  async start(stage) {
    const login = {role: 'app', application_name: 'pgbouncer', address: '127.0.0.11'};
    for (let index = 0; index < 30; index++) {
      const client = await stage.connect(login);
      await client.query('DISCARD ALL');
    }
    for (let index = 0; index < 2; index++) {
      await stage.loop(login, client => client.query('SELECT count(*) FROM items'), {pause_ms: 50});
    }
  },
};
