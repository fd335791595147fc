import {describe, expect, it} from 'vitest';
import applyIndexes from '../../recipes/apply-indexes.ts';
import dropUnused from '../../recipes/drop-unused-indexes.ts';
import repairInvalid from '../../recipes/repair-invalid-indexes.ts';
import {planText} from '../../source/cli/execution/render-plan.ts';
import type {Catalog, Index} from '../../source/model/catalog.ts';
import type {ParameterValues, Plan, Recipe} from '../../source/model/recipe.ts';
import type {IndexProposal} from '../../source/model/recipe-data.ts';
import {
  createCatalog,
  createForeignKey,
  createIndex,
  createProposal,
  createTable,
} from '../helpers/catalog.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

const day_ms = 86_400_000;
const build = {
  pid: 77,
  backend_start: '2026-01-01T00:00:00.000000Z',
  index_oid: '16500',
  table_oid: '16400',
  phase: 'building index',
  command: 'CREATE INDEX CONCURRENTLY',
};

const bothTables = [createTable(), createTable({oid: '16401', name: 'users'})];

function planOf(recipe: Recipe, catalog: Catalog, params: ParameterValues = {}): Plan {
  const plan = recipe.plan?.(createSnapshot(), params, {catalog});
  if (plan === undefined) throw new Error('it acts');
  return plan;
}

function titles({steps}: Plan): string[] {
  return steps.map(({title}) => title);
}

describe('drop-unused-indexes', () => {
  const idle = createIndex({scans: 0});
  const drop = 'drop unused index orders_status_idx of public.orders';

  it.each<[string, Partial<Index>, Partial<Catalog>, ParameterValues, string | null]>([
    ['drops what has no scan', {}, {}, {}, null],
    ['keeps what is used', {scans: 1}, {}, {}, ''],
    ['drops what is hardly used, where told', {scans: 3}, {}, {max_scans: '3'}, null],
    ['keeps a primary key', {is_primary: true, is_unique: true}, {}, {}, ''],
    ['keeps a unique one', {is_unique: true}, {}, {index: 'public.orders_status_idx'}, 'it is unique'],
    [
      'keeps a constraint',
      {constraint: 'c'},
      {},
      {index: 'public.orders_status_idx'},
      'constraint c needs it',
    ],
    ['keeps an exclusion', {is_exclusion: true}, {}, {index: 'public.orders_status_idx'}, 'an exclusion'],
    [
      'keeps the replica identity',
      {is_replica_identity: true},
      {},
      {index: 'public.orders_status_idx'},
      'the replica',
    ],
    [
      "keeps an extension's",
      {extension: 'postgis'},
      {},
      {index: 'public.orders_status_idx'},
      'it belongs to extension postgis',
    ],
    [
      'keeps part of a partitioned one',
      {is_partition: true},
      {},
      {index: 'public.orders_status_idx'},
      'it is part',
    ],
    [
      'keeps the last one of a foreign key',
      {columns: ['user_id']},
      {foreign_keys: [createForeignKey()]},
      {},
      'no other index covers',
    ],
    ['leaves an invalid one to its own recipe', {is_valid: false}, {}, {}, 'it is invalid'],
    [
      'keeps all while counters are young',
      {},
      {stats_age_ms: 29 * day_ms},
      {},
      'scans have been counted for only 29d00h',
    ],
    ['trusts young counters, where told', {}, {stats_age_ms: 2 * day_ms}, {stats_age: '1d'}, null],
    ['keeps all where nobody can date them', {}, {stats_age_ms: null}, {}, 'since an unknown time'],
    [
      'keeps all where a standby may use them',
      {},
      {has_standby: true},
      {},
      'a standby replicates from this server',
    ],
    ['drops all the same, where told', {}, {has_standby: true}, {standby: 'drop'}, null],
    ['keeps those of other tables', {}, {tables: bothTables}, {table: 'public.users'}, ''],
    ['takes a name without its schema', {}, {}, {index: 'orders_status_idx', table: 'orders'}, null],
    ['tells that one named is used', {scans: 3}, {}, {index: 'orders_status_idx'}, 'it is used: 3 scans'],
  ])('%s', (_what, index, catalog, params, kept) => {
    const plan = planOf(
      dropUnused,
      createCatalog({indexes: [createIndex({scans: 0, ...index})], ...catalog}),
      params,
    );
    expect(titles(plan)).toEqual(kept === null ? [drop] : []);
    expect(plan.skipped.map(({reason}) => reason).join()).toContain(kept ?? '');
  });

  it('asks only for what makes it leave the index alone, and shows what its undo restores', () => {
    const attributes = {...idle.attributes, tablespace: 'fast', comment: "it's", is_clustered: true};
    const plan = planOf(dropUnused, createCatalog({indexes: [{...idle, attributes}]}));
    const text = planText(plan, {id: 'here'}, 'hash');
    expect(text).toContain('it is used now');
    expect(text).not.toContain('it is valid now');
    expect(text).toContain('COMMENT ON INDEX "public"."orders_status_idx" IS \'it\'\'s\'');
    expect(text).toContain('ALTER TABLE "public"."orders" CLUSTER ON "orders_status_idx"');
    expect(plan.steps).toMatchObject([{undo: {settings: {default_tablespace: 'fast'}}}]);
  });

  it('keeps one of two that serve the same foreign key, the smaller', () => {
    const pair = [
      createIndex({oid: '1', name: 'small', columns: ['user_id'], scans: 0, size_bytes: 1}),
      createIndex({oid: '2', name: 'large', columns: ['user_id', 'status'], scans: 0, size_bytes: 2}),
    ];
    const catalog = createCatalog({indexes: pair, foreign_keys: [createForeignKey()]});
    expect(titles(planOf(dropUnused, catalog))).toEqual(['drop unused index large of public.orders']);
    expect(titles(planOf(dropUnused, catalog, {index: 'public.small'}))).toEqual([
      'drop unused index small of public.orders',
    ]);
  });

  it('finds those that take space worth the trouble, and answers with what it found', () => {
    const found = (...indexes: Index[]) =>
      dropUnused.diagnose(createSnapshot(), {catalog: createCatalog({indexes})});
    expect(found(idle)).toMatchObject([
      {severity: 'warning', evidence: {indexes: 1, largest: 'public.orders_status_idx'}},
    ]);
    expect(found(createIndex({scans: 0, size_bytes: 1000}))).toEqual([]);
    expect(found(createIndex())).toEqual([]);
  });

  it.each([
    {max_scans: '-1'},
    {max_scans: '0x10'},
    {max_scans: '1e3'},
    {max_scans: 'few'},
    {standby: 'maybe'},
    {stats_age: 'long'},
    {at_most: '0'},
  ])('refuses %o', params => {
    expect(() => planOf(dropUnused, createCatalog(), params)).toThrow(Object.keys(params)[0]);
  });
});

