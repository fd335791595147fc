import {createHash} from 'node:crypto';
import {below, few, shares, skewFunctions} from './skewed-rows.ts';
import {daysAgo, oftenFirst, parameters, type Statement, several} from './statement.ts';

const shopCounts = {
  tenants: 150,
  customers: 40_000,
  orders: 120_000,
  order_items: 180_000,
  events: 80_000,
  jobs: 60_000,
  sessions: 20_000,
} as const;

const {tenants, customers, orders, order_items, events, jobs, sessions} = shopCounts;

/** A shop of many tenants as an ORM migrates it: keys, unique constraints, and two indexes added by hand. */
export const shopSchema = `
CREATE TABLE tenants (id serial PRIMARY KEY, slug text NOT NULL UNIQUE, plan text NOT NULL);
CREATE TABLE customers (id serial PRIMARY KEY, tenant_id integer NOT NULL REFERENCES tenants, email text NOT NULL,
  name text NOT NULL, country text NOT NULL, created_at timestamptz NOT NULL, deleted_at timestamptz,
  UNIQUE (tenant_id, email));
CREATE TABLE orders (id serial PRIMARY KEY, tenant_id integer NOT NULL REFERENCES tenants,
  customer_id integer NOT NULL REFERENCES customers, status text NOT NULL, total_cents integer NOT NULL,
  currency char(3) NOT NULL, note text, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  deleted_at timestamptz);
CREATE INDEX orders_tenant_id_idx ON orders (tenant_id);
CREATE TABLE order_items (id serial PRIMARY KEY, order_id integer NOT NULL REFERENCES orders, sku text NOT NULL,
  quantity integer NOT NULL, price_cents integer NOT NULL);
CREATE TABLE events (id bigserial PRIMARY KEY, tenant_id integer NOT NULL REFERENCES tenants, name text NOT NULL,
  payload jsonb NOT NULL, occurred_at timestamptz NOT NULL);
CREATE TABLE jobs (id bigserial PRIMARY KEY, queue text NOT NULL, status text NOT NULL, priority integer NOT NULL,
  payload jsonb NOT NULL, attempts integer NOT NULL, run_at timestamptz NOT NULL, locked_at timestamptz,
  locked_by text, finished_at timestamptz);
CREATE INDEX jobs_queue_idx ON jobs (queue);
CREATE TABLE sessions (id serial PRIMARY KEY, token text NOT NULL UNIQUE, customer_id integer NOT NULL REFERENCES customers,
  created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, revoked_at timestamptz);`;

