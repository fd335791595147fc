import {describe, expect, it} from 'vitest';
import {adviseIndexes} from '../../../source/core/indexes/advise-indexes.ts';
import type {AdviceInput} from '../../../source/core/indexes/candidates.ts';
import {estimateStatement} from '../../../source/core/indexes/estimate.ts';
import type {ExistingIndex} from '../../../source/core/indexes/index-spec.ts';
import {btree, key} from '../../../source/core/indexes/index-spec.ts';
import type {Catalog, ForeignKey, Table} from '../../../source/model/catalog.ts';
import {columns, table, tables, workStatement} from './reading.ts';

type Shop = {
  statements?: string[];
  present?: Record<string, string[]>;
  unique?: boolean;
  foreign_keys?: [table: string, column: string][];
  all?: Table[];
  total_exec_time_ms?: number;
  /** Of the 100 calls of each statement. */
  rows?: number | null;
  writes?: AdviceInput['writes'];
  /** Of the counters of tables and of statements. */
  ages?: [number | null, number | null];
};

/** Advice from estimates, without a server, for these statements and indexes. */
async function advise({
  statements = [],
  present = {},
  unique = false,
  foreign_keys = [],
  all = tables,
  total_exec_time_ms = 1e6,
  rows = null,
  writes = [],
  ages: [stats_age_ms, statements_age_ms] = [null, null],
}: Shop) {
  const indexes = Object.entries(present).map(
    ([name, names]): ExistingIndex => ({
      table_oid: `oid of ${name}`,
      name: `${names.join('_')}_present`,
      is_valid: true,
      spec: {...btree(names.map(each => key(`"${each}"`))), is_unique: unique},
    }),
  );
  const existing = new Map<string, ExistingIndex['spec'][]>();
  for (const {table_oid, spec} of indexes)
    existing.set(table_oid, [...(existing.get(table_oid) ?? []), spec]);
  const work = statements.map((query, index) =>
    workStatement(String(index), query, total_exec_time_ms, {all, rows}),
  );
  const input: AdviceInput = {
    catalog: {...catalogOf(all, foreign_keys), stats_age_ms},
    columns,
    existing: indexes,
    statements: work,
    planner: {
      costSource: 'none',
      plan: async (statement, candidates) =>
        estimateStatement(statement, candidates, {existing, columns, can_skip: false}),
      sizeOf: () => 8192,
    },
    writes,
    statements_age_ms,
  };
  return adviseIndexes(input);
}

function catalogOf(all: Table[], keys: [string, string][]): Catalog {
  const foreign_keys = keys.map(
    ([name, column]): ForeignKey => ({
      schema: 'public',
      name: `${name}_${column}_fkey`,
      table_oid: `oid of ${name}`,
      table: name,
      columns: [column],
      referenced_schema: 'public',
      referenced_table: 'parent',
      referenced_columns: ['id'],
      is_cascading: false,
    }),
  );
  return {
    stats_reset: null,
    stats_age_ms: null,
    is_counted: true,
    has_standby: false,
    tables: all,
    indexes: [],
    foreign_keys,
    builds: [],
  };
}

async function definitions(shop: Shop): Promise<string[]> {
  const {proposals} = await advise(shop);
  return proposals
    .map(({definition}) => definition.replace(/^CREATE INDEX CONCURRENTLY \S+ ON "public"\./, ''))
    .sort();
}

