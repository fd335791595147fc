import type {Stage, Story} from '../../../source/demo/stories/story.ts';

const login = {role: 'billing_app', application_name: 'invoice-worker', address: '127.0.0.21'};

/** One code path of a worker begins a transaction and never ends it, until no slot is free. */
export const story: Story = {
  name: 'leaked-sessions',
  title: 'A worker leaks sessions in transaction',
  page: 'web and billing: "sorry, too many clients already", more often each minute.',
  settings: {max_connections: 50},
  async prepare(stage) {
    for (const role of ['billing_app', 'web_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Invoice" (id integer PRIMARY KEY, status text NOT NULL);
INSERT INTO "Invoice" SELECT n, 'open' FROM generate_series(1, 2000) n;
ANALYZE;`);
  },
  async start(stage) {
    for (let index = 0; index < 12; index++) {
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: `127.0.0.${11 + (index % 3)}`},
        client =>
          client.query(
            'SELECT "public"."Invoice"."status" FROM "public"."Invoice" WHERE "public"."Invoice"."id" = $1',
            [7],
          ),
        {pause_ms: 300},
      );
    }
    // Its other sessions work.
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        login,
        client => client.query('SELECT count(*) FROM "Invoice" WHERE status = $1', ['open']),
        {
          pause_ms: 500,
        },
      );
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('SELECT 1');
    for (let index = 0; index < 20; index++) await leak(stage, index);
    leakOn(stage).catch(() => {});
  },
  first: {
    cause: 'leaked-sessions',
    recipe: 'kill-idle-sessions',
    summary:
      /^invoice-worker\/billing_app leaks \d+ sessions idle in transaction, the longest for \d+s: \d\d of 47 slots are in use/,
    within_seconds: 60,
  },
  innocents: ['web', 'psql'],
  async cure(stage) {
    fixed.get(stage)?.abort();
    await stage.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'invoice-worker' AND state = 'idle in transaction'`,
    );
  },
  solution: ['The leaked sessions were ended; the worker now ends its transaction when it skips an invoice.'],
};

const fixed = new WeakMap<Stage, AbortController>();

async function leak(stage: Stage, index: number): Promise<void> {
  const client = await stage.connect(login);
  await client.query('BEGIN');
  await client.query(
    'SELECT "public"."Invoice"."status" FROM "public"."Invoice" WHERE "public"."Invoice"."id" = $1',
    [index + 1],
  );
}

async function leakOn(stage: Stage): Promise<void> {
  const fixing = new AbortController();
  fixed.set(stage, fixing);
  for (let index = 20; index < 26; index++) {
    await stage.sleep(3000);
    if (fixing.signal.aborted || stage.signal.aborted) return;
    await leak(stage, index);
  }
}