describe('repair-invalid-indexes', () => {
  const broken = createIndex({is_valid: false, scans: 0});
  const other = createIndex({oid: '8', name: 'other', columns: ['n']});
  const drop = 'drop invalid index orders_status_idx of public.orders';
  const rebuild = 'build index orders_status_idx on public.orders';

  it.each<[string, Partial<Catalog>, ParameterValues, string[]]>([
    ['drops it and builds it again', {}, {}, [drop, rebuild]],
    ['only drops it, where told', {}, {method: 'drop'}, [drop]],
    [
      'only drops it beside a valid twin',
      {indexes: [broken, createIndex({oid: '9', name: 'orders_status_idx', is_valid: true})]},
      {},
      [drop],
    ],
    ['leaves it while it is built', {builds: [build]}, {}, []],
    [
      'leaves it while a build on its table has not told which',
      {builds: [{...build, index_oid: '0'}]},
      {},
      [],
    ],
    [
      'is not held up by a build elsewhere',
      {builds: [{...build, index_oid: '4', table_oid: '5'}]},
      {},
      [drop, rebuild],
    ],
    ['leaves one of a partitioned table', {tables: [createTable({kind: 'partitioned'})]}, {}, []],
    ['takes those named', {indexes: [broken, other]}, {index: 'public.other'}, []],
  ])('%s', (_what, catalog, params, steps) => {
    expect(titles(planOf(repairInvalid, createCatalog({indexes: [broken], ...catalog}), params))).toEqual(
      steps,
    );
  });

  it('says of a valid one that was asked for by name that it is valid', () => {
    const plan = planOf(repairInvalid, createCatalog({indexes: [broken, other]}), {index: 'other'});
    expect(plan.explanation).toEqual(['Nothing to repair: public.other is valid.']);
    expect(plan.skipped).toMatchObject([{subject: 'index:public.other', reason: 'it is valid'}]);
  });

  it('finds each without a running build', () => {
    const found = (catalog: Partial<Catalog>) =>
      repairInvalid.diagnose(createSnapshot(), {catalog: createCatalog({indexes: [broken], ...catalog})});
    expect(found({})).toMatchObject([{subject: 'index:public.orders_status_idx'}]);
    expect(found({builds: [build]})).toEqual([]);
    expect(found({indexes: [createIndex()]})).toEqual([]);
  });
});

