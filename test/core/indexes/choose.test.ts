import {describe, expect, it} from 'vitest';
import {type AdviceInput, adviseIndexes} from '../../../source/core/indexes/advise-indexes.ts';
import type {Planner, WorkloadStatement} from '../../../source/core/indexes/candidates.ts';
import {chooseIndexes} from '../../../source/core/indexes/choose.ts';
import {estimateStatement} from '../../../source/core/indexes/estimate.ts';
import type {ExistingIndex} from '../../../source/core/indexes/index-spec.ts';
import {btree, type Candidate, key, toCandidate} from '../../../source/core/indexes/index-spec.ts';
import type {Catalog, ForeignKey, Table} from '../../../source/model/catalog.ts';
import {columns, shapeOf, table, tables} from './reading.ts';

type World = {
  statements?: string[];
  present?: Record<string, string[]>;
  unique?: boolean;
  foreign_keys?: [table: string, column: string][];
  all?: Table[];
  total_exec_time_ms?: number;
};

/** Advice by estimate alone, for a shop with these statements and indexes. */
async function advise({
  statements = [],
  present = {},
  unique = false,
  foreign_keys = [],
  all = tables,
  total_exec_time_ms = 1e6,
}: World) {
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
  const work = statements.map((query, index) => workStatement(String(index), query, total_exec_time_ms, all));
  const input: AdviceInput = {
    catalog: catalogOf(all, foreign_keys),
    columns,
    existing: indexes,
    statements: work,
    planner: {
      costSource: 'none',
      plan: async (statement, candidates) =>
        estimateStatement(statement.shape, candidates, {existing, columns, can_skip: false}),
      sizeOf: () => 8192,
    },
  };
  return adviseIndexes(input);
}

function workStatement(
  queryid: string,
  query: string,
  total_exec_time_ms: number,
  all: Table[] = tables,
): WorkloadStatement {
  const shape = withTables(shapeOf(query), all);
  return {queryid, query, calls: 100, total_exec_time_ms, source: 'statements', shape};
}

function withTables<Shape extends {uses: {table: Table}[]}>(shape: Shape, all: Table[]): Shape {
  for (const use of shape.uses) use.table = all.find(({oid}) => oid === use.table.oid) ?? use.table;
  return shape;
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
    }),
  );
  return {
    stats_reset: null,
    stats_age_ms: null,
    has_standby: false,
    tables: all,
    indexes: [],
    foreign_keys,
    builds: [],
  };
}

async function definitions(world: World): Promise<string[]> {
  const {proposals} = await advise(world);
  return proposals
    .map(({definition}) => definition.replace(/^CREATE INDEX CONCURRENTLY \S+ ON "public"\./, ''))
    .sort();
}

