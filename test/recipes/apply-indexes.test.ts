import {describe, expect, it} from 'vitest';
import applyIndexes from '../../recipes/apply-indexes.ts';
import type {Catalog} from '../../source/model/catalog.ts';
import type {IndexProposal} from '../../source/model/index-advice.ts';
import type {ParameterValues, Plan} from '../../source/model/recipe.ts';
import type {RecipeData} from '../../source/model/recipe-data.ts';
import {
  createCatalog,
  createForeignKey,
  createIndex,
  createProposal,
  createTable,
} from '../helpers/catalog.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {bothTables, build, planWith, titlesOf} from './index-plans.ts';

describe('apply-indexes', () => {
  const step = 'build index orders_user_id_idx on public.orders';

  function applyWith(catalog: Catalog, proposals: IndexProposal[], params: ParameterValues = {}): Plan {
    return planWith(applyIndexes, catalog, params, proposals);
  }

  it.each<[string, Partial<Catalog>, string[], string]>([
    ['builds a missing index', {}, [step], ''],
    [
      'builds beside an index that does not begin with it',
      {indexes: [createIndex({columns: ['status', 'user_id']})]},
      [step],
      '',
    ],
    [
      'builds beside a partial index',
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
      'skips a proposal that an index serves',
      {indexes: [createIndex({columns: ['user_id', 'status']})]},
      [],
      'already serves it',
    ],
    [
      'drops an invalid leftover first',
      {indexes: [createIndex({name: 'orders_user_id_idx', columns: ['user_id'], is_valid: false})]},
      ['drop invalid index orders_user_id_idx of public.orders', step],
      '',
    ],
    [
      'waits for a running build of the same index',
      {indexes: [createIndex({name: 'other_name', columns: ['user_id'], is_valid: false})], builds: [build]},
      ['wait for session 77 to build index other_name on public.orders'],
      '',
    ],
    [
      'skips a table on which an unidentified build runs',
      {builds: [{...build, index_oid: '0'}]},
      [],
      'session 77 has started an index build on its table',
    ],
    [
      'skips a name that is taken',
      {indexes: [createIndex({name: 'orders_user_id_idx', columns: ['status']})]},
      [],
      'another index has that name',
    ],
    ['skips a dropped table', {tables: []}, [], 'does not exist'],
    [
      'gives advice for a partitioned table',
      {tables: [createTable({kind: 'partitioned'})]},
      ['index each partition of public.orders'],
      '',
    ],
  ])('%s', (_what, catalog, steps, reason) => {
    const plan = applyWith(createCatalog(catalog), [createProposal()]);
    expect(titlesOf(plan)).toEqual(steps);
    expect(plan.skipped.map(each => each.reason).join()).toContain(reason);
  });

  it.each<[ParameterValues, number]>([
    [{}, 2],
    [{confidence: 'planner-verified'}, 1],
    [{at_most: '1'}, 1],
    [{table: 'public.orders'}, 2],
    [{table: 'orders'}, 2],
    [{table: 'public.users'}, 0],
  ])('selects by %o', (params, count) => {
    const proposals = [
      createProposal(),
      createProposal({name: 'second', columns: [{expression: '"status"'}], confidence: 'planner-verified'}),
    ];
    expect(applyWith(createCatalog({tables: bothTables}), proposals, params).steps).toHaveLength(count);
  });

  it('reports foreign keys without an index on tables above the threshold', () => {
    const diagnose = (catalog: Partial<Catalog>) =>
      applyIndexes.diagnose(createSnapshot(), {
        catalog: createCatalog({foreign_keys: [createForeignKey()], ...catalog}),
      });
    expect(diagnose({})).toMatchObject([
      {severity: 'warning', evidence: {foreign_keys: 1}, params: {table: 'public.orders'}},
    ]);
    const ofUsers = createForeignKey({table_oid: '16401', table: 'users'});
    const [orders, users] = bothTables;
    const tables = [orders ?? createTable(), {...(users ?? createTable()), rows_deleted: 5}];
    const [ofTwo] = diagnose({tables, foreign_keys: [createForeignKey(), ofUsers]});
    expect(ofTwo?.evidence.foreign_keys).toBe(2);
    expect(ofTwo?.params).toBeUndefined();
    // No row of the parent has been deleted in three months.
    expect(diagnose({tables: bothTables})).toEqual([]);
    expect(diagnose({tables: bothTables, stats_age_ms: 3_600_000})).toHaveLength(1);
    expect(diagnose({indexes: [createIndex({columns: ['user_id', 'status']})]})).toEqual([]);
    expect(diagnose({indexes: [createIndex({columns: ['user_id'], method: 'hash'})]})).toEqual([]);
    const partial = createIndex({columns: ['user_id'], predicate: '(user_id IS NOT NULL)'});
    expect(diagnose({indexes: [partial]})).toEqual([]);
    expect(diagnose({indexes: [createIndex({columns: ['status', 'user_id']})]})).toHaveLength(1);
    expect(diagnose({tables: [createTable({estimated_rows: 500})]})).toEqual([]);
  });

  it('names the transactions it waits for, but not in a step', () => {
    const old = createBackend({state: 'idle in transaction', xact_age_ms: 7_200_000});
    const lock = (mode: string) => ({table_oid: '16400', mode});
    const table_holders = [
      {pid: 4711, has_snapshot: false, locks: [lock('RowExclusiveLock')]},
      {pid: 4712, has_snapshot: true, locks: [lock('AccessShareLock')]},
      {
        pid: 4713,
        has_snapshot: false,
        locks: [lock('AccessShareLock'), {...lock('RowExclusiveLock'), table_oid: '1'}],
      },
    ];
    const facts = {
      catalog: createCatalog(),
      index_advice: {proposals: [createProposal()], skipped: [], planner: 'none' as const},
    };
    const planWithFacts = (more: RecipeData, snapshot = createSnapshot()) =>
      applyIndexes.plan?.(snapshot, {}, {...facts, ...more});
    const delayed = planWithFacts({table_holders}, createSnapshot({backends: [old]}));
    expect(delayed?.explanation[1]).toContain(
      '4711 (shop/shop_app idle in transaction, 2h00m, holds RowExclusiveLock on public.orders), 4712 (holds a snapshot). End',
    );
    expect(planWithFacts({})?.explanation[1]).toBe('What it would wait for is unknown.');
    const {target} = createSnapshot();
    const privileges = {...target.privileges, read_all_stats: false, is_superuser: false};
    const unprivileged = createSnapshot({target: {...target, privileges}});
    expect(planWithFacts({table_holders: []}, unprivileged)?.explanation[1]).toContain(
      'hold a snapshot, which it waits for, is hidden from this role',
    );
    expect(delayed?.steps).toEqual(planWithFacts({table_holders: []})?.steps);
  });

  it('explains the plan in one line, then each index in one line, then the reasons', () => {
    const leftover = createIndex({name: 'orders_user_id_idx', columns: ['user_id'], is_valid: false});
    const served = {queryid: '1', query: 'SELECT 1', calls: 2, total_exec_time_ms: 9};
    const second = createProposal({
      name: 'second',
      columns: [{expression: '"status"'}],
      serves: [{...served, cost_before: null, cost_after: null}],
    });
    const {explanation} = applyWith(createCatalog({indexes: [leftover]}), [createProposal(), second]);
    expect(explanation.slice(0, 4)).toEqual([
      '2 indexes to build (and 1 invalid index to drop), one after the other.',
      'It waits for no session now: none writes to its table or holds a snapshot.',
      'orders_user_id_idx on public.orders: heuristic, for a foreign key',
      'second on public.orders: heuristic, serves 1 statement',
    ]);
    expect(explanation.filter(text => text.includes('CREATE EXTENSION hypopg'))).toHaveLength(1);
    expect(explanation.findIndex(text => text.includes('no index leads with'))).toBeGreaterThan(6);
  });

  it('says if the proposals do not match the parameters', () => {
    const {explanation} = applyWith(createCatalog(), [createProposal()], {confidence: 'planner-verified'});
    expect(explanation[0]).toContain('the suggested index does not match these parameters');
    expect(explanation[1]).toContain('CREATE EXTENSION hypopg');
  });
});
