import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Scripts without a pool: each request connects, runs two statements and disconnects; a function fleet from many addresses does so, too. */
export const story: HealthyStory = {
  name: 'short-connections',
  title: 'PHP and functions: a connection for each request',
  async prepare(stage) {
    for (const role of ['php', 'functions']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE page (id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO page SELECT n, 'page ' || n FROM generate_series(1, 500) n;
GRANT ALL ON page TO php, functions;`);
    await stage.analyze();
  },
  async start(stage) {
    const serve = async (role: string, address: string, work_ms: number, pause_ms: number) => {
      while (!stage.signal.aborted) {
        const client = await stage.connect({role, application_name: role === 'php' ? '' : 'lambda', address});
        await client.query('SELECT title FROM page WHERE id = $1', [1]);
        await stage.sleep(work_ms);
        await client.query('SELECT count(*) FROM page');
        await client.end();
        await stage.sleep(pause_ms);
      }
    };
    for (let index = 0; index < 4; index++) {
      serve('php', '127.0.0.11', 60, 200).catch(() => {});
      serve('functions', `127.0.0.${21 + index}`, 300, 900).catch(() => {});
    }
    await stage.until("SELECT count(*) > 2 FROM pg_stat_activity WHERE usename IN ('php', 'functions')");
  },
};
