import {below, few, shares, skewFunctions} from './skewed-rows.ts';

export const shopCounts = {
  tenants: 150,
  customers: 40_000,
  orders: 120_000,
  order_items: 180_000,
  events: 80_000,
  jobs: 60_000,
  sessions: 20_000,
} as const;

const {tenants, customers, orders, order_items, events, jobs, sessions} = shopCounts;

/** A shop of many tenants as an ORM's migrations leave it: keys, what is unique, and two indexes somebody added. */
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

/** The order of a row's customer says whose tenant it is. */
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
