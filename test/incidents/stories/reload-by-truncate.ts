import type {Story} from '../../../source/demo/stories/story.ts';

/** The nightly import empties the price list and fills it again in one transaction: readers wait until it commits. */
export const story: Story = {
  name: 'reload-by-truncate',
  title: 'An import that truncates a table which is read all the time',
  page: 'shop: product pages hang since 02:00, P2024 from all pods.',
  async prepare(stage) {
    for (const role of ['shop', 'pricing', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE prices (sku integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO prices SELECT n, n % 900 FROM generate_series(1, 20000) n;
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO products SELECT n, 'product ' || n FROM generate_series(1, 1000) n;
CREATE VIEW supplier_prices AS
  SELECT n AS sku, n % 900 + (pg_sleep(0.05) IS NULL)::integer AS cents FROM generate_series(1, 20000) n;
CREATE VIEW product_margins AS SELECT name, (pg_sleep(0.5) IS NULL)::integer AS margin FROM products;
GRANT SELECT ON supplier_prices TO pricing;
GRANT SELECT ON product_margins TO analyst;`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT count(*) FROM products');
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.32',
    });
    report.query('SELECT * FROM product_margins ORDER BY margin').catch(() => {});
    for (let index = 0; index < 14; index++) {
      const sql =
        index % 7 === 6
          ? 'SELECT "name" FROM "products" WHERE "id" = $1'
          : 'SELECT "cents" FROM "prices" WHERE "sku" = $1';
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 3)}`},
        client => client.query(sql, [1 + index]),
        {pause_ms: 80},
      );
    }
    const load = await stage.connect({
      role: 'pricing',
      application_name: 'price-import',
      address: '127.0.0.41',
    });
    await load.query('BEGIN');
    await load.query('TRUNCATE prices');
    load.query('INSERT INTO prices SELECT sku, cents FROM supplier_prices').catch(() => {});
    await stage.until('SELECT count(*) >= 12 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'running-blocker',
    recipe: 'release-blockers',
    summary:
      /^INSERT INTO prices \(price-import\/pricing, \d+s\) holds a lock on (public\.)?prices; 12 sessions wait for it, the longest for \d+s$/,
    within_seconds: 10,
  },
  innocents: ['psql', 'metabase', 'shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'price-import'",
    );
  },
  solution: [
    'TRUNCATE locks the table against readers until its transaction ends, and the load came after it.',
    'The import now fills a table beside it and swaps the two, or deletes and inserts the rows that differ.',
  ],
};