describe('adviseIndexes', () => {
  it('names and explains the index for one statement', async () => {
    const {proposals, planner} = await advise({
      statements: ['SELECT FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 10'],
    });
    expect(proposals).toMatchObject([
      {
        schema: 'public',
        table: 'orders',
        table_oid: 'oid of orders',
        method: 'btree',
        predicate: null,
        estimated_size_bytes: 8192,
        confidence: 'heuristic',
        source: 'statements',
        serves: [{queryid: '0', calls: 100, cost_before: null, cost_after: null}],
      },
    ]);
    const [proposal] = proposals;
    expect(proposal?.definition).toBe(
      'CREATE INDEX CONCURRENTLY "orders_customer_id_idx" ON "public"."orders" USING btree ("customer_id")',
    );
    expect(proposal?.reasons[0]).toBe('serves one statement, called 100 times');
    expect(planner).toBe('none');
  });

  it('proposes one index for several statements', async () => {
    const statements = [
      'SELECT FROM orders WHERE customer_id = $1',
      'SELECT FROM orders WHERE customer_id = $1 AND created_at > $2',
      'SELECT FROM orders WHERE created_at > $1 AND customer_id = $2 AND status <> $3',
    ];
    const {proposals} = await advise({statements});
    expect(proposals).toHaveLength(1);
    expect(proposals[0]?.serves).toHaveLength(3);
  });

  it.each([
    ['an existing index', {present: {orders: ['customer_id']}}],
    ['a wider one', {present: {orders: ['customer_id', 'created_at']}}],
  ])('proposes nothing if %s serves the statement', async (_, shop) => {
    expect(await definitions({statements: ['SELECT FROM orders WHERE customer_id = $1'], ...shop})).toEqual(
      [],
    );
  });

  it('proposes nothing beside a unique index whose columns are all compared', async () => {
    const statements = ['SELECT FROM orders WHERE id = $1 AND status = $2 AND created_at > $3'];
    expect(await definitions({statements, present: {orders: ['id']}, unique: true})).toEqual([]);
  });

  it('proposes no index on a small table', async () => {
    const all = [table('orders', 900)];
    expect(await definitions({all, statements: ['SELECT FROM orders WHERE customer_id = $1']})).toEqual([]);
  });

  it('proposes no index for a condition that most rows match', async () => {
    expect(await definitions({statements: ['SELECT FROM orders WHERE paid']})).toEqual([]);
  });

  it('proposes no index on a partitioned table', async () => {
    const all = [table('orders', 100_000, {kind: 'partitioned'})];
    const {proposals, skipped} = await advise({
      all,
      foreign_keys: [['orders', 'customer_id']],
      statements: ['SELECT FROM orders WHERE customer_id = $1'],
    });
    expect(proposals).toEqual([]);
    expect(skipped[0]?.reason).toContain('partitioned');
  });

  it('skips an index whose maintenance costs more than it saves', async () => {
    const all = [table('orders', 100_000, {rows_updated: 50_000_000})];
    const shop = {all, statements: ['SELECT FROM orders WHERE customer_id = $1']};
    const {proposals, skipped} = await advise({...shop, total_exec_time_ms: 1000});
    expect(proposals).toEqual([]);
    expect(skipped).toEqual([
      {
        what: 'public.orders ("customer_id")',
        reason: expect.stringContaining('writes would cost more than it saves'),
      },
    ]);
    expect((await advise({...shop, total_exec_time_ms: 1e7})).proposals).toHaveLength(1);
  });

  it('counts an update that is HOT now as one entry in every index of the table', async () => {
    const all = [table('orders', 100_000, {rows_updated: 50_000, rows_hot_updated: 50_000})];
    const [orders] = all;
    const shop = {all, statements: ['SELECT FROM orders WHERE customer_id = $1'], total_exec_time_ms: 400};
    const update = (column: string) => ({
      ...{table_oid: orders?.oid ?? '', kind: 'update' as const, columns: [column]},
      ...{rows: 50_000, calls: 50_000},
    });
    expect((await advise({...shop, writes: [update('status')]})).proposals).toHaveLength(1);
    const {proposals, skipped} = await advise({...shop, writes: [update('customer_id')]});
    expect(proposals).toEqual([]);
    expect(skipped[0]?.reason).toContain('50000 updates that touch no index now (HOT) would write to all');
  });

  it('counts rows that statements insert a few at a time, not a bulk load', async () => {
    const all = [table('orders', 100_000, {rows_inserted: 100_000})];
    const shop = {all, statements: ['SELECT FROM orders WHERE customer_id = $1'], total_exec_time_ms: 400};
    const insert = (calls: number) => [
      {table_oid: all[0]?.oid ?? '', kind: 'insert' as const, columns: [], rows: 100_000, calls},
    ];
    expect((await advise({...shop, writes: insert(1)})).proposals).toHaveLength(1);
    expect((await advise({...shop, writes: insert(50_000)})).proposals).toEqual([]);
  });

  it('takes the counters of tables for the time that statements were counted', async () => {
    const all = [table('orders', 100_000, {rows_deleted: 1_000_000})];
    const shop = {all, statements: ['SELECT FROM orders WHERE customer_id = $1'], total_exec_time_ms: 400};
    expect((await advise({...shop, ages: [null, null]})).proposals).toEqual([]);
    expect((await advise({...shop, ages: [1000, 1000]})).proposals).toEqual([]);
    expect((await advise({...shop, ages: [1000, 10]})).proposals).toHaveLength(1);
  });

  it('does not count rows that were loaded once as writes', async () => {
    const all = [table('orders', 100_000, {rows_inserted: 100_000})];
    const shop = {all, statements: ['SELECT FROM orders WHERE customer_id = $1'], total_exec_time_ms: 1};
    expect(await definitions(shop)).toHaveLength(1);
  });

  describe('foreign keys', () => {
    it('get an index on their columns', async () => {
      const {proposals} = await advise({foreign_keys: [['orders', 'customer_id']]});
      expect(proposals).toMatchObject([
        {source: 'foreign_key', serves: [], columns: [{expression: '"customer_id"'}]},
      ]);
      expect(proposals[0]?.reasons.join()).toContain('orders_customer_id_fkey');
    });

    it.each([
      ['an index covers it', {present: {orders: ['customer_id', 'status']}}],
      ['the table is small', {all: [table('orders', 10)]}],
    ])('get no index if %s', async (_, shop: Shop) => {
      expect(await definitions({foreign_keys: [['orders', 'customer_id']], ...shop})).toEqual([]);
    });

    it('get none while no row of the parent is deleted, which young counters do not show', async () => {
      const [parent, days] = [table('parent', 1000), 86_400_000];
      const adviseFor = (rows_deleted: number, age_days: number) =>
        advise({
          all: [...tables, {...parent, rows_deleted}],
          foreign_keys: [['orders', 'customer_id']],
          ages: [age_days * days, null],
        });
      expect(await adviseFor(0, 30)).toMatchObject({
        proposals: [],
        skipped: [
          {
            what: 'foreign key orders_customer_id_fkey of public.orders',
            reason:
              'no row of public.parent has been deleted in 30d00h: an index serves only a DELETE to come',
          },
        ],
      });
      expect((await adviseFor(1, 30)).proposals).toHaveLength(1);
      expect((await adviseFor(0, 6)).proposals).toHaveLength(1);
    });

    it('share the index of a statement', async () => {
      const statements = ['SELECT FROM orders WHERE customer_id = $1 AND status = $2 AND created_at > $3'];
      const {proposals} = await advise({statements, foreign_keys: [['orders', 'customer_id']]});
      expect(proposals).toHaveLength(1);
      expect(proposals[0]).toMatchObject({source: 'statements'});
    });

    it('are skipped with a reason if the planner would not use an index', async () => {
      const {proposals, skipped} = await advise({foreign_keys: [['orders', 'paid']]});
      expect(proposals).toEqual([]);
      expect(skipped[0]).toMatchObject({what: expect.stringContaining('orders_paid_fkey')});
    });
  });

  it('does not depend on the order of the statements', async () => {
    const statements = [
      'SELECT FROM orders o JOIN customer c ON c.id = o.customer_id WHERE c.email = $1',
      'SELECT FROM item WHERE order_id = $1',
      'SELECT FROM item JOIN orders o ON o.id = order_id WHERE product_id = $1',
      'SELECT FROM orders WHERE status = $1 ORDER BY created_at LIMIT 5',
    ];
    expect(await definitions({statements: statements.toReversed()})).toEqual(await definitions({statements}));
  });
});
