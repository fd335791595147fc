import {expect, it} from 'vitest';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {loadDiagnosisData} from '../../../source/core/recipe/load-data.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../../source/model/recipe-data.ts';
import {createRecipe} from '../../console/played.ts';

const query = {text: 'SELECT 1', values: []};
const catalog = {tables: []} as unknown as RecipeData['catalog'];

function watching(...watches: DataRequirements[]): Recipe[] {
  return [createRecipe(), ...watches.map(each => createRecipe({diagnoseRequires: each}))];
}

/** Answers what is asked for, but for what is named. */
function source(failing: Record<string, Error> = {}) {
  const asked: DataRequirements[] = [];
  const load = async (needs: DataRequirements): Promise<RecipeData> => {
    asked.push(needs);
    const names = [...Object.keys(needs), ...Object.keys(needs.answers ?? {})];
    for (const name of names) if (failing[name]) throw failing[name];
    const answers = Object.fromEntries(Object.keys(needs.answers ?? {}).map(name => [name, [{name}]]));
    return {...(needs.catalog && catalog && {catalog}), ...(needs.answers && {answers})};
  };
  return {asked, load};
}

it('loads each fact and each query once for several recipes', async () => {
  const {asked, load} = source();
  const recipes = watching(
    {catalog: true, answers: {one: query}},
    {catalog: true, answers: {one: query, two: query}},
  );
  expect(await loadDiagnosisData(recipes, load)).toEqual({
    facts: {catalog, answers: {one: [{name: 'one'}], two: [{name: 'two'}]}},
    unread: [],
  });
  expect(asked).toEqual([{catalog: true}, {answers: {one: query}}, {answers: {two: query}}]);
});

it('loads nothing if nothing is required', async () => {
  const {asked, load} = source();
  expect(await loadDiagnosisData(watching(), load)).toEqual({facts: {}, unread: []});
  expect(asked).toEqual([]);
});

it('lists facts that cannot be read, without secrets, and loads the rest', async () => {
  const {load} = source({
    catalog: new Error('permission denied\n for postgres://u:secret@h/d'),
    two: new Error('42601'),
  });
  const {facts, unread} = await loadDiagnosisData(
    watching({catalog: true, answers: {one: query, two: query}}),
    load,
  );
  expect(facts).toEqual({answers: {one: [{name: 'one'}]}});
  expect(unread.map(({fact}) => fact)).toEqual(['catalog', 'two']);
  expect(unread[0]?.reason).toMatch(/^permission denied for postgres/);
  expect(unread[0]?.reason).not.toContain('secret');
});

it.each([exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted])(
  'gives up where nothing can be read any more (exit %i)',
  async exitCode => {
    const gone = new AbortError('gone', {exitCode});
    await expect(loadDiagnosisData(watching({catalog: true}), source({catalog: gone}).load)).rejects.toBe(
      gone,
    );
  },
);
