import type {Story} from './story.ts';

export const story: Story = {
  name: 'stale-statistics',
  title: 'After a bulk load the planner believes what was true before',
  page: 'market: the list of new offers times out since the import of last night. It worked with the same data on staging.',
  async prepare(stage) {
    for (const role of ['market_app', 'importer', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE listings (id integer PRIMARY KEY, seller_id integer NOT NULL, status text NOT NULL, price integer NOT NULL);
CREATE TABLE sellers (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE offers (id integer PRIMARY KEY, seller_id integer NOT NULL, title text NOT NULL);
ALTER TABLE listings SET (autovacuum_enabled = off);
INSERT INTO sellers SELECT n, 'seller ' || n FROM generate_series(1, 2000) n;
INSERT INTO offers SELECT n, 1 + n % 2000, 'offer ' || n FROM generate_series(1, 2000) n;
INSERT INTO listings SELECT n, 1 + n % 2000, 'sold', n FROM generate_series(1, 20000) n;
CREATE INDEX listings_status_idx ON listings (status);
GRANT ALL ON ALL TABLES IN SCHEMA public TO market_app, importer, analyst;`);
    await stage.admin.query('ANALYZE');
    // 300,000 rows of a status that the statistics do not know.
    const load = await stage.connect({role: 'importer', application_name: 'import', address: '127.0.0.41'});
    await load.query(
      "INSERT INTO listings SELECT n, 1 + n % 2000, 'new', n FROM generate_series(20001, 320000) n",
    );
    // A session that ends reports its counts immediately.
    await load.end();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.21',
    });
    report.query('SELECT count(*), pg_sleep(600) FROM sellers').catch(() => {});
    for (let index = 0; index < 5; index++)
      await stage.loop(
        {role: 'market_app', application_name: 'market', address: `127.0.0.${11 + (index % 3)}`},
        client =>
          client.query(
            `SELECT s.name, l.price FROM listings l JOIN offers o ON o.seller_id = l.seller_id JOIN sellers s ON s.id = l.seller_id WHERE l.status = $1 AND o.title = l.price::text ORDER BY l.price LIMIT 20`,
            ['new'],
          ),
        {pause_ms: 50},
      );
    await stage.until(
      "SELECT count(*) >= 3 FROM pg_stat_activity WHERE application_name = 'market' AND state = 'active'",
    );
  },
  first: {
    cause: 'stale-statistics',
    recipe: 'analyze-stale-tables',
    summary:
      /^a SELECT of listings by market_app: .* per call, \d+% of the load, .*: statistics of listings are stale, 3\d0k rows have changed since, autovacuum is off for it$/,
    within_seconds: 60,
  },
  innocents: ['metabase', 'import'],
  async cure({admin}) {
    await admin.query('ANALYZE listings');
    await admin.query('ALTER TABLE listings RESET (autovacuum_enabled)');
  },
  solution: [
    'The import added 300,000 rows with a status that did not exist when listings was last analyzed, and autovacuum is off for that table.',
    'The planner expected one row of that status, and chose a nested loop that ran 300,000 times.',
    'ANALYZE took a second; the next plan was right.',
  ],
};
