import type {HealthyStory} from '../../../source/demo/stories/story.ts';

export const story: HealthyStory = {
  name: 'wrap-far',
  title:
    'A server that has used many transaction ids and is far from the end of them, with sequences half used',
  async prepare(stage) {
    await stage.role('app');
    await stage.admin.query(`
CREATE TABLE event (id serial PRIMARY KEY);
CREATE TABLE former (code smallserial);
SELECT setval('event_id_seq', 1300000000);
SELECT setval('former_code_seq', 20000);
CREATE SEQUENCE ticket MAXVALUE 10 CYCLE;
SELECT setval('ticket', 10);`);
    // Each block with an exception handler that writes takes a transaction id of its own.
    await stage.admin.query(`
CREATE TABLE burnt (n integer);
DO $$ BEGIN
  FOR n IN 1..50000 LOOP
    BEGIN INSERT INTO burnt VALUES (n); EXCEPTION WHEN others THEN NULL; END;
  END LOOP;
END $$;
DROP TABLE burnt;`);
    await stage.admin.query('ANALYZE');
  },
  async start(stage) {
    await stage.loop(
      {role: 'app', application_name: 'app', address: '127.0.0.11'},
      client => client.query('INSERT INTO event DEFAULT VALUES'),
      {pause_ms: 500},
    );
    await stage.until('SELECT count(*) > 1 FROM event');
  },
};