describe('apply-indexes', () => {
  const step = 'build index orders_user_id_idx on public.orders';

  function planWith(catalog: Catalog, proposals: IndexProposal[], params: ParameterValues = {}): Plan {
    const facts = {catalog, index_advice: {proposals, skipped: [], planner: 'none' as const}};
    const plan = applyIndexes.plan?.(createSnapshot(), params, facts);
    if (plan === undefined) throw new Error('it acts');
    return plan;
  }

  it.each<[string, Partial<Catalog>, string[], string]>([
    ['builds what is missing', {}, [step], ''],
    [
      'builds beside an index that does not begin with it',
      {indexes: [createIndex({columns: ['status', 'user_id']})]},
      [step],
      '',
    ],
    [
      'builds beside a partial one',
      {
        indexes: [
          createIndex({
            columns: ['user_id'],
            predicate: 'n > 5',
            definition: 'CREATE INDEX x ON public.orders USING btree (user_id) WHERE n > 5',
          }),
        ],
      },
      [step],
      '',
    ],
    [
      'leaves what an index serves',
      {indexes: [createIndex({columns: ['user_id', 'status']})]},
      [],
      'already serves it',
    ],
    [
      'sweeps an invalid leftover away first',
      {indexes: [createIndex({name: 'orders_user_id_idx', columns: ['user_id'], is_valid: false})]},
      ['drop invalid index orders_user_id_idx of public.orders', step],
      '',
    ],
    [
      'adopts a build that goes on',
      {indexes: [createIndex({name: 'theirs', columns: ['user_id'], is_valid: false})], builds: [build]},
      ['wait for session 77 to build index theirs on public.orders'],
      '',
    ],
    [
      'leaves a table on which a build has not told which it is',
      {builds: [{...build, index_oid: '0'}]},
      [],
      'session 77 has started an index build on its table',
    ],
    [
      'leaves a name that is taken',
      {indexes: [createIndex({name: 'orders_user_id_idx', columns: ['status']})]},
      [],
      'another index has that name',
    ],
    ['leaves a table that is gone', {tables: []}, [], 'does not exist'],
    [
      'advises where the table is partitioned',
      {tables: [createTable({kind: 'partitioned'})]},
      ['index each partition of public.orders'],
      '',
    ],
  ])('%s', (_what, catalog, steps, reason) => {
    const plan = planWith(createCatalog(catalog), [createProposal()]);
    expect(titles(plan)).toEqual(steps);
    expect(plan.skipped.map(each => each.reason).join()).toContain(reason);
  });

  it.each<[ParameterValues, number]>([
    [{}, 2],
    [{confidence: 'planner-verified'}, 1],
    [{at_most: '1'}, 1],
    [{table: 'public.orders'}, 2],
    [{table: 'orders'}, 2],
    [{table: 'public.users'}, 0],
  ])('chooses by %o', (params, count) => {
    const proposals = [
      createProposal(),
      createProposal({name: 'second', columns: [{expression: '"status"'}], confidence: 'planner-verified'}),
    ];
    expect(planWith(createCatalog({tables: bothTables}), proposals, params).steps).toHaveLength(count);
  });

  it('finds foreign keys without an index, on tables of some size', () => {
    const found = (catalog: Partial<Catalog>) =>
      applyIndexes.diagnose(createSnapshot(), {
        catalog: createCatalog({foreign_keys: [createForeignKey()], ...catalog}),
      });
    expect(found({})).toMatchObject([
      {severity: 'warning', evidence: {foreign_keys: 1}, params: {table: 'public.orders'}},
    ]);
    const elsewhere = createForeignKey({table_oid: '16401', table: 'users'});
    const [ofTwo] = found({tables: bothTables, foreign_keys: [createForeignKey(), elsewhere]});
    expect(ofTwo?.evidence.foreign_keys).toBe(2);
    expect(ofTwo?.params).toBeUndefined();
    expect(found({indexes: [createIndex({columns: ['user_id', 'status']})]})).toEqual([]);
    expect(found({indexes: [createIndex({columns: ['status', 'user_id']})]})).toHaveLength(1);
    expect(found({tables: [createTable({estimated_rows: 500})]})).toEqual([]);
  });

  it('names whom it would wait for, in no step', () => {
    const old = createBackend({state: 'idle in transaction', xact_age_ms: 7_200_000});
    const facts = {
      catalog: createCatalog(),
      index_advice: {proposals: [createProposal()], skipped: [], planner: 'none' as const},
    };
    const planAt = (snapshot = createSnapshot()) => applyIndexes.plan?.(snapshot, {}, facts);
    const held = planAt(createSnapshot({backends: [old]}));
    expect(held?.explanation[1]).toContain('4711 (shop/shop_app idle in transaction, 2h00m)');
    expect(held?.steps).toEqual(planAt()?.steps);
  });

  it('tells the whole in its first line, then a line for each index, and its reasons after', () => {
    const leftover = createIndex({name: 'orders_user_id_idx', columns: ['user_id'], is_valid: false});
    const served = {queryid: '1', query: 'SELECT 1', calls: 2, total_exec_time_ms: 9};
    const second = createProposal({
      name: 'second',
      columns: [{expression: '"status"'}],
      serves: [{...served, cost_before: null, cost_after: null}],
    });
    const {explanation} = planWith(createCatalog({indexes: [leftover]}), [createProposal(), second]);
    expect(explanation.slice(0, 4)).toEqual([
      '2 indexes to build (and 1 invalid index to drop), one after the other.',
      'No open transaction is old enough to delay it.',
      'orders_user_id_idx on public.orders: heuristic, for a foreign key',
      'second on public.orders: heuristic, serves 1 statement',
    ]);
    expect(explanation.filter(text => text.includes('CREATE EXTENSION hypopg'))).toHaveLength(1);
    expect(explanation.findIndex(text => text.includes('no index leads with'))).toBeGreaterThan(6);
  });

  it('does not take parameters that nothing fits for an all-clear', () => {
    const {explanation} = planWith(createCatalog(), [createProposal()], {confidence: 'planner-verified'});
    expect(explanation[0]).toContain('the suggested index does not match these parameters');
    expect(explanation[1]).toContain('CREATE EXTENSION hypopg');
  });
});

describe('what would choose nothing, or wait for ever', () => {
  it.each([
    ['apply-indexes', applyIndexes, {table: 'public.nope'}, 'table=public.nope', /public\.orders/],
    [
      'apply-indexes',
      applyIndexes,
      {table: 'public.order'},
      'table=public.order',
      /did you mean public\.orders/,
    ],
    ['drop-unused-indexes', dropUnused, {table: 'user'}, 'table=user', /public\.users/],
    ['drop-unused-indexes', dropUnused, {index: 'foo'}, 'index=foo', /orders_status_idx/],
    [
      'repair-invalid-indexes',
      repairInvalid,
      {index: 'x.orders_status_idx'},
      'index=x.',
      /did you mean public/,
    ],
    ...[applyIndexes, dropUnused, repairInvalid].map(
      recipe =>
        [recipe.id, recipe, {lock_timeout: '0'}, 'lock_timeout=0 would wait forever', /5min/] as const,
    ),
  ] as const)('%s refuses %3$s', (_id, recipe, params, message, hint) => {
    const catalog = createCatalog({tables: bothTables, indexes: [createIndex()]});
    expect(() => planOf(recipe, catalog, params)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining(message),
        hint: expect.stringMatching(hint),
      }),
    );
  });
});
