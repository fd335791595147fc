import type pg from 'pg';
import type {Stage, Story} from './story.ts';

/** Ends the revision of the application that locks the row. */
const revisions = new WeakMap<Stage, AbortController>();

export const story: Story = {
  name: 'hot-row',
  title: 'Every request changes one row',
  page: 'events-api: 900 ms a booking since the concert of organiser 42 is on sale. CPU of the database is idle.',
  async prepare(stage) {
    for (const role of ['events_api', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE usage_counters (organiser_id integer PRIMARY KEY, used bigint NOT NULL);
CREATE TABLE bookings (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organiser_id integer NOT NULL, seats integer NOT NULL);
INSERT INTO usage_counters SELECT n, 0 FROM generate_series(1, 200) n;
INSERT INTO bookings (organiser_id, seats) SELECT n % 200, 2 FROM generate_series(1, 5000) n;
CREATE VIEW seats_by_organiser AS
  SELECT organiser_id, sum(seats + (pg_sleep(0.2) IS NULL)::integer) AS seats FROM bookings GROUP BY organiser_id;
GRANT SELECT ON seats_by_organiser TO analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.21',
    });
    report.query('SELECT * FROM seats_by_organiser').catch(() => {});
    const psql = await stage.connect({application_name: 'psql', address: '127.0.0.22'});
    await psql.query('BEGIN');
    await psql.query('SELECT count(*) FROM bookings');
    const before = new AbortController();
    revisions.set(stage, before);
    for (let index = 0; index < 24; index++) {
      const login = {
        role: 'events_api',
        application_name: 'events-api',
        address: `127.0.0.${11 + (index % 4)}`,
      };
      const organiser = index === 23 ? 7 : 42;
      const work = async (client: pg.Client) => {
        await client.query('BEGIN');
        await client.query(
          `UPDATE "public"."usage_counters" SET "used" = "used" + 1 WHERE "public"."usage_counters"."organiser_id" = ${organiser}`,
        );
        await client.query('INSERT INTO "public"."bookings" ("organiser_id", "seats") VALUES ($1, $2)', [
          organiser,
          2,
        ]);
        // The application prices the booking.
        await stage.sleep(40);
        await client.query('COMMIT');
      };
      await stage.loop(login, work, {signal: before.signal});
    }
    await stage.until('SELECT count(*) >= 18 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'hot-row',
    recipe: null,
    summary:
      /^[12]\d of 24 sessions of events-api\/events_api queue for one row of (public\.)?usage_counters \(organiser_id = 42( in \d+ of \d+)?\)( in \d+ of \d+ snapshots)?; the holder changes/,
    within_seconds: 10,
  },
  innocents: ['metabase', 'psql', 'events-api'],
  async cure(stage) {
    // The application is deployed with counters that are summed up later.
    revisions.get(stage)?.abort();
    for (let index = 0; index < 8; index++)
      await stage.loop(
        {role: 'events_api', application_name: 'events-api', address: `127.0.0.${11 + (index % 4)}`},
        client =>
          client.query('INSERT INTO "public"."bookings" ("organiser_id", "seats") VALUES ($1, $2)', [42, 2]),
        {pause_ms: 200},
      );
  },
  solution: [
    'Every booking of organiser 42 adds to one row, and keeps it locked while the application prices the booking.',
    'Each session held the row for 40 ms, so 23 of them waited for almost a second each; ending one would have freed none.',
    'The application must change the row last, or spread it over several rows.',
  ],
};
