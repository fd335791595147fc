import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Four workers of a batch are in transaction all the time and compute between their statements; a COPY runs beside them. */
export const story: HealthyStory = {
  name: 'batch-job',
  title: 'A batch and a bulk load',
  async prepare(stage) {
    for (const role of ['batch', 'web_app']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE scores (id integer PRIMARY KEY, score integer NOT NULL);
CREATE TABLE loaded (id integer, score integer);
GRANT ALL ON loaded TO batch;
INSERT INTO scores SELECT n, 0 FROM generate_series(1, 40000) n;
ANALYZE;`);
  },
  async start(stage) {
    for (let worker = 0; worker < 4; worker++) {
      let chunk = 0;
      await stage.loop(
        {role: 'batch', application_name: 'nightly-scores', address: '127.0.0.11'},
        async client => {
          const from = worker * 10_000 + (chunk++ % 100) * 100;
          await client.query('BEGIN');
          await client.query('SELECT id, score FROM scores WHERE id BETWEEN $1 AND $2', [from, from + 99]);
          await stage.sleep(300);
          await client.query('UPDATE scores SET score = score + 1 WHERE id BETWEEN $1 AND $2', [
            from,
            from + 99,
          ]);
          await client.query('COMMIT');
        },
      );
    }
    for (let loader = 0; loader < 4; loader++) {
      await stage.loop({role: 'batch', application_name: 'loader', address: '127.0.0.12'}, client =>
        client.query(
          'INSERT INTO loaded SELECT n, 1 FROM generate_series(1, 1000) n, LATERAL (SELECT pg_sleep(0.002)) AS slow',
        ),
      );
    }
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: '127.0.0.21'},
        client => client.query('SELECT score FROM scores WHERE id = $1', [index]),
        {pause_ms: 100},
      );
    }
  },
};
