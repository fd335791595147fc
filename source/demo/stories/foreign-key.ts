import type {Story} from './story.ts';

export const story: Story = {
  name: 'foreign-key',
  title: 'A purge scans a large table for each row that it deletes',
  page: 'crm: saving a contact hangs for seconds, then works, then hangs again. Began with the GDPR purge at 14:00.',
  async prepare(stage) {
    for (const role of ['crm_app', 'ops', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE accounts (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE contacts (id integer PRIMARY KEY, account_id integer NOT NULL, touched_at timestamptz);
CREATE TABLE activities (id integer PRIMARY KEY, contact_id integer NOT NULL, note text NOT NULL);
CREATE TABLE invoices (id integer PRIMARY KEY, product_id integer NOT NULL);
CREATE TABLE products (id integer PRIMARY KEY);
INSERT INTO accounts SELECT n, 'account ' || n FROM generate_series(1, 4000) n;
INSERT INTO contacts SELECT n, 1 + n / 5 FROM generate_series(1, 19990) n;
INSERT INTO activities SELECT n, 1 + (n * 7919::bigint) % 19990, 'called' FROM generate_series(1, 400000) n;
INSERT INTO products SELECT n FROM generate_series(1, 100) n;
INSERT INTO invoices SELECT n, 1 + n % 100 FROM generate_series(1, 20000) n;
CREATE INDEX contacts_account_id_idx ON contacts (account_id);
ALTER TABLE contacts ADD CONSTRAINT contacts_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts ON DELETE CASCADE;
ALTER TABLE activities ADD CONSTRAINT activities_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts ON DELETE CASCADE;
ALTER TABLE invoices ADD CONSTRAINT invoices_product_id_fkey FOREIGN KEY (product_id) REFERENCES products;
CREATE VIEW activity_by_contact AS
  SELECT contact_id, sum((pg_sleep(0.01) IS NULL)::integer) + 1 AS activities FROM activities WHERE id <= 200 GROUP BY contact_id;
GRANT SELECT ON activity_by_contact TO analyst;
GRANT DELETE, SELECT ON ALL TABLES IN SCHEMA public TO ops;`);
    await stage.analyze();
  },
  async start(stage) {
    // Of a few seconds each: a long one would keep the new index waiting.
    await stage.loop({role: 'analyst', application_name: 'metabase', address: '127.0.0.21'}, client =>
      client.query('SELECT * FROM activity_by_contact ORDER BY activities DESC'),
    );
    const psql = await stage.connect({application_name: 'psql', address: '127.0.0.22'});
    await psql.query('BEGIN');
    await psql.query('SELECT count(*) FROM invoices');
    await stage.loop(
      {role: 'ops', application_name: 'gdpr-purge', address: '127.0.0.31'},
      async client => {
        await client.query(
          'DELETE FROM "accounts" WHERE "id" IN (SELECT "id" FROM "accounts" ORDER BY "id" LIMIT 20)',
        );
      },
      {pause_ms: 20},
    );
    for (let index = 0; index < 8; index++) {
      const login = {role: 'crm_app', application_name: 'crm', address: `127.0.0.${11 + (index % 2)}`};
      // Contacts of the oldest accounts, which the purge is about to delete.
      await stage.loop(
        login,
        client =>
          client.query(
            'UPDATE "contacts" SET "touched_at" = now() WHERE "account_id" = (SELECT min("id") + $1 FROM "accounts")',
            [index],
          ),
        {pause_ms: 200},
      );
    }
    await stage.until('SELECT count(*) >= 6 FROM pg_locks WHERE NOT granted');
  },
  first: {
    cause: 'foreign-key',
    recipe: 'apply-indexes',
    summary:
      /^DELETE FROM accounts \(gdpr-purge\/ops, \d+s\) scans activities \(400k rows\) for each deleted row of contacts: no index on \(contact_id\)/,
    within_seconds: 10,
  },
  innocents: ['psql', 'metabase', 'crm'],
  async cure({admin}) {
    await admin.query('CREATE INDEX activities_contact_id_idx ON activities (contact_id)');
  },
  solution: [
    'The purge deletes accounts, and with them their contacts; for each contact the server looks for its activities.',
    'No index of activities begins with contact_id, so each look was a scan of 400,000 rows, and the purge kept its row locks all the while.',
    'The index was one of two that were missing; the other one did no harm.',
  ],
};
