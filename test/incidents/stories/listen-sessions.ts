import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Sessions that listen are idle for hours, and one of a lost leader election holds an advisory lock. */
export const story: HealthyStory = {
  name: 'listen-sessions',
  title: 'Sessions that LISTEN',
  async prepare(stage) {
    for (const role of ['app', 'worker']) await stage.role(role);
  },
  async start(stage) {
    for (let index = 0; index < 12; index++) {
      const client = await stage.connect({
        role: 'app',
        application_name: 'realtime',
        address: `127.0.0.${11 + (index % 4)}`,
      });
      await client.query('LISTEN updates');
    }
    const leader = await stage.connect({
      role: 'worker',
      application_name: 'scheduler',
      address: '127.0.0.21',
    });
    await leader.query('SELECT pg_advisory_lock(42)');
    await stage.loop(
      {role: 'worker', application_name: 'scheduler', address: '127.0.0.22'},
      client => client.query("NOTIFY updates, 'now'"),
      {pause_ms: 500},
    );
  },
};