/** A row belongs to the tenant of its customer. */
export const shopRows = [
  skewFunctions,
  `INSERT INTO tenants (slug, plan) SELECT 'tenant-' || i, ${shares(1, {free: 70, team: 25, enterprise: 5})}
    FROM generate_series(1, ${tenants}) i`,
  `INSERT INTO customers (tenant_id, email, name, country, created_at, deleted_at)
    SELECT 1 + ${few(1, tenants)}, 'customer' || i || '@example.org',
      ${shares(2, {Ann: 30, Bert: 25, Chris: 20, Dora: 15, Emil: 10})} || ' ' || i, ${shares(3, {US: 60, DE: 25, FR: 10, KH: 5})},
      made, CASE WHEN ${below(4, 25)} = 0 THEN made + interval '20 days' END
    FROM generate_series(1, ${customers}) i, LATERAL pg_temp.grown(i, ${customers}, 600) made`,
  // What is young is still on its way.
  `INSERT INTO orders (tenant_id, customer_id, status, total_cents, currency, note, created_at, updated_at, deleted_at)
    SELECT c.tenant_id, c.id, CASE WHEN made > now() - interval '6 days'
        THEN ${shares(1, {pending: 40, paid: 35, shipped: 20, cancelled: 5})}
        ELSE ${shares(2, {delivered: 91, cancelled: 6, refunded: 2, pending: 1})} END,
      500 + ${few(3, 90_000)}, ${shares(4, {USD: 80, EUR: 20})}, CASE WHEN ${below(5, 12)} = 0 THEN 'leave at the door' END,
      made, made + interval '2 days', CASE WHEN ${below(6, 50)} = 0 THEN made + interval '9 days' END
    FROM generate_series(1, ${orders}) i JOIN customers c ON c.id = 1 + ${few(7, customers)},
      LATERAL pg_temp.grown(i, ${orders}, 400) made ORDER BY i`,
  `INSERT INTO order_items (order_id, sku, quantity, price_cents)
    SELECT 1 + i * ${orders} / ${order_items + 1}, 'SKU-' || lpad(${few(1, 3000)}::text, 5, '0'), 1 + ${few(2, 8)}, 100 + ${few(3, 20_000)}
    FROM generate_series(1::bigint, ${order_items}) i`,
  `INSERT INTO events (tenant_id, name, payload, occurred_at)
    SELECT 1 + ${few(1, tenants)}, ${shares(2, {'page.viewed': 70, 'cart.updated': 20, 'order.placed': 8, 'order.refunded': 2})},
      jsonb_build_object('order_id', (1 + ${below(3, orders)})::text, 'source', ${shares(4, {web: 75, app: 24, api: 1})}, 'ip', '10.0.0.' || ${below(5, 250)}),
      pg_temp.grown(i, ${events}, 120)
    FROM generate_series(1, ${events}) i`,
  `INSERT INTO jobs (queue, status, priority, payload, attempts, run_at, locked_at, locked_by, finished_at)
    SELECT ${shares(1, {mail: 70, webhooks: 20, reports: 9, billing: 1})}, status, ${shares(2, {0: 90, 10: 10})}::integer,
      jsonb_build_object('order_id', ${below(3, orders)}), ${few(4, 5)},
      made + CASE status WHEN 'queued' THEN ${below(5, 7200)} - 5400 ELSE 0 END * interval '1 second',
      CASE WHEN status <> 'queued' THEN made END, CASE WHEN status = 'running' THEN 'worker-' || ${below(6, 8)} END,
      CASE WHEN status = 'done' THEN made + interval '3 seconds' END
    FROM generate_series(1, ${jobs}) i, LATERAL pg_temp.grown(i, ${jobs}, 30) made,
      LATERAL (SELECT CASE WHEN i > ${jobs - 600} THEN 'queued' WHEN i > ${jobs - 640} THEN 'running'
        ELSE ${shares(7, {done: 98, failed: 2})} END AS status) x`,
  `INSERT INTO sessions (token, customer_id, created_at, expires_at, revoked_at)
    SELECT md5(i::text), 1 + ${few(1, customers)}, made, made + interval '14 days',
      CASE WHEN ${below(2, 10)} = 0 THEN made + interval '1 day' END
    FROM generate_series(1, ${sessions}) i, LATERAL pg_temp.grown(i, ${sessions}, 16) made`,
];

const queues = ['mail', 'webhooks', 'reports'];
const orderColumns = ['id', 'customer_id', 'status', 'total_cents', 'currency', 'created_at']
  .map(name => `"public"."orders"."${name}"`)
  .join(', ');
const pageOfOrders = `("public"."orders"."tenant_id" = $1 AND "public"."orders"."status" = $2 AND "public"."orders"."deleted_at" IS NULL)`;

