import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import type {SqlStep} from '../../source/model/step.ts';
import {type Acting, createActing} from '../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {createOrders, indexNamed} from './indexing.ts';

/** Steps as older versions of poolctl journaled them: their guards do not compare the schema. */
const sameIndex =
  "SELECT CASE WHEN i.indexrelid IS NULL THEN 'the index has changed since the preview' WHEN $6::boolean AND i.indisvalid THEN 'it is valid now' WHEN $5::int8 < 0 THEN 'it is used now' ELSE 'ready' END AS guard FROM (VALUES (1)) AS one LEFT JOIN (pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid) ON i.indrelid = $1::oid AND c.relname = $2 AND c.oid = coalesce($3::oid, c.oid) AND pg_catalog.pg_get_indexdef(c.oid) = coalesce($4, pg_catalog.pg_get_indexdef(c.oid))";
const freeName =
  "SELECT CASE WHEN t.oid IS NULL THEN 'the table has changed since the preview' WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = t.relnamespace AND c.relname = $3) THEN 'that name is taken' ELSE 'ready' END AS guard FROM (VALUES (1)) AS one LEFT JOIN pg_catalog.pg_class t ON t.oid = $1::oid AND t.relname = $2 AND t.relkind IN ('r', 'm')";
const present =
  'SELECT i.indisvalid AS is_valid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::oid AND c.relname = $2 AND $3::text IS NOT NULL';
const gone =
  'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::oid AND c.relname = $2';

const drop = {text: 'DROP INDEX CONCURRENTLY "shop"."orders_n_idx"', values: []};
const build = {
  text: 'CREATE INDEX CONCURRENTLY orders_n_idx ON shop.orders USING btree (n)',
  values: [],
};

describeMainMajor('the undo of index steps that an older poolctl journaled', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('DROP SCHEMA IF EXISTS moved CASCADE; CREATE SCHEMA moved');
    await createOrders(server, 20);
  });

  async function journaled(kind: 'build' | 'drop'): Promise<Acting> {
    const [row] = await server.query<{oid: string}>("SELECT 'shop.orders'::regclass::oid::text AS oid");
    const table_oid = row?.oid ?? '';
    const guard = (text: string, values: SqlStep['apply']['values']) => ({
      query: {text, values},
      expect: {column: 'guard', op: '=' as const, value: 'ready'},
    });
    const isThere = {
      query: {text: present, values: [table_oid, 'orders_n_idx', 'btree (n)']},
      expect: {column: 'is_valid', op: '=' as const, value: true},
    };
    const isGone = {
      query: {text: gone, values: [table_oid, 'orders_n_idx']},
      expect: {column: 'remaining', op: '=' as const, value: 0},
    };
    const building = {
      apply: build,
      guard: guard(freeName, [table_oid, 'orders', 'orders_n_idx']),
      verify: isThere,
    };
    const dropping = {
      apply: drop,
      guard: guard(sameIndex, [table_oid, 'orders_n_idx', null, null, null, false]),
      verify: isGone,
    };
    const step: SqlStep = {
      kind: 'sql',
      title: `${kind} index`,
      subject: 'index:shop.orders_n_idx',
      ...(kind === 'build' ? {...building, undo: dropping} : {...dropping, undo: building}),
      lock: 'share',
      transaction: false,
      timeout_ms: 0,
    };
    const acting = await createActing(server);
    const {target} = await acting.ports.read();
    const head = {actor: 'ann@old', target: target.id, run: 'old'};
    await acting.journal.append({
      ...head,
      event: 'run',
      recipe: 'apply-indexes',
      plan: 'x',
      params: {},
      step_count: 1,
      before: {},
    });
    await acting.journal.append({...head, event: 'intent', step: 0, content: step});
    const result = {row_count: 0, sqlstate: null, message: null, duration_ms: 1};
    await acting.journal.append({...head, event: 'outcome', step: 0, outcome: 'verified', ...result});
    await acting.journal.append({...head, event: 'end', status: 'done', reason: null, after: {}});
    return acting;
  }

  async function replaceTable(): Promise<void> {
    await server.query('ALTER TABLE shop.orders SET SCHEMA moved');
    await server.query('CREATE TABLE shop.orders (id int PRIMARY KEY, n int)');
  }

  it('drops the built index', async () => {
    await server.query('CREATE INDEX orders_n_idx ON shop.orders (n)');
    const acting = await journaled('build');
    expect(await acting.undo('old', {yes: true, sameServer: true})).toBe(0);
    expect(await indexNamed(server, 'orders_n_idx')).toBeUndefined();
  });

  it.each([
    ['unique', 'CREATE UNIQUE INDEX orders_n_idx ON shop.orders (n)'],
    ['on another column', 'CREATE INDEX orders_n_idx ON shop.orders (id)'],
  ])('does not drop an index that is now %s', async (_, definition) => {
    await server.query(definition);
    const acting = await journaled('build');
    expect(await acting.undo('old', {yes: true, sameServer: true})).toBe(6);
    expect(await indexNamed(server, 'orders_n_idx')).toBeDefined();
  });

  it('does not drop the index of a table that replaced the original', async () => {
    await server.query('CREATE INDEX orders_n_idx ON shop.orders (n)');
    const acting = await journaled('build');
    await replaceTable();
    await server.query('CREATE INDEX orders_n_idx ON shop.orders (n)');
    expect(await acting.undo('old', {yes: true, sameServer: true})).toBe(6);
    expect(await server.query("SELECT FROM pg_class WHERE relname = 'orders_n_idx'")).toHaveLength(2);
  });

  it('rebuilds the dropped index, but not on a table that replaced the original', async () => {
    const acting = await journaled('drop');
    expect(await acting.undo('old', {yes: true, sameServer: true})).toBe(0);
    expect(await indexNamed(server, 'orders_n_idx')).toMatchObject({is_valid: true});
    await server.query('DROP INDEX shop.orders_n_idx');
    const next = await journaled('drop');
    await replaceTable();
    expect(await next.undo('old', {yes: true, sameServer: true})).toBe(6);
    expect(await indexNamed(server, 'orders_n_idx')).toBeUndefined();
  });
});
