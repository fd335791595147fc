import type {Story} from '../../../source/demo/stories/story.ts';

/** A psql session with an open UPDATE, left for lunch; requests for the same rows wait for it. */
export const story: Story = {
  name: 'idle-blocker',
  title: 'A forgotten psql session keeps rows locked',
  page: 'shop: changing some products hangs. Others work.',
  async prepare(stage) {
    for (const role of ['shop_app', 'dana']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE products (id integer PRIMARY KEY, price integer NOT NULL);
CREATE TABLE carts (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO products SELECT n, n FROM generate_series(1, 1000) n;
INSERT INTO carts SELECT n, 'cart' FROM generate_series(1, 1000) n;`);
    await stage.analyze();
  },
  async start(stage) {
    const forgotten = await stage.connect({role: 'dana', application_name: 'psql', address: '127.0.0.21'});
    await forgotten.query('BEGIN');
    await forgotten.query('UPDATE products SET price = price + 1 WHERE id BETWEEN 1 AND 50');
    // Another session in transaction, as old, that blocks no session; and one that listens.
    const reader = await stage.connect({role: 'dana', application_name: 'DBeaver', address: '127.0.0.22'});
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM carts');
    const listener = await stage.connect({
      role: 'shop_app',
      application_name: 'worker',
      address: '127.0.0.23',
    });
    await listener.query('LISTEN jobs');
    for (let index = 0; index < 10; index++) {
      const login = {role: 'shop_app', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`};
      const sql =
        index < 4
          ? 'UPDATE "public"."products" SET "price" = $1 WHERE "public"."products"."id" = $2'
          : 'UPDATE "public"."carts" SET "note" = $1 WHERE "public"."carts"."id" = $2';
      await stage.loop(login, client => client.query(sql, [7, 10 + index]), {pause_ms: 100});
    }
    await stage.until(
      "SELECT count(*) = 4 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start > '5 s'",
    );
  },
  first: {
    cause: 'idle-blocker',
    recipe: 'release-blockers',
    summary:
      /^psql\/dana \(\d+\), idle in transaction for \d+s after UPDATE products, holds rows of (public\.)?products; 4 sessions wait for it/,
    within_seconds: 10,
  },
  innocents: ['DBeaver', 'worker', 'shop'],
  async cure({admin}) {
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql' AND state = 'idle in transaction'",
    );
  },
  solution: ['A psql session had changed 50 products and not committed.'],
};
