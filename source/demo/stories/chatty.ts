import type {Stage, Story} from './story.ts';

export const story: Story = {
  name: 'chatty',
  title: 'Since a deploy each page of the feed sends a hundred queries',
  page: 'feed_api: p95 went from 60 ms to 900 ms with the deploy of this afternoon. The database dashboards are green.',
  async prepare(stage) {
    for (const role of ['feed_app', 'search_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Post" ("id" integer PRIMARY KEY, "authorId" integer NOT NULL, "createdAt" timestamptz NOT NULL DEFAULT now());
CREATE TABLE "Author" ("id" integer PRIMARY KEY, "name" text NOT NULL);
CREATE TABLE "Like" ("postId" integer NOT NULL, "userId" integer NOT NULL, PRIMARY KEY ("postId", "userId"));
INSERT INTO "Author" SELECT n, 'author ' || n FROM generate_series(1, 500) n;
INSERT INTO "Post" SELECT n, 1 + n % 500 FROM generate_series(1, 20000) n;
INSERT INTO "Like" SELECT 1 + n % 20000, n FROM generate_series(1, 40000) n;
CREATE INDEX "Post_createdAt_idx" ON "Post" ("createdAt" DESC);
GRANT ALL ON ALL TABLES IN SCHEMA public TO feed_app, search_app, analyst;`);
    await stage.admin.query('ANALYZE');
    // What the revision before did, for a while.
    const before = await stage.connect({
      role: 'feed_app',
      application_name: 'feed_api',
      address: '127.0.0.11',
    });
    for (let request = 0; request < 60; request++) {
      const ids = await pageOf(before);
      await before.query('SELECT "id", "name" FROM "Author" WHERE "id" = ANY ($1)', [ids]);
      await before.query(
        'SELECT "postId", count(*) FROM "Like" WHERE "postId" = ANY ($1) GROUP BY "postId"',
        [ids],
      );
    }
    await before.end();
    // The statistics are older than the deploy.
    await stage.sleep(3000);
  },
  async start(stage) {
    const requests = async (address: string) =>
      stage.loop(
        {role: 'feed_app', application_name: 'feed_api', address},
        async client => {
          for (const id of await pageOf(client)) {
            await client.query('SELECT "id", "name" FROM "Author" WHERE "id" = $1', [id % 500]);
            await client.query('SELECT count(*) FROM "Like" WHERE "postId" = $1', [id]);
          }
        },
        {pause_ms: 150},
      );
    for (const address of ['127.0.0.12', '127.0.0.13', '127.0.0.14']) await requests(address);
    // Busy by nature: a lookup for each keystroke.
    await busySearch(stage);
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.21',
    });
    report.query('SELECT count(*), pg_sleep(600) FROM "Like"').catch(() => {});
    await stage.until(
      `SELECT count(*) >= 2 FROM pg_stat_statements WHERE calls > 200 AND query LIKE '%= $1%'`,
    );
  },
  first: {
    cause: 'chatty',
    recipe: 'chatty',
    summary:
      /^feed_api: 2 statements run \d+(?: to \d+)? times as often as SELECT "id" FROM "Post".*2 queries with key lists \(IN\) stopped: [\d.]+k? round trips\/s \(N\+1\)$/,
    within_seconds: 60,
  },
  innocents: ['metabase', 'search_api', 'feed_api'],
  async cure(stage) {
    await stage.admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'feed_api'",
    );
    await stage.admin.query('ALTER ROLE feed_app NOLOGIN');
  },
  solution: [
    'The deploy replaced two queries for a list of keys by two lookups per post: 201 queries a page in place of 3.',
    'Nothing was slow on the server, so no dashboard showed it. The statements that were new, and those that fell silent, did.',
    'The deploy was rolled back; the lookups of the search, as many per second, were its normal work.',
  ],
};

async function pageOf(client: Awaited<ReturnType<Stage['connect']>>): Promise<number[]> {
  const {rows} = await client.query<{id: number}>(
    'SELECT "id" FROM "Post" ORDER BY "createdAt" DESC LIMIT 100',
  );
  return rows.map(({id}) => id);
}

function busySearch(stage: Stage): Promise<void> {
  return stage.loop({role: 'search_app', application_name: 'search_api', address: '127.0.0.31'}, client =>
    client.query('SELECT "id" FROM "Post" WHERE "authorId" = $1 AND "id" = $2', [1, 500]),
  );
}
