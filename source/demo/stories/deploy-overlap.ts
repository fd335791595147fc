import {redeployWhenLimited} from './redeploy.ts';
import type {Stage, Story} from './story.ts';

const login = {role: 'shop_app', application_name: 'storefront'};
const poolSize = 6;
const revisions = {
  old: ['127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14'],
  new: ['127.0.0.41', '127.0.0.42', '127.0.0.43', '127.0.0.44'],
  next: ['127.0.0.51', '127.0.0.52', '127.0.0.53', '127.0.0.54'],
};

/** A rolling deploy: the old revision and the new one hold their pools at the same time. */
export const story: Story = {
  name: 'deploy-overlap',
  title: 'Two revisions at a time fill the slots',
  page: 'The deploy of storefront hangs: pods of the new revision do not become ready, "remaining connection slots are reserved". The next deploy sizes the pools by the limit of the role (apply=role).',
  settings: {max_connections: 60},
  async prepare(stage) {
    for (const role of ['shop_app', 'search_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Product" (id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO "Product" SELECT n, 'product ' || n FROM generate_series(1, 2000) n;
ANALYZE;`);
  },
  async start(stage) {
    const [old, current] = [new AbortController(), new AbortController()];
    await startRevision(stage, {addresses: revisions.old, poolSize, signal: old.signal});
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'search_app', application_name: 'search', address: '127.0.0.21'},
        client => client.query('SELECT max(id) FROM "Product"'),
        {pause_ms: 1000},
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('SELECT 1');
    await stage.until(
      `SELECT min(clock_timestamp() - backend_start) > '8s' FROM pg_stat_activity WHERE application_name = 'storefront'`,
    );
    await startRevision(stage, {addresses: revisions.new, poolSize, signal: current.signal});
    redeployWhenLimited(stage, login.role, async limit => {
      old.abort();
      await stage.until(hold(revisions.old, 0));
      const fitting = Math.floor(limit / (2 * revisions.next.length));
      await startRevision(stage, {addresses: revisions.next, poolSize: fitting, signal: stage.signal});
      current.abort();
    }).catch(() => {});
  },
  first: {
    cause: 'deploy-overlap',
    recipe: 'tune-connection-limit',
    summary:
      /^storefront\/shop_app runs twice since \d\d:\d\d:\d\dZ: 4 new clients with 24 sessions beside 4 with 24: \d\d of 57 slots are in use/,
    within_seconds: 10,
  },
  innocents: ['search', 'psql', 'storefront'],
  async cure(stage) {
    await stage.admin.query('ALTER ROLE shop_app CONNECTION LIMIT 45');
    await stage.until(hold([...revisions.old, ...revisions.new], 0));
  },
  solution: [
    'The pools were sized for one revision: 4 pods x 6. During a deploy there were two, 48 sessions of 57 slots, and the pods of the new one did not become ready.',
    'tune-connection-limit with deploy_overlap 2 computed the size that fits twice, 5, and limited the role to what both may hold.',
    'The next deploy took it; the old revision was stopped as soon as the new one served.',
  ],
};

type Revision = {addresses: string[]; poolSize: number; signal: AbortSignal};

async function startRevision(stage: Stage, {addresses, poolSize, signal}: Revision): Promise<void> {
  for (const address of addresses) {
    for (let index = 0; index < poolSize; index++) {
      await stage.loop(
        {...login, address},
        client =>
          client.query(
            'SELECT "public"."Product"."title" FROM "public"."Product" WHERE "public"."Product"."id" = $1',
            [index],
          ),
        {pause_ms: 200 + 20 * index, signal},
      );
    }
  }
  await stage.until(hold(addresses, addresses.length * poolSize));
}

function hold(addresses: string[], sessions: number): string {
  const list = addresses.map(each => `'${each}'`).join(', ');
  return `SELECT count(*) = ${sessions} FROM pg_stat_activity WHERE application_name = 'storefront' AND client_addr IN (${list})`;
}
