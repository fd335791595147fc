import {createHash} from 'node:crypto';
import {shopCounts} from './shop-data.ts';
import {daysAgo, oftenFirst, parameters, type Statement, several} from './statement.ts';

const {tenants, customers, orders, sessions} = shopCounts;
const queues = ['mail', 'webhooks', 'reports'];
const orderColumns = ['id', 'customer_id', 'status', 'total_cents', 'currency', 'created_at']
  .map(name => `"public"."orders"."${name}"`)
  .join(', ');
const pageOfOrders = `("public"."orders"."tenant_id" = $1 AND "public"."orders"."status" = $2 AND "public"."orders"."deleted_at" IS NULL)`;

/** The pages of the shop's back office and till, in the words of Prisma and of a query builder. */
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

/** What its workers send: the queue's own statements and a sweep. */
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
