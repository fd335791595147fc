import {expect, it} from 'vitest';
import {cacheDiagnosisData} from '../../source/cli/recipe-data.ts';
import {AbortError, exitCodes} from '../../source/core/errors.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import type {Finding} from '../../source/model/recipe.ts';
import type {RecipeData} from '../../source/model/recipe-data.ts';
import {createFinding, createRecipe} from '../console/played.ts';

const recipe = createRecipe({diagnoseRequires: {catalog: true} as never});
const first = {catalog: {tables: ['first'], indexes: [], foreign_keys: []}} as unknown as RecipeData;
const second = {catalog: {tables: ['second'], indexes: [], foreign_keys: []}} as unknown as RecipeData;

it('the data of diagnoses is loaded once a minute', async () => {
  let now = 1_000_000;
  const loaded = [first, second];
  const read = cacheDiagnosisData(
    [recipe],
    async ({catalog}) => (catalog && loaded.shift()) ?? {},
    () => now,
  );
  expect((await read()).facts).toEqual(first);
  now += 59_999;
  expect((await read()).facts).toEqual(first);
  now += 1;
  expect((await read()).facts).toEqual(second);
});

it('a server that does not answer does not hold up the next reading: the earlier data is used meanwhile', async () => {
  let now = 0;
  let isFrozen = false;
  let answer = () => {};
  const read = cacheDiagnosisData(
    [recipe],
    async ({catalog}) => {
      if (!catalog) return {};
      if (!isFrozen) return first;
      await new Promise<void>(resolve => {
        answer = resolve;
      });
      return second;
    },
    () => now,
  );
  await read();
  isFrozen = true;
  now += 60_000;
  expect((await read()).facts).toEqual(first);
  now += 60_000;
  expect((await read()).facts).toEqual(first);
  answer();
  await expect.poll(async () => (await read()).facts).toEqual(second);
});

it('facts that are cheap to read are loaded every 15 s while a finding rests on them', async () => {
  let now = 0;
  const asked: string[] = [];
  const read = cacheDiagnosisData(
    [recipe],
    async needs => {
      asked.push(...Object.keys(needs));
      return {...(needs.catalog && first), ...(needs.sequences && {sequences: []})};
    },
    () => now,
  );
  const harm = {sessions: 1, share: 1, since: null};
  const soon = createFinding({harm: {kind: 'soon', ...harm}});
  const waiting = createFinding({harm: {kind: 'waiting', ...harm}});
  const askedAt = async (at_ms: number, ...findings: Finding[]) => {
    now = at_ms;
    asked.length = 0;
    await read(findings);
    return asked.sort();
  };
  expect(await askedAt(0)).toContain('catalog');
  expect(await askedAt(14_999, soon)).toEqual([]);
  expect(await askedAt(15_000, waiting)).toEqual([]);
  expect(await askedAt(15_000, soon)).toEqual([
    'lock_table',
    'maintenance',
    'missing_partitions',
    'obstacles',
    'pooler',
    'replication',
    'role_settings',
    'sequences',
    'server_log',
    'server_settings',
    'write_state',
  ]);
  expect(await read()).toMatchObject({facts: {...first, sequences: []}, ofAssessment: {foreign_keys: []}});
  expect(await askedAt(29_999, soon)).toEqual([]);
  expect(await askedAt(60_000, soon)).toContain('catalog');
});

it('the data of diagnoses is loaded again after the clock was set back by an hour', async () => {
  let now = 10_000_000;
  const loaded = [first, second];
  const read = cacheDiagnosisData(
    [recipe],
    async ({catalog}) => (catalog && loaded.shift()) ?? {},
    () => now,
  );
  await read();
  now -= 3_600_000;
  expect((await read()).facts).toEqual(second);
});

it('the earlier data is kept if the connection is lost', async () => {
  let now = 0;
  let isLost = false;
  const read = cacheDiagnosisData(
    [recipe],
    async ({catalog}) => {
      if (isLost) throw new AbortError('lost the connection', {exitCode: exitCodes.connection});
      return catalog ? first : {};
    },
    () => now,
  );
  await read();
  isLost = true;
  now += 60_000;
  expect(await read()).toMatchObject({facts: first, unread: []});
});

it('no data is returned if the connection was lost before the first load', async () => {
  const lost = new AbortError('lost the connection', {exitCode: exitCodes.connection});
  const read = cacheDiagnosisData(
    [recipe],
    () => Promise.reject(lost),
    () => 0,
  );
  expect(await read()).toEqual(noDiagnosisData);
});
