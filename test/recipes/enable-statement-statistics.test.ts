import {expect, it} from 'vitest';
import recipe from '../../recipes/enable-statement-statistics.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {StatementStatistics} from '../../source/model/recipe-data.ts';
import type {ManagedService} from '../../source/model/target.ts';
import {createSnapshot} from '../helpers/snapshot.ts';

const remedy = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'; then restart the server";

function plan(lack: Partial<StatementStatistics>, params: ParameterValues = {}) {
  if (!recipe.plan) throw new Error('it acts');
  const statement_statistics = {
    is_loaded: true,
    is_restart_pending: false,
    preload_remedy: remedy,
    service_note: null,
    uncounted: [],
    available_version: '1.10',
    installed: null,
    schemas: ['public', 'we"ird'],
    ...lack,
  };
  return recipe.plan(createSnapshot(), params, {statement_statistics});
}

it.each<[string, Partial<StatementStatistics>, string[]]>([
  ['loaded and not created', {}, ['sql: create extension pg_stat_statements in schema public']],
  ['not loaded', {is_loaded: false}, ['advice: load pg_stat_statements, which needs a restart']],
  ['waiting for a restart', {is_loaded: false, is_restart_pending: true}, ['advice: restart the server']],
  [
    'without its files',
    {is_loaded: false, available_version: null},
    ['advice: install the files of pg_stat_statements'],
  ],
  ['complete', {installed: {version: '1.10', schema: 'public'}}, []],
  [
    'too old to read',
    {installed: {version: '1.7', schema: 'public'}},
    ['sql: update extension pg_stat_statements from 1.7'],
  ],
  [
    'without query ids',
    {
      installed: {version: '1.12', schema: 'public'},
      uncounted: [{setting: 'compute_query_id', reason: 'it is off', remedy: 'turn it on'}],
    },
    ['advice: change compute_query_id'],
  ],
])('plans for an extension that is %s', (_, lack, expected) => {
  expect(plan(lack).steps.map(({kind, title}) => `${kind}: ${title}`)).toEqual(expected);
});

it('says of an update neither that the view is missing nor that undo drops it', () => {
  const {explanation} = plan({installed: {version: '1.7', schema: 'public'}});
  expect(explanation[0]).toBe(
    'poolctl cannot read version 1.7 of pg_stat_statements, which database shop has.',
  );
  expect(explanation.join()).not.toMatch(/missing|Undo drops/);
});

it('quotes the schema and refuses an unknown one', () => {
  expect(plan({}, {schema: 'we"ird'}).steps).toMatchObject([
    {
      apply: {text: 'CREATE EXTENSION pg_stat_statements WITH SCHEMA "we""ird"'},
      undo: {apply: {text: 'DROP EXTENSION pg_stat_statements'}},
    },
  ]);
  expect(() => plan({}, {schema: 'none'})).toThrow(/schema "none" does not exist/);
});

it('names the exact setting before the restart', () => {
  expect(plan({is_loaded: false, service_note: 'It is preloaded.'}).steps).toMatchObject([
    {text: `${remedy}\nIt is preloaded.\nThen run this again.`},
  ]);
});

it.each<[ManagedService | null, ParameterValues | undefined]>([
  ['supabase', {schema: 'extensions'}],
  ['heroku', {schema: 'heroku_ext'}],
  ['rds', {}],
  [null, {}],
])('finds the schema of %s', (managed_service, expected) => {
  const snapshot = createSnapshot();
  const target = {...snapshot.target, managed_service};
  expect(recipe.defaults?.({...snapshot, target}, {})).toEqual(expected);
});
