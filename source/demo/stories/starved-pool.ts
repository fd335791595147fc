import type pg from 'pg';
import {instrumentPool} from '../../kit/kit.ts';
import {redeployWhenLimited} from './redeploy.ts';
import type {Stage, Story} from './story.ts';

const login = {role: 'checkout_app', application_name: 'checkout-api'};
/** Half of the instances report their pool's queue. */
const instances = [
  {address: '127.0.0.11', isInstrumented: true},
  {address: '127.0.0.12', isInstrumented: true},
  {address: '127.0.0.13', isInstrumented: false},
  {address: '127.0.0.14', isInstrumented: false},
];
const poolSize = 5;

export const story: Story = {
  name: 'starved-pool',
  title: 'A pool of 5 starves while the server is at rest',
  page: 'checkout-api: a third of the orders fail with "timeout exceeded when trying to connect" (P2024 before Prisma 7). The database is idle, and has 70 free slots. The next deploy sizes the pools by the limit of the role (apply=role).',
  async prepare(stage) {
    for (const role of ['checkout_app', 'catalog_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Order" (id integer PRIMARY KEY, status text NOT NULL, total integer NOT NULL);
CREATE TABLE "Voucher" (id integer PRIMARY KEY, percent integer NOT NULL);
INSERT INTO "Order" SELECT n, 'open', n % 900 FROM generate_series(1, 5000) n;
INSERT INTO "Voucher" SELECT n, n % 30 FROM generate_series(1, 500) n;
ANALYZE;`);
  },
  async start(stage) {
    await startInnocents(stage);
    let running = startRevision(stage, poolSize);
    redeployWhenLimited(stage, login.role, async limit => {
      await running.stop();
      running = startRevision(stage, Math.floor(limit / instances.length));
    }).catch(() => {});
    await stage.until(
      `SELECT count(DISTINCT client_addr) = 2 FROM pg_stat_activity WHERE application_name ~ '^checkout-api\\[5/5 w[1-9][0-9]* p95 [0-9.]+s'`,
    );
  },
  first: {
    cause: 'pool-saturated',
    recipe: 'tune-connection-limit',
    summary:
      /^checkout-api\/checkout_app: \d+ requests wait for its pool of 10 \(p95 wait \d\.\d+s\); \d\d slots of the server are free$/,
    within_seconds: 10,
  },
  innocents: ['checkout-api', 'catalog-api', 'psql'],
  async cure({admin, until}) {
    await admin.query('ALTER ROLE checkout_app CONNECTION LIMIT 77');
    await until(
      `SELECT count(*) > 20 FROM pg_stat_activity WHERE usename = 'checkout_app' AND application_name !~ '\\[./5 '`,
    );
  },
  solution: [
    'Each order kept a connection for 1.2 s, in which its four statements took a few milliseconds: a pool of 5 serves 4 orders per second, and 6 came.',
    'The queue was in the application. Two of its four instances reported it with poolctl/kit; to the server all of them looked idle.',
    'tune-connection-limit computed what fits beside the others; the next deploy took it, and no order waited any more.',
    'A connection that is given back between the statements would have done as well: a pool of 5 is enough for 6 orders per second then.',
  ],
};

type Revision = {stop(): Promise<void>};

function startRevision(stage: Stage, max: number): Revision {
  const stopping = new AbortController();
  const running = instances.map(async ({address, isInstrumented}) => {
    const pool = stage.pool({...login, address}, {max, connectionTimeoutMillis: 5000});
    if (isInstrumented) instrumentPool(pool);
    for (let order = 1; !(stopping.signal.aborted || stage.signal.aborted); order++) {
      // Failed orders are the application's answer to them.
      serveOrder(stage, pool, order).catch(() => {});
      await stage.sleep(120 + ((order * 701) % 100));
    }
    // Else the story's end has ended it.
    if (!stage.signal.aborted) await pool.end();
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.allSettled(running);
    },
  };
}

/** Holds one connection from the first statement to the last. */
async function serveOrder({sleep}: Stage, pool: pg.Pool, order: number): Promise<void> {
  const client = await pool.connect();
  const id = 1 + (order % 500);
  try {
    await client.query(
      'SELECT "public"."Order"."id", "public"."Order"."total" FROM "public"."Order" WHERE "public"."Order"."id" = $1',
      [id],
    );
    await sleep(400);
    await client.query(
      'SELECT "public"."Voucher"."percent" FROM "public"."Voucher" WHERE "public"."Voucher"."id" = $1',
      [id],
    );
    await sleep(400);
    await client.query('UPDATE "public"."Order" SET "status" = $1 WHERE "public"."Order"."id" = $2', [
      'priced',
      id,
    ]);
    await sleep(400);
    await client.query(
      'SELECT count(*) FROM "public"."Order" WHERE "public"."Order"."id" = $1 AND "public"."Order"."status" = $2',
      [id, 'priced'],
    );
  } finally {
    client.release();
  }
}

async function startInnocents(stage: Stage): Promise<void> {
  const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
  await psql.query('BEGIN');
  await psql.query('SELECT 1');
  for (let index = 0; index < 4; index++) {
    const address = `127.0.0.${21 + (index % 2)}`;
    await stage.loop(
      {role: 'catalog_app', application_name: 'catalog-api', address},
      client =>
        client.query(
          'SELECT "public"."Voucher"."percent" FROM "public"."Voucher" WHERE "public"."Voucher"."id" = $1',
          [index + 1],
        ),
      {pause_ms: 250},
    );
  }
}
