import {expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {printRecipes} from '../../../source/commands/recipes/command.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import {output} from '../../cli/execution/acting.ts';

const advice: Recipe = {id: 'ask', title: '', summary: '', parameters: [], diagnose: () => []};

async function list(json: boolean): Promise<string> {
  const stdout: string[] = [];
  await printRecipes([...recipes, advice], output(stdout, []), json);
  return stdout.join('\n');
}

it('poolctl recipes lists recipes with their parameters', async () => {
  const text = await list(false);
  for (const {id} of recipes) expect(text).toContain(id);
  expect(text).toMatch(/older_than\s+.*\[5min\]/);
  expect(text).toContain('ask  (advice)');
});

it('poolctl recipes --json lists them as JSON', async () => {
  const document = JSON.parse(await list(true));
  expect(Object.keys(document)[0]).toBe('schema_version');
  const first = document.recipes.find(({id}: {id: string}) => id === 'kill-idle-sessions');
  expect(first).toMatchObject({acts: true});
  expect(first.parameters.map(({name}: {name: string}) => name)).toEqual([
    'older_than',
    'states',
    'application',
    'role',
    'database',
    'client',
    'at_most',
    'pid',
  ]);
});
