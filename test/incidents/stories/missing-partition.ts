import type {Story} from '../../../source/demo/stories/story.ts';

/** Midnight, and the job that creates partitions did not run. The server counts no rollback for such an INSERT. */
export const story: Story = {
  name: 'missing-partition',
  title: 'No partition for today',
  // Sessions have no query id before.
  since: 14,
  page: 'collector: nothing has been stored since midnight (23514). The dashboard of the database is green.',
  async prepare(stage) {
    for (const role of ['collector', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE SCHEMA telemetry;
GRANT USAGE ON SCHEMA telemetry TO collector, analyst;
CREATE TABLE telemetry.measurements (
  taken_at timestamptz NOT NULL, device integer NOT NULL, value double precision NOT NULL
) PARTITION BY RANGE (taken_at);
CREATE FUNCTION telemetry.day(n integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT date_trunc('minute', now()) - (10 - n) * interval '1 day' $$;
DO $$ BEGIN
  FOR n IN 1..9 LOOP
    EXECUTE format('CREATE TABLE telemetry.measurements_%s PARTITION OF telemetry.measurements FOR VALUES FROM (%L) TO (%L)',
      n, telemetry.day(n), telemetry.day(n + 1));
  END LOOP;
END $$;
INSERT INTO telemetry.measurements
SELECT now() - interval '1 hour' - n * interval '1 hour', n % 40, n FROM generate_series(1, 200) n;
GRANT ALL ON ALL TABLES IN SCHEMA telemetry TO collector, analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.32',
    });
    report.query('SELECT count(*), pg_sleep(600) FROM telemetry.measurements').catch(() => {});
    for (let index = 0; index < 5; index++) {
      // Its pooler says no application_name.
      await stage.loop(
        {role: 'collector', address: '127.0.0.11'},
        client =>
          client.query(
            'INSERT INTO "telemetry"."measurements" ("taken_at", "device", "value") VALUES (now(), $1, $2)',
            [index, 3.5],
          ),
        {pause_ms: 50},
      );
    }
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'analyst', application_name: 'dashboard', address: '127.0.0.12'},
        client => client.query('SELECT count(*) FROM telemetry.measurements WHERE device = $1', [index]),
        {pause_ms: 100},
      );
    }
    await stage.until("SELECT count(*) = 5 FROM pg_stat_activity WHERE query LIKE 'INSERT%measurements%'");
  },
  first: {
    cause: 'missing-partition',
    recipe: 'missing-partition',
    summary:
      /^telemetry\.measurements has no partition for now: the last one ended at \S+; inserts of \(no name\)\/collector fail \(23514\)$/,
    within_seconds: 15,
  },
  innocents: ['psql', 'metabase', 'dashboard', ''],
  async cure({admin}) {
    // PARTITION OF would wait for the report, and all others behind it.
    await admin.query(`
CREATE TABLE telemetry.measurements_10 (LIKE telemetry.measurements);
GRANT ALL ON telemetry.measurements_10 TO collector, analyst;
DO $$ BEGIN
  EXECUTE format('ALTER TABLE telemetry.measurements ATTACH PARTITION telemetry.measurements_10 FOR VALUES FROM (%L) TO (%L)',
    (SELECT max(substring(pg_get_expr(relpartbound, 0) FROM 'TO \\(''([^'']+)')::timestamptz)
      FROM pg_class WHERE relname LIKE 'measurements\\_%'), now() + interval '1 day');
END $$`);
  },
  solution: ['The partitions of the next days are created a week ahead now.'],
};
