import type {Story} from '../../../source/demo/stories/story.ts';

/** A migration dropped an index that a frequent lookup needs: each call now reads the whole table, most of it from outside shared buffers. */
export const story: Story = {
  name: 'dropped-index',
  title: 'A lookup reads the whole table since an index is gone',
  page: 'listings: p99 is 40 times what it was since the deploy.',
  settings: {shared_buffers: '8MB'},
  async prepare(stage) {
    for (const role of ['web_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE listings (id integer PRIMARY KEY, owner integer NOT NULL, text text NOT NULL);
CREATE INDEX listings_owner_idx ON listings (owner);
INSERT INTO listings SELECT n, n % 20000, repeat('x', 700) FROM generate_series(1, 40000) n;
GRANT ALL ON listings TO web_app, analyst;`);
    await stage.analyze();
    const web = await stage.connect({role: 'web_app', application_name: 'web'});
    for (let call = 0; call < 3000; call++) await web.query(lookup, [call]);
    await web.end();
  },
  async start(stage) {
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.31',
    });
    report.query('SELECT pg_sleep(600)').catch(() => {});
    await stage.admin.query('DROP INDEX listings_owner_idx');
    for (let index = 0; index < 5; index++) {
      let owner = 4000 * index;
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query(lookup, [owner++ % 20000]),
        {pause_ms: 20},
      );
    }
  },
  first: {
    cause: 'plan-changed',
    recipe: 'apply-indexes',
    summary:
      /^a SELECT of listings by web_app: \d+(\.\d+)?ms per call, \d+% of the load, \d\.\d concurrent sessions: it reads \d+(\.\d)?M per call from outside shared buffers, much more than before; its plan touches more blocks than before$/,
    within_seconds: 20,
  },
  innocents: ['metabase', 'web'],
  async cure({admin}) {
    await admin.query('CREATE INDEX listings_owner_idx ON listings (owner)');
  },
  solution: ['The migration dropped an index that looked unused on a replica.'],
};

const lookup = 'SELECT "id", "text" FROM "listings" WHERE "owner" = $1';
