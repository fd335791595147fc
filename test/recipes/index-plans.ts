import type {Catalog} from '../../source/model/catalog.ts';
import type {IndexProposal} from '../../source/model/index-advice.ts';
import type {ParameterValues, Plan, Recipe} from '../../source/model/recipe.ts';
import {createTable} from '../helpers/catalog.ts';
import {createSnapshot} from '../helpers/snapshot.ts';

export const bothTables = [createTable(), createTable({oid: '16401', name: 'users'})];

/** A running build of the index of `createIndex`. */
export const build = {
  pid: 77,
  backend_start: '2026-01-01T00:00:00.000000Z',
  index_oid: '16500',
  table_oid: '16400',
  phase: 'building index',
  command: 'CREATE INDEX CONCURRENTLY',
};

/** The recipe's plan with this catalog, and with these proposed indexes. */
export function planWith(
  recipe: Recipe,
  catalog: Catalog,
  params: ParameterValues = {},
  proposals: IndexProposal[] = [],
): Plan {
  const index_advice = {proposals, skipped: [], planner: 'none' as const};
  const plan = recipe.plan?.(createSnapshot(), params, {catalog, index_advice, table_holders: []});
  if (plan === undefined) throw new Error(`${recipe.id} has no plan`);
  return plan;
}

export function titlesOf({steps}: Plan): string[] {
  return steps.map(({title}) => title);
}
