import {readdir} from 'node:fs/promises';
import {isDeepStrictEqual} from 'node:util';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {invertChange} from '../../source/core/engine/step.ts';
import type {Plan, Recipe} from '../../source/model/recipe.ts';
import type {Step} from '../../source/model/step.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {type Sample, samples} from './samples.ts';

/** What every recipe must do, whichever it is. */
describe.each(recipes.map(recipe => [recipe.id, recipe] as const))('%s', (_id, recipe) => {
  it('finds nothing on a healthy server', () => {
    expect(recipe.diagnose(createSnapshot(), {})).toEqual([]);
    expect(recipe.diagnose(createSnapshot({backends: []}), {})).toEqual([]);
  });

  it('has parameters in snake_case with a description', () => {
    for (const {name, description} of recipe.parameters) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(description).not.toBe('');
    }
  });
});

describe.each(recipes.flatMap(recipe => (recipe.plan ? [[recipe.id, recipe] as const] : [])))(
  '%s, which has a plan',
  (id, recipe) => {
    const sample = samples[id];
    if (sample === undefined) throw new Error(`test/recipes/samples.ts has no sample for ${id}`);

    it('plans the same steps for the same data, without changing it', () => {
      const before = structuredClone(sample);
      const plan = planOf(recipe, sample);
      recipe.diagnose(sample.snapshot, sample.facts);
      expect(sample).toEqual(before);
      expect(planOf(recipe, structuredClone(sample))).toEqual(plan);
      expect(plan.recipe).toBe(id);
      expect(plan.steps.length).toBeGreaterThan(0);
      expect(plan.explanation.join()).not.toBe('');
    });

    it('plans again with the parameters that it completed', () => {
      const plan = planOf(recipe, sample);
      expect(planOf(recipe, {...sample, params: plan.params})).toEqual(plan);
      expect(Object.keys(plan.params).sort()).toEqual(recipe.parameters.map(({name}) => name).sort());
    });

    it('plans steps that serialise and declare their undo', () => {
      const plan = planOf(recipe, sample);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      for (const step of plan.steps) expect(isDeclared(step), step.title).toBe(true);
    });

    it('refuses a parameter that it does not have', () => {
      expect(() => planOf(recipe, {...sample, params: {...sample.params, no_such: '1'}})).toThrow(/no_such/);
    });
  },
);

it('lists one recipe per file, under the name of the file', async () => {
  const files = await readdir(new URL('../../recipes/', import.meta.url));
  const names = files
    .filter(file => file.endsWith('.ts') && file !== 'index.ts')
    .map(file => file.slice(0, -3));
  expect(recipes.map(({id}) => id).sort()).toEqual(names.sort());
});

function planOf(recipe: Recipe, {snapshot, params, facts}: Sample): Plan {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(snapshot, params, facts);
}

function isDeclared(step: Step): boolean {
  if (step.kind === 'advice') return step.text !== '';
  if (step.kind === 'sql')
    return typeof step.undo === 'string' || (step.undo.apply.text !== '' && step.undo.verify !== undefined);
  return step.diff.length > 0 && isDeepStrictEqual(invertChange(invertChange(step.change)), step.change);
}
