import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/**
 * Much that looks odd and harms no session, at the same time: a nightly dump, a long report, a queue polled with SKIP LOCKED, a bulk load, an
 * anti-join every second, an idle pooler, LISTEN sessions and a session left in transaction.
 */
export const story: HealthyStory = {
  name: 'odd-clients',
  title: 'A dump, a report, a queue, a load and sessions left open',
  async prepare(stage) {
    for (const role of ['shop', 'worker', 'etl', 'analyst', 'backup']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers, total integer NOT NULL);
CREATE TABLE jobs (id bigserial PRIMARY KEY, done_at timestamptz);
CREATE TABLE staging (id integer NOT NULL, payload text NOT NULL);
CREATE INDEX orders_customer_id_idx ON orders (customer_id);
CREATE INDEX jobs_open_idx ON jobs (id) WHERE done_at IS NULL;
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 2000) n;
INSERT INTO orders SELECT n, 1 + n % 1500, n % 900 FROM generate_series(1, 20000) n;
CREATE VIEW slow_orders AS SELECT id, (pg_sleep(0.5) IS NULL)::integer AS slow FROM orders;
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop, worker, etl, analyst, backup;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO worker;`);
    await stage.analyze();
  },
  async start(stage) {
    const dump = await stage.connect({role: 'backup', application_name: 'pg_dump', address: '127.0.0.51'});
    await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await dump.query('LOCK TABLE customers, orders, jobs, staging IN ACCESS SHARE MODE');
    dump.query('SELECT * FROM slow_orders').catch(() => {});
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.52',
    });
    report.query('SELECT sum(total), pg_sleep(600) FROM orders').catch(() => {});
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.53'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    for (let index = 0; index < 3; index++) {
      const listener = await stage.connect({
        role: 'worker',
        application_name: 'notifier',
        address: '127.0.0.41',
      });
      await listener.query('LISTEN jobs');
    }
    for (let index = 0; index < 30; index++) {
      const server = await stage.connect({
        role: 'shop',
        application_name: 'pgbouncer',
        address: '127.0.0.11',
      });
      await server.query('DISCARD ALL');
    }
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${21 + (index % 2)}`},
        client => client.query('SELECT "total" FROM "orders" WHERE "id" = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'worker', application_name: 'jobs', address: '127.0.0.42'},
        async client => {
          await client.query('INSERT INTO "jobs" DEFAULT VALUES');
          await client.query('BEGIN');
          const {rows} = await client.query<{id: string}>(
            'SELECT "id" FROM "jobs" WHERE "done_at" IS NULL ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED',
          );
          await stage.sleep(30);
          await client.query('UPDATE "jobs" SET "done_at" = now() WHERE "id" = $1', [rows[0]?.id ?? 0]);
          await client.query('COMMIT');
        },
        {pause_ms: 20},
      );
    }
    await stage.loop(
      {role: 'etl', application_name: 'import', address: '127.0.0.61'},
      client =>
        client.query(
          "INSERT INTO staging SELECT n, 'payload' FROM generate_series(1, 500) n, LATERAL (SELECT pg_sleep(0.002)) AS slow",
        ),
      {pause_ms: 200},
    );
    await stage.loop(
      {role: 'analyst', application_name: 'cron', address: '127.0.0.62'},
      client =>
        client.query(
          'SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL LIMIT 50',
        ),
      {pause_ms: 1000},
    );
    await stage.until('SELECT count(*) > 30 FROM jobs WHERE done_at IS NOT NULL');
  },
};
