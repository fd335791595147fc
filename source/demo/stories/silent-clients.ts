import type {Story} from './story.ts';

const login = {role: 'shop_app', application_name: 'storefront'};
const gone = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const working = ['127.0.0.14', '127.0.0.15', '127.0.0.16', '127.0.0.17'];
const poolSize = 6;
const isGone = `application_name = 'storefront' AND client_addr IN (${gone.map(each => `'${each}'`).join(', ')})`;

export const story: Story = {
  name: 'silent-clients',
  title: 'Three clients are gone, and their connections are still there',
  page: 'storefront: new pods fail with 53300 "remaining connection slots are reserved" since a node of the cluster was lost.',
  settings: {max_connections: 60},
  async prepare(stage) {
    for (const role of ['shop_app', 'search_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Product" (id integer PRIMARY KEY, title text NOT NULL, price integer NOT NULL);
INSERT INTO "Product" SELECT n, 'product ' || n, n % 900 FROM generate_series(1, 5000) n;
ANALYZE;`);
  },
  async start(stage) {
    const select =
      'SELECT "public"."Product"."id", "public"."Product"."title" FROM "public"."Product" WHERE "public"."Product"."id" = $1';
    for (const address of gone) {
      for (let index = 0; index < poolSize; index++) {
        const client = await stage.connect({...login, address});
        await client.query(select, [index + 1]);
      }
    }
    for (const address of working) {
      for (let index = 0; index < poolSize; index++) {
        await stage.loop(
          {...login, address},
          client => client.query(select, [Math.ceil(Math.random() * 5000)]),
          {pause_ms: 150 + 20 * index},
        );
      }
    }
    // Another team's pool, which has little to do.
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'search_app', application_name: 'search-indexer', address: '127.0.0.21'},
        client => client.query('SELECT max(id) FROM "Product"'),
        {pause_ms: 4000},
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    // They have been silent for a while when the slots run short.
    await stage.until(
      `SELECT min(clock_timestamp() - state_change) > '11s' FROM pg_stat_activity WHERE ${isGone}`,
    );
  },
  first: {
    cause: 'silent-clients',
    recipe: 'kill-idle-sessions',
    summary:
      /^3 clients of storefront\/shop_app have been silent for \d+s and hold 18 slots, 4 others work: \d\d of 57 slots are in use/,
    within_seconds: 10,
  },
  innocents: ['search-indexer', 'psql'],
  async cure({admin}) {
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${isGone}`);
  },
  solution: [
    'A node was lost with three pods on it: nothing closed their 18 connections, which had been silent since the same second.',
    'Their sessions were ended by client address; the four pods that work kept theirs.',
    'tcp_keepalives_idle, and client_connection_check_interval from PostgreSQL 14 on, let the server notice it by itself.',
  ],
};
