import {describe, expect, it} from 'vitest';
import repairInvalid from '../../recipes/repair-invalid-indexes.ts';
import type {Catalog, Index} from '../../source/model/catalog.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import {createCatalog, createIndex, createTable} from '../helpers/catalog.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {build, planWith, titlesOf} from './index-plans.ts';

describe('repair-invalid-indexes', () => {
  const broken = createIndex({is_valid: false, scans: 0});
  const other = createIndex({oid: '8', name: 'other', columns: ['n']});
  const drop = 'drop invalid index orders_status_idx of public.orders';
  const rebuild = 'build index orders_status_idx on public.orders';

  it.each<[string, Partial<Catalog>, ParameterValues, string[]]>([
    ['drops it and builds it again', {}, {}, [drop, rebuild]],
    ['only drops it with method=drop', {}, {method: 'drop'}, [drop]],
    [
      'only drops it beside a valid twin',
      {indexes: [broken, createIndex({oid: '9', name: 'orders_status_idx', is_valid: true})]},
      {},
      [drop],
    ],
    ['skips it while a session builds it', {builds: [build]}, {}, []],
    [
      'skips it while an unidentified build runs on its table',
      {builds: [{...build, index_oid: '0'}]},
      {},
      [],
    ],
    [
      'ignores a build on another table',
      {builds: [{...build, index_oid: '4', table_oid: '5'}]},
      {},
      [drop, rebuild],
    ],
    ['skips an index of a partitioned table', {tables: [createTable({kind: 'partitioned'})]}, {}, []],
    ['repairs only named indexes', {indexes: [broken, other]}, {index: 'public.other'}, []],
  ])('%s', (_what, catalog, params, steps) => {
    expect(titlesOf(planWith(repairInvalid, createCatalog({indexes: [broken], ...catalog}), params))).toEqual(
      steps,
    );
  });

  it('reports a named index that is valid', () => {
    const plan = planWith(repairInvalid, createCatalog({indexes: [broken, other]}), {index: 'other'});
    expect(plan.explanation).toEqual(['Nothing to repair: public.other is valid.']);
    expect(plan.skipped).toMatchObject([{subject: 'index:public.other', reason: 'it is valid'}]);
  });

  it('reports invalid indexes without a running build', () => {
    const diagnose = (catalog: Partial<Catalog>) =>
      repairInvalid.diagnose(createSnapshot(), {catalog: createCatalog({indexes: [broken], ...catalog})});
    expect(diagnose({})).toMatchObject([{subject: 'index:public.orders_status_idx'}]);
    expect(diagnose({builds: [build]})).toEqual([]);
    expect(diagnose({indexes: [createIndex()]})).toEqual([]);
  });

  it('says how many are rebuilt, and how many only dropped', () => {
    const twin = createIndex({oid: '9', name: 'valid', is_valid: true});
    const said = (indexes: Index[], params = {}) =>
      planWith(repairInvalid, createCatalog({indexes}), params).explanation.join(' ');
    const second = {...other, is_valid: false};
    expect(said([second])).toContain('It is dropped and rebuilt concurrently');
    expect(said([broken, twin])).toContain('It is only dropped, concurrently');
    expect(said([broken, second], {method: 'drop'})).toContain('Each is only dropped, concurrently');
    expect(said([broken, twin, second])).toContain('1 is dropped and rebuilt, 1 only dropped, concurrently');
  });
});
