import type pg from 'pg';
import type {Stage, Story} from './story.ts';

const login = {role: 'bookings_app', application_name: 'bookings-api'};
const addresses = ['127.0.0.11', '127.0.0.12'];

export const story: Story = {
  name: 'outside-call',
  title: 'A payment provider is called inside the transaction',
  page: 'bookings-api: P2024 "Timed out fetching a new connection from the connection pool" for half of the bookings. CPU and disk of the database are idle.',
  async prepare(stage) {
    for (const role of ['bookings_app', 'catalog_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Booking" (id integer PRIMARY KEY, status text NOT NULL, seats integer NOT NULL, "updatedAt" timestamptz NOT NULL DEFAULT now());
CREATE TABLE "Payment" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "bookingId" integer NOT NULL REFERENCES "Booking", amount integer NOT NULL);
CREATE TABLE "Event" (id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO "Booking" SELECT n, 'open', 2 FROM generate_series(1, 5000) n;
INSERT INTO "Event" SELECT n, 'event ' || n FROM generate_series(1, 500) n;
CREATE VIEW seats_by_status AS
  SELECT status, sum(seats + (pg_sleep(0.05) IS NULL)::integer) AS seats FROM "Booking" GROUP BY status;
GRANT SELECT ON seats_by_status TO analyst;
ANALYZE;`);
  },
  async start(stage) {
    await startInnocents(stage);
    await startBookings(stage, {isCallInside: true});
    await stage.until(
      `SELECT count(*) = 5 FROM pg_stat_activity WHERE application_name = 'bookings-api' AND state = 'idle in transaction'`,
    );
  },
  first: {
    cause: 'outside-call',
    recipe: null,
    summary:
      /^bookings-api\/bookings_app holds transactions open while it waits outside the database: all 5 sessions in a transaction in \d+ of \d+ snapshots, idle for \d\.\d s on average after UPDATE "Booking"$/,
    within_seconds: 60,
  },
  innocents: ['bookings-api', 'catalog-api', 'metabase', 'psql'],
  async cure(stage) {
    deployed.get(stage)?.abort();
    await startBookings(stage, {isCallInside: false});
  },
  solution: [
    'bookings-api charged the card between its UPDATE and its COMMIT: for 2 to 5 s each of its 5 connections waited for the payment provider.',
    'The statements took a tenth of a millisecond; ending the sessions would only have failed these bookings, as the next ones did the same.',
    'The call was moved behind the COMMIT; its result is written by a second transaction.',
  ],
};

/** The revision of the application that runs. */
const deployed = new WeakMap<Stage, AbortController>();

async function startBookings(stage: Stage, {isCallInside}: {isCallInside: boolean}): Promise<void> {
  const revision = new AbortController();
  deployed.set(stage, revision);
  for (let index = 0; index < 5; index++) {
    let booking = index * 1000;
    await stage.loop(
      {...login, address: addresses[index % 2] as string},
      async client => {
        booking++;
        const id = 1 + (booking % 5000);
        const call_ms = 2000 + ((booking * 701) % 3000);
        await client.query('BEGIN');
        await client.query(
          'UPDATE "public"."Booking" SET "status" = $1, "updatedAt" = now() WHERE ("public"."Booking"."id" = $2 AND 1=1)',
          ['charging', id],
        );
        if (isCallInside) await stage.sleep(call_ms);
        await client.query('INSERT INTO "public"."Payment" ("bookingId", "amount") VALUES ($1, $2)', [
          id,
          4200,
        ]);
        await client.query('COMMIT');
        if (!isCallInside) await stage.sleep(call_ms);
      },
      {signal: revision.signal},
    );
  }
}

async function startInnocents(stage: Stage): Promise<void> {
  const report = await stage.connect({role: 'analyst', application_name: 'metabase', address: '127.0.0.31'});
  report.query('SELECT * FROM seats_by_status').catch(() => {});
  const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.32'});
  await psql.query('BEGIN');
  await psql.query('SELECT * FROM seats_by_status LIMIT 0');
  const read = (client: pg.Client) =>
    client.query(
      'SELECT "public"."Event"."id", "public"."Event"."title" FROM "public"."Event" WHERE "public"."Event"."id" = $1',
      [Math.ceil(Math.random() * 500)],
    );
  for (let index = 0; index < 6; index++) {
    const address = `127.0.0.${21 + (index % 2)}`;
    await stage.loop({role: 'catalog_app', application_name: 'catalog-api', address}, read, {pause_ms: 250});
  }
}