describe('adviseIndexes', () => {
  it('finds the index of one statement, and names and explains it', async () => {
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

  it('lets one index serve several statements', async () => {
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
    ['an index that is there', {present: {orders: ['customer_id']}}],
    ['a wider one', {present: {orders: ['customer_id', 'created_at']}}],
  ])('proposes nothing that %s serves', async (_, world) => {
    expect(await definitions({statements: ['SELECT FROM orders WHERE customer_id = $1'], ...world})).toEqual(
      [],
    );
  });

  it('proposes nothing beside a unique index whose columns are all given', async () => {
    const statements = ['SELECT FROM orders WHERE id = $1 AND status = $2 AND created_at > $3'];
    expect(await definitions({statements, present: {orders: ['id']}, unique: true})).toEqual([]);
  });

  it('leaves a tiny table alone', async () => {
    const all = [table('orders', 900)];
    expect(await definitions({all, statements: ['SELECT FROM orders WHERE customer_id = $1']})).toEqual([]);
  });

  it('leaves a condition alone that most rows meet', async () => {
    expect(await definitions({statements: ['SELECT FROM orders WHERE paid']})).toEqual([]);
  });

  it('proposes no index on a partitioned table, which none is built on concurrently', async () => {
    const all = [table('orders', 100_000, {kind: 'partitioned'})];
    const {proposals, skipped} = await advise({
      all,
      foreign_keys: [['orders', 'customer_id']],
      statements: ['SELECT FROM orders WHERE customer_id = $1'],
    });
    expect(proposals).toEqual([]);
    expect(skipped[0]?.reason).toContain('partitioned');
  });

  it('leaves out what costs the writes more than it saves, and says so', async () => {
    const all = [table('orders', 100_000, {rows_updated: 50_000_000})];
    const world = {all, statements: ['SELECT FROM orders WHERE customer_id = $1']};
    const {proposals, skipped} = await advise({...world, total_exec_time_ms: 1000});
    expect(proposals).toEqual([]);
    expect(skipped).toEqual([
      {
        what: 'public.orders ("customer_id")',
        reason: expect.stringContaining('writes would cost more than it saves'),
      },
    ]);
    expect((await advise({...world, total_exec_time_ms: 1e7})).proposals).toHaveLength(1);
  });

  it('does not count rows that were loaded once as writes', async () => {
    const all = [table('orders', 100_000, {rows_inserted: 100_000})];
    const world = {all, statements: ['SELECT FROM orders WHERE customer_id = $1'], total_exec_time_ms: 1};
    expect(await definitions(world)).toHaveLength(1);
  });

  describe('foreign keys', () => {
    it('wants an index that leads with them', async () => {
      const {proposals} = await advise({foreign_keys: [['orders', 'customer_id']]});
      expect(proposals).toMatchObject([
        {source: 'foreign_key', serves: [], columns: [{expression: '"customer_id"'}]},
      ]);
      expect(proposals[0]?.reasons.join()).toContain('orders_customer_id_fkey');
    });

    it.each([
      ['there is one', {present: {orders: ['customer_id', 'status']}}],
      ['the table is tiny', {all: [table('orders', 10)]}],
    ])('wants none where %s', async (_, world: World) => {
      expect(await definitions({foreign_keys: [['orders', 'customer_id']], ...world})).toEqual([]);
    });

    it('share the index of a statement', async () => {
      const statements = ['SELECT FROM orders WHERE customer_id = $1 AND status = $2 AND created_at > $3'];
      const {proposals} = await advise({statements, foreign_keys: [['orders', 'customer_id']]});
      expect(proposals).toHaveLength(1);
      expect(proposals[0]).toMatchObject({source: 'statements'});
    });

    it('are told where nobody would use an index', async () => {
      const {proposals, skipped} = await advise({foreign_keys: [['orders', 'paid']]});
      expect(proposals).toEqual([]);
      expect(skipped[0]).toMatchObject({what: expect.stringContaining('orders_paid_fkey')});
    });
  });

  it('comes to the same in whatever order the statements are seen', async () => {
    const statements = [
      'SELECT FROM orders o JOIN customer c ON c.id = o.customer_id WHERE c.email = $1',
      'SELECT FROM item WHERE order_id = $1',
      'SELECT FROM item JOIN orders o ON o.id = order_id WHERE product_id = $1',
      'SELECT FROM orders WHERE status = $1 ORDER BY created_at LIMIT 5',
    ];
    expect(await definitions({statements: statements.toReversed()})).toEqual(await definitions({statements}));
  });
});

describe('chooseIndexes', () => {
  const [orders = table('orders', 1)] = tables.filter(({name}) => name === 'orders');

  /** What each statement costs with the cheapest index that is there: `{'': 1000, 'a b': 10}`, by columns. */
  async function choose(costs: Record<string, number>[]): Promise<string[]> {
    const columnsOf = ({spec}: Candidate) => spec.keys.map(({expression}) => expression).join(' ');
    const works = costs.map((each, index) => ({
      statement: workStatement(String(index), 'SELECT FROM orders', 1e6),
      candidates: Object.keys(each)
        .filter(names => names !== '')
        .map(names =>
          toCandidate(orders, btree(names.split(' ').map(name => key(name))), names.split(' ').length),
        ),
    }));
    const planner: Planner = {
      costSource: 'none',
      async plan({queryid}, candidates) {
        const own = costs[Number(queryid)] ?? {};
        const costOf = (candidate: Candidate | undefined) =>
          candidate === undefined ? own[''] : own[columnsOf(candidate)];
        const known = candidates.filter(each => costOf(each) !== undefined);
        const [best] = known.sort((a, b) => (costOf(a) ?? 0) - (costOf(b) ?? 0));
        const isRead = best !== undefined && (costOf(best) ?? 0) < (own[''] ?? 0);
        return {
          cost: (isRead ? costOf(best) : own['']) ?? 0,
          used: new Set(isRead && best ? [best.id] : []),
        };
      },
      sizeOf: () => 8192,
    };
    return (await chooseIndexes(works, planner)).chosen.map(columnsOf).sort();
  }

  it('takes none that saves less than a tenth', async () => {
    expect(await choose([{'': 1000, a: 950}])).toEqual([]);
    expect(await choose([{'': 1000, a: 850}])).toEqual(['a']);
  });

  it('takes the narrowest that costs at most a twentieth more', async () => {
    expect(await choose([{'': 1000, 'a b': 100, a: 104}])).toEqual(['a']);
    expect(await choose([{'': 1000, 'a b': 100, a: 110}])).toEqual(['a b']);
    expect(await choose([{'': 1000, 'a b c': 100, 'a b': 102, a: 103}])).toEqual(['a']);
    expect(await choose([{'': 1000, 'a b c': 100, 'a b': 102, a: 120}])).toEqual(['a b']);
  });

  it('takes none beside a wider one that begins with its columns', async () => {
    expect(
      await choose([
        {'': 1000, a: 10, 'a b': 300},
        {'': 1000, 'a b': 10},
      ]),
    ).toEqual(['a b']);
    expect(
      await choose([
        {'': 1000, b: 10, 'a b': 300},
        {'': 1000, 'a c': 10},
      ]),
    ).toEqual(['a c', 'b']);
  });

  it('leaves out what no statement would miss', async () => {
    expect(
      await choose([
        {'': 1000, b: 500, 'a c': 510},
        {'': 1000, 'a c': 10},
      ]),
    ).toEqual(['a c']);
  });
});
