import {describe, expect, it} from 'vitest';
import dropUnused from '../../recipes/drop-unused-indexes.ts';
import {planText} from '../../source/cli/execution/render-plan.ts';
import type {Catalog, Index} from '../../source/model/catalog.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import {createCatalog, createForeignKey, createIndex} from '../helpers/catalog.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {bothTables, planWith, titlesOf} from './index-plans.ts';

const day_ms = 86_400_000;

describe('drop-unused-indexes', () => {
  const idle = createIndex({scans: 0});
  const drop = 'drop unused index orders_status_idx of public.orders';

  it.each<[string, Partial<Index>, Partial<Catalog>, ParameterValues, string | null]>([
    ['drops an index without a scan', {}, {}, {}, null],
    ['keeps a used index', {scans: 1}, {}, {}, ''],
    ['drops an index with at most max_scans scans', {scans: 3}, {}, {max_scans: '3'}, null],
    ['keeps a primary key', {is_primary: true, is_unique: true}, {}, {}, ''],
    ['keeps a unique index', {is_unique: true}, {}, {index: 'public.orders_status_idx'}, 'it is unique'],
    [
      'keeps the index of a constraint',
      {constraint: 'c'},
      {},
      {index: 'public.orders_status_idx'},
      'constraint c needs it',
    ],
    [
      'keeps the index of an exclusion constraint',
      {is_exclusion: true},
      {},
      {index: 'public.orders_status_idx'},
      'an exclusion',
    ],
    [
      'keeps the replica identity',
      {is_replica_identity: true},
      {},
      {index: 'public.orders_status_idx'},
      'the replica',
    ],
    [
      'keeps the index of an extension',
      {extension: 'postgis'},
      {},
      {index: 'public.orders_status_idx'},
      'it belongs to extension postgis',
    ],
    [
      'keeps part of a partitioned index',
      {is_partition: true},
      {},
      {index: 'public.orders_status_idx'},
      'it is part',
    ],
    [
      'keeps the only index that covers a foreign key',
      {columns: ['user_id']},
      {foreign_keys: [createForeignKey()]},
      {},
      'no other index covers',
    ],
    ['skips an invalid index, which has its own recipe', {is_valid: false}, {}, {}, 'it is invalid'],
    [
      'keeps all if scans have been counted for less than stats_age',
      {},
      {stats_age_ms: 29 * day_ms},
      {},
      'scans have been counted for only 29d00h',
    ],
    ['drops with a shorter stats_age', {}, {stats_age_ms: 2 * day_ms}, {stats_age: '1d'}, null],
    [
      'keeps all if the age of the counters is unknown',
      {},
      {stats_age_ms: null},
      {},
      'since an unknown time',
    ],
    ['keeps all if scans are not counted', {}, {is_counted: false}, {}, 'track_counts is off'],
    [
      'keeps all indexes if a standby may use them',
      {},
      {has_standby: true},
      {},
      'a standby replicates from this server',
    ],
    ['drops despite a standby with standby=drop', {}, {has_standby: true}, {standby: 'drop'}, null],
    ['keeps indexes of other tables', {}, {tables: bothTables}, {table: 'public.users'}, ''],
    ['accepts a name without its schema', {}, {}, {index: 'orders_status_idx', table: 'orders'}, null],
    ['reports a named index as used', {scans: 3}, {}, {index: 'orders_status_idx'}, 'it is used: 3 scans'],
  ])('%s', (_what, index, catalog, params, keptBecause) => {
    const plan = planWith(
      dropUnused,
      createCatalog({indexes: [createIndex({scans: 0, ...index})], ...catalog}),
      params,
    );
    expect(titlesOf(plan)).toEqual(keptBecause === null ? [drop] : []);
    expect(plan.skipped.map(({reason}) => reason).join()).toContain(keptBecause ?? '');
  });

  it('previews only the guards that apply, and what the undo restores', () => {
    const attributes = {...idle.attributes, tablespace: 'fast', comment: "it's", is_clustered: true};
    const plan = planWith(dropUnused, createCatalog({indexes: [{...idle, attributes}]}));
    const text = planText(plan, {id: 'here'}, 'hash');
    expect(text).toContain('it is used now');
    expect(text).not.toContain('it is valid now');
    expect(text).toContain('COMMENT ON INDEX "public"."orders_status_idx" IS \'it\'\'s\'');
    expect(text).toContain('ALTER TABLE "public"."orders" CLUSTER ON "orders_status_idx"');
    expect(plan.steps).toMatchObject([{undo: {settings: {default_tablespace: 'fast'}}}]);
  });

  it('keeps the smaller of two indexes that cover the same foreign key', () => {
    const pair = [
      createIndex({oid: '1', name: 'small', columns: ['user_id'], scans: 0, size_bytes: 1}),
      createIndex({oid: '2', name: 'large', columns: ['user_id', 'status'], scans: 0, size_bytes: 2}),
    ];
    const catalog = createCatalog({indexes: pair, foreign_keys: [createForeignKey()]});
    expect(titlesOf(planWith(dropUnused, catalog))).toEqual(['drop unused index large of public.orders']);
    expect(titlesOf(planWith(dropUnused, catalog, {index: 'public.small'}))).toEqual([
      'drop unused index small of public.orders',
    ]);
  });

  it.each<[string, ParameterValues, string[], string]>([
    ['reports a used prefix', {}, [], 'wide begins with its columns and would serve instead: redundant=all'],
    [
      'drops a used prefix with redundant=all',
      {redundant: 'all'},
      ['drop redundant index narrow of public.orders, which wide serves'],
      '',
    ],
    ['says nothing of it with redundant=keep', {redundant: 'keep'}, [], ''],
  ])('%s', (_what, params, titles, reason) => {
    const indexes = [
      createIndex({oid: '1', name: 'narrow', columns: ['status']}),
      createIndex({oid: '2', name: 'wide', columns: ['status', 'user_id']}),
      createIndex({oid: '3', name: 'other', columns: ['user_id', 'status']}),
      createIndex({
        ...{oid: '4', name: 'partial', columns: ['status'], predicate: 'n > 5'},
        definition: 'CREATE INDEX partial ON public.orders USING btree (status) WHERE n > 5',
      }),
    ];
    const plan = planWith(dropUnused, createCatalog({indexes}), params);
    expect(titlesOf(plan)).toEqual(titles);
    expect(plan.skipped.map(each => each.reason).join()).toBe(reason);
  });

  it.each<[string, ParameterValues, string[]]>([
    [
      'drops a duplicate of what is itself a prefix',
      {},
      ['drop redundant index again of public.orders, which narrow serves'],
    ],
    [
      'never drops what serves a redundant index',
      {redundant: 'all'},
      [
        'drop redundant index again of public.orders, which wide serves',
        'drop redundant index narrow of public.orders, which wide serves',
      ],
    ],
    [
      'drops the largest first',
      {redundant: 'all', at_most: '1'},
      ['drop redundant index again of public.orders, which wide serves'],
    ],
  ])('%s', (_what, params, titles) => {
    const indexes = [
      createIndex({oid: '1', name: 'narrow', columns: ['status'], size_bytes: 1000}),
      createIndex({oid: '2', name: 'again', columns: ['status'], size_bytes: 2000}),
      createIndex({oid: '3', name: 'wide', columns: ['status', 'user_id']}),
    ];
    expect(titlesOf(planWith(dropUnused, createCatalog({indexes}), params))).toEqual(titles);
  });

  it('never drops what serves a redundant index as unused together with it', () => {
    const indexes = [
      createIndex({oid: '1', name: 'narrow', columns: ['status']}),
      createIndex({oid: '2', name: 'wide', columns: ['status', 'user_id'], scans: 0}),
    ];
    expect(titlesOf(planWith(dropUnused, createCatalog({indexes}), {redundant: 'all'}))).toEqual([
      'drop unused index wide of public.orders',
    ]);
  });

  it('reports unused indexes above the size threshold', () => {
    const diagnose = (...indexes: Index[]) =>
      dropUnused.diagnose(createSnapshot(), {catalog: createCatalog({indexes})});
    expect(diagnose(idle)).toMatchObject([
      {severity: 'warning', evidence: {indexes: 1, largest: 'public.orders_status_idx'}},
    ]);
    expect(diagnose(createIndex({scans: 0, size_bytes: 1000}))).toEqual([]);
    expect(diagnose(createIndex())).toEqual([]);
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
    expect(() => planWith(dropUnused, createCatalog(), params)).toThrow(Object.keys(params)[0]);
  });
});