/** The pages of the shop's back office and checkout, as Prisma and a query builder write their statements. */
const fromTheShop: readonly Statement[] = [
  {
    calls: 30,
    text: `SELECT ${orderColumns} FROM "public"."orders" WHERE ${pageOfOrders} ORDER BY "public"."orders"."created_at" DESC LIMIT $3 OFFSET $4`,
    values: random => [oftenFirst(random, tenants), 'pending', 50, 50 * random.below(3)],
  },
  {
    calls: 30,
    text: `SELECT COUNT(*) AS "_count$_all" FROM (SELECT "public"."orders"."id" FROM "public"."orders" WHERE ${pageOfOrders} OFFSET $3) AS "sub"`,
    values: random => [oftenFirst(random, tenants), 'pending', 0],
  },
  {
    calls: 30,
    text: `SELECT "public"."order_items"."id", "public"."order_items"."order_id", "public"."order_items"."sku", "public"."order_items"."quantity" FROM "public"."order_items" WHERE "public"."order_items"."order_id" IN (${parameters(1, 20)}) OFFSET $21`,
    values: random => [...several(random, 20, orders), 0],
  },
  {
    calls: 30,
    text: `SELECT "public"."customers"."id", "public"."customers"."name", "public"."customers"."email" FROM "public"."customers" WHERE "public"."customers"."id" IN (${parameters(1, 20)}) OFFSET $21`,
    values: random => [...several(random, 20, customers), 0],
  },
  {
    calls: 20,
    text: `SELECT ${orderColumns} FROM "public"."orders" WHERE ("public"."orders"."tenant_id" = $1 AND "public"."orders"."customer_id" = $2 AND "public"."orders"."deleted_at" IS NULL) ORDER BY "public"."orders"."created_at" DESC LIMIT $3 OFFSET $4`,
    values: random => [oftenFirst(random, tenants), oftenFirst(random, customers), 20, 0],
  },
  {
    calls: 15,
    text: 'SELECT id, name, email FROM customers WHERE tenant_id = $1 AND lower(email) = lower($2) AND deleted_at IS NULL LIMIT 1',
    values: random => [oftenFirst(random, tenants), `Customer${1 + random.below(customers)}@example.org`],
  },
  {
    calls: 5,
    text: `SELECT c.id, c.name, c.email FROM customers c WHERE c.tenant_id = $1 AND c.deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.status = 'pending' AND o.deleted_at IS NULL)
      ORDER BY c.name LIMIT 50`,
    values: random => [oftenFirst(random, tenants)],
  },
  {
    calls: 5,
    text: `SELECT date_trunc('day', created_at) AS day, sum(total_cents), count(*) FROM orders
      WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 AND status IN ('paid', 'shipped', 'delivered')
      AND deleted_at IS NULL GROUP BY 1 ORDER BY 1`,
    values: random => [oftenFirst(random, tenants), daysAgo(30), daysAgo(0)],
  },
  {
    calls: 3,
    text: `SELECT i.sku, sum(i.quantity) AS sold FROM order_items i INNER JOIN orders o ON o.id = i.order_id
      WHERE o.tenant_id = $1 AND o.created_at >= $2 AND o.deleted_at IS NULL GROUP BY i.sku ORDER BY sold DESC LIMIT 10`,
    values: random => [oftenFirst(random, tenants), daysAgo(7)],
  },
  {
    calls: 4,
    text: 'SELECT id, name, payload, occurred_at FROM events WHERE tenant_id = $1 AND payload @> $2::jsonb ORDER BY occurred_at DESC LIMIT 50',
    values: random => [oftenFirst(random, tenants), '{"source": "api"}'],
  },
  {
    calls: 8,
    text: `SELECT id, name, occurred_at FROM events WHERE payload->>'order_id' = $1 ORDER BY occurred_at`,
    values: random => [String(1 + random.below(orders))],
  },
  {
    calls: 60,
    text: 'SELECT id, customer_id, expires_at FROM sessions WHERE token = $1 AND expires_at > $2 AND revoked_at IS NULL',
    values: random => [md5(String(1 + random.below(sessions))), daysAgo(0)],
  },
  {
    calls: 6,
    text: 'SELECT id, created_at FROM sessions WHERE customer_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC',
    values: random => [oftenFirst(random, customers), daysAgo(0)],
  },
];

/** The statements of its workers: those of the queue, and a cleanup. */
const fromTheWorkers: readonly Statement[] = [
  {
    calls: 60,
    text: `UPDATE jobs SET status = 'running', locked_at = now(), locked_by = $1, attempts = attempts + 1
      WHERE id = (SELECT id FROM jobs WHERE queue = $2 AND status = 'queued' AND run_at <= now()
        ORDER BY priority DESC, run_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, payload, attempts`,
    values: random => [`worker-${random.below(8)}`, random.oneOf(queues)],
  },
  {
    calls: 60,
    text: `UPDATE jobs SET status = 'done', finished_at = now(), locked_by = NULL WHERE id = $1 AND locked_by = $2`,
    values: random => [1 + random.below(shopCounts.jobs), `worker-${random.below(8)}`],
  },
  {
    calls: 4,
    text: `UPDATE jobs SET status = 'queued', locked_at = NULL WHERE status = 'running' AND locked_at < now() - interval '10 minutes'`,
    values: () => [],
  },
  {
    calls: 6,
    text: `SELECT queue, status, count(*) FROM jobs WHERE status IN ('queued', 'running', 'failed') GROUP BY queue, status`,
    values: () => [],
  },
  {calls: 2, text: 'DELETE FROM sessions WHERE expires_at < $1', values: () => [daysAgo(1.5)]},
];

export const shopStatements: readonly Statement[] = [...fromTheShop, ...fromTheWorkers];

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
