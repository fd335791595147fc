import type {Story} from './story.ts';

export const story: Story = {
  name: 'full-column',
  title: 'An integer column that its sequence has outgrown',
  page: 'ingest: no reading has been stored for some minutes, sensors time out. The database looks idle. Dashboards work.',
  async prepare(stage) {
    for (const role of ['ingest', 'dashboards', 'reporting']) await stage.role(role);
    await stage.admin.query(`
CREATE SEQUENCE readings_id_seq;
CREATE TABLE readings (id integer PRIMARY KEY DEFAULT nextval('readings_id_seq'), sensor integer NOT NULL, value real NOT NULL);
ALTER SEQUENCE readings_id_seq OWNED BY readings.id;
CREATE TABLE alerts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reading_id integer NOT NULL REFERENCES readings (id));
CREATE INDEX ON alerts (reading_id);
CREATE TABLE sensors (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO sensors SELECT n, 'sensor ' || n FROM generate_series(1, 50) n;
INSERT INTO readings (id, sensor, value) SELECT 2147483647 - n, n % 50, n FROM generate_series(0, 7999) n;
INSERT INTO alerts (reading_id) SELECT 2147483647 - n FROM generate_series(0, 99) n;
SELECT setval('readings_id_seq', 2147483640);
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ingest;`);
    await stage.admin.query(
      'DELETE FROM readings WHERE id > 2147483640 AND id NOT IN (SELECT reading_id FROM alerts)',
    );
    await stage.admin.query('ANALYZE');
  },
  async start(stage) {
    // A long report, a session idle in transaction that holds nothing, and an application that only reads.
    const report = await stage.connect({
      role: 'reporting',
      application_name: 'nightly-report',
      address: '127.0.0.21',
    });
    report.query('SELECT name, pg_sleep(1) FROM sensors ORDER BY name').catch(() => {});
    const psql = await stage.connect({application_name: 'psql', address: '127.0.0.22'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    for (let index = 0; index < 2; index++) {
      await stage.loop(
        {role: 'dashboards', application_name: 'dashboards', address: '127.0.0.23'},
        client =>
          client.query('SELECT value FROM readings WHERE sensor = $1 ORDER BY id DESC LIMIT 5', [index]),
        {pause_ms: 1000},
      );
    }
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'ingest', application_name: 'ingest_app', address: `127.0.0.${11 + (index % 2)}`},
        client =>
          client.query('INSERT INTO "readings" ("sensor", "value") VALUES ($1, $2) RETURNING "id"', [
            index,
            Math.PI,
          ]),
        {pause_ms: 50},
      );
    }
    await stage.until('SELECT last_value > 2147483700 FROM readings_id_seq');
  },
  first: {
    cause: 'full-column',
    recipe: 'widen-column',
    summary:
      /^readings\.id \(integer\) cannot take its sequence's next value \d+; ingest_app\/ingest: [\d.]+ rollbacks\/s, \d+% of app's transactions; alerts\.reading_id refers to it$/,
    within_seconds: 10,
  },
  innocents: ['nightly-report', 'psql', 'dashboards'],
  async cure({admin}) {
    await admin.query('ALTER TABLE alerts ALTER COLUMN reading_id TYPE bigint');
    await admin.query('ALTER TABLE readings ALTER COLUMN id TYPE bigint');
  },
  solution: [
    'readings.id is an integer, its sequence a bigint: past 2147483647 every INSERT failed with "integer out of range" (22003).',
    'Nothing was slow and nothing waited: only the rollbacks showed it, as a failed statement is counted nowhere else.',
    'The column and alerts.reading_id, which refers to it, became bigint; negative values would have bought time on a larger table.',
  ],
};
