import {describe, expect, it} from 'vitest';
import applyIndexes from '../../recipes/apply-indexes.ts';
import dropUnused from '../../recipes/drop-unused-indexes.ts';
import repairInvalid from '../../recipes/repair-invalid-indexes.ts';
import {createCatalog, createIndex} from '../helpers/catalog.ts';
import {bothTables, planWith} from './index-plans.ts';

describe('index recipes', () => {
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
  ] as const)('%s refuses an unknown name or an endless wait: %3$s', (_id, recipe, params, message, hint) => {
    const catalog = createCatalog({tables: bothTables, indexes: [createIndex()]});
    expect(() => planWith(recipe, catalog, params)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining(message),
        hint: expect.stringMatching(hint),
      }),
    );
  });
});
