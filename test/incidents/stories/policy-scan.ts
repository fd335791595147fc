import type {Story} from '../../../source/demo/stories/story.ts';

/** Row-level security was switched on: its condition is not in the statement, and no index serves it together with the order. */
export const story: Story = {
  name: 'policy-scan',
  title: 'A list walks through the whole table since a policy filters its rows',
  page: 'documents: the list takes 40 times as long since the security release at noon. Its SQL has not changed.',
  async prepare(stage) {
    for (const role of ['docs_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE documents (id integer PRIMARY KEY, tenant_id integer NOT NULL, title text NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX ON documents (created_at);
INSERT INTO documents
SELECT n, CASE WHEN n <= 2000 THEN n % 20 ELSE 100 + n % 300 END, repeat('x', 100), now() - (100000 - n) * interval '1 minute'
FROM generate_series(1, 100000) n;
GRANT ALL ON documents TO docs_app, analyst;`);
    await stage.analyze();
    const app = await stage.connect({role: 'docs_app', application_name: 'documents'});
    for (let call = 0; call < 2000; call++) await app.query(list);
    await app.end();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT pg_sleep(600)').catch(() => {});
    await stage.admin.query(`
CREATE POLICY tenant ON documents USING (tenant_id = current_setting('app.tenant', true)::integer);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;`);
    for (let index = 0; index < 6; index++)
      await stage.loop(
        {role: 'docs_app', application_name: 'documents', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query("SELECT set_config('app.tenant', $1, false)", [String(index)]);
          await client.query(list);
        },
        {pause_ms: 20},
      );
  },
  first: {
    cause: 'row-security',
    recipe: null,
    summary:
      /^a SELECT of documents by docs_app: .*: row-level security of documents filters them by tenant_id \(policy tenant\), and no index begins with that$/,
    within_seconds: 20,
  },
  innocents: ['metabase', 'documents'],
  async cure({admin}) {
    await admin.query('CREATE INDEX documents_tenant_created_idx ON documents (tenant_id, created_at)');
  },
  solution: [
    'The policy adds tenant_id = current_setting(...) to every statement; the index on created_at was walked to its end for tenants with old documents.',
    'An index on (tenant_id, created_at) serves both.',
  ],
};

const list = 'SELECT "id", "title" FROM "documents" ORDER BY "created_at" DESC LIMIT 20';
