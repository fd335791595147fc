import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/**
 * Upkeep of large tables beside the daily work: autovacuum at its slow pace, CREATE INDEX CONCURRENTLY that waits for a report to
 * end, partitions that are created, attached and detached.
 */
export const story: HealthyStory = {
  name: 'maintenance',
  title: 'Autovacuum, an index built concurrently and new partitions',
  settings: {autovacuum_naptime: 1, autovacuum_vacuum_cost_delay: '20ms', autovacuum_vacuum_cost_limit: 100},
  async prepare(stage) {
    for (const role of ['shop', 'dba', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL, note text NOT NULL);
CREATE TABLE visits (id integer NOT NULL, day integer NOT NULL) PARTITION BY LIST (day);
CREATE TABLE visits_0 PARTITION OF visits FOR VALUES IN (0);
INSERT INTO orders SELECT n, n % 900, repeat('x', 100) FROM generate_series(1, 150000) n;
ALTER TABLE orders OWNER TO dba; ALTER TABLE visits OWNER TO dba; ALTER TABLE visits_0 OWNER TO dba;
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop, analyst;`);
    await stage.analyze();
    await stage.admin.query('UPDATE orders SET total = total + 1 WHERE id <= 100000');
  },
  async start(stage) {
    await stage.until("SELECT count(*) > 0 FROM pg_stat_progress_vacuum WHERE relid = 'orders'::regclass");
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT sum(total), pg_sleep(600) FROM orders WHERE id < 100').catch(() => {});
    for (let index = 0; index < 4; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query('UPDATE "orders" SET "total" = $1 WHERE "id" = $2', [5, 1 + index]);
          await client.query('INSERT INTO "visits" VALUES ($1, 0)', [index]);
        },
        {pause_ms: 60},
      );
    }
    const dba = await stage.connect({role: 'dba', application_name: 'psql', address: '127.0.0.32'});
    dba.query('CREATE INDEX CONCURRENTLY visits_id_idx ON visits_0 (id)').catch(() => {});
    let day = 0;
    await stage.loop(
      {role: 'dba', application_name: 'partman', address: '127.0.0.33'},
      async client => {
        day++;
        await client.query(`CREATE TABLE visits_${day} (LIKE visits)`);
        await client.query(`ALTER TABLE visits ATTACH PARTITION visits_${day} FOR VALUES IN (${day})`);
        await stage.sleep(1000);
        await client.query(`ALTER TABLE visits DETACH PARTITION visits_${day}`);
        await client.query(`DROP TABLE visits_${day}`);
      },
      {pause_ms: 1000},
    );
    await stage.until('SELECT count(*) > 0 FROM pg_stat_progress_create_index');
  },
};
