import type {Story} from '../../../source/demo/stories/story.ts';

/** A page that reads all invoices of a customer was opened to all customers: its sessions wait for the one process that reads for all of them. */
export const story: Story = {
  name: 'disk-reads',
  title: 'The load waits for the blocks that one statement reads',
  since: 18,
  page: 'billing: totals take seconds since the release, CPU is not the limit.',
  settings: {
    shared_buffers: '2MB',
    io_method: 'worker',
    io_workers: 1,
    max_parallel_workers_per_gather: 0,
  },
  async prepare(stage) {
    for (const role of ['billing_app', 'shop']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Invoice" (customer integer NOT NULL, total integer NOT NULL, note text NOT NULL) PARTITION BY LIST (customer);
ALTER TABLE "Invoice" ALTER note SET STORAGE PLAIN;
${customers.map(n => `CREATE TABLE "Invoice_${n}" PARTITION OF "Invoice" FOR VALUES IN (${n});`).join('\n')}
INSERT INTO "Invoice" SELECT n % 8, n, repeat('x', 3500) FROM generate_series(1, 24000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
GRANT ALL ON "Invoice", item TO billing_app, shop;`);
    await stage.analyze();
    const shop = await stage.connect({role: 'shop', application_name: 'shop'});
    for (let call = 0; call < 500; call++) await shop.query(lookup, [1 + call]);
    await shop.end();
    const billing = await stage.connect({role: 'billing_app', application_name: 'billing'});
    for (let call = 0; call < 60; call++) await billing.query(report, [call % 8, 23_000]);
    await billing.end();
  },
  async start(stage) {
    for (const customer of customers) {
      await stage.loop(
        {role: 'billing_app', application_name: 'billing', address: `127.0.0.${11 + (customer % 2)}`},
        client => client.query(report, [customer, 23_000]),
        {pause_ms: 5},
      );
    }
    await stage.loop(
      {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
      client => client.query(lookup, [1]),
      {pause_ms: 100},
    );
  },
  first: {
    cause: 'disk-reads',
    recipe: 'slow-statement',
    summary:
      /^\d+% of the load waits for IO:\w+, caused by a SELECT of Invoice by billing_app, which reads \d[\d.]*k? blocks per call: [\d.]+m?s, \d\.\d concurrent sessions; [\d.]+ms per call before$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'billing'],
  async cure({admin}) {
    await admin.query('CREATE INDEX ON "Invoice" (customer, total)');
  },
  solution: [
    'What one clerk asked for now and then, the release shows to every customer; there is no index for it.',
  ],
};

/** Each has a part of its own: sessions do not find in shared buffers what others have read. */
const customers = [0, 1, 2, 3, 4, 5, 6, 7];

const report = 'SELECT count(*) FROM "Invoice" WHERE customer = $1 AND total > $2';
const lookup = 'SELECT name FROM item WHERE id = $1';
