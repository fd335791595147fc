import {readdir} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

/** What every recipe must do, whichever it is. */
describe.each(recipes.map(recipe => [recipe.id, recipe] as const))('%s', (id, recipe) => {
  it('finds nothing on a healthy server', () => {
    expect(recipe.diagnose(createSnapshot(), {})).toEqual([]);
    expect(recipe.diagnose(createSnapshot({backends: []}), {})).toEqual([]);
  });

  it('changes nothing while it diagnoses or plans', () => {
    const snapshot = createSnapshot({
      backends: [createBackend({state: 'idle in transaction', state_age_ms: 900_000})],
    });
    const before = structuredClone(snapshot);
    recipe.diagnose(snapshot, {});
    recipe.plan?.(snapshot, {pid: '4711'}, {});
    expect(snapshot).toEqual(before);
  });

  it('plans the same steps for the same reading, serialisable, with undo and lock declared', () => {
    const state = id === 'cancel-statements' ? 'active' : 'idle in transaction';
    const snapshot = createSnapshot({backends: [createBackend({state, state_age_ms: 900_000})]});
    const plan = recipe.plan?.(snapshot, {pid: '4711'}, {});
    if (plan === undefined) return;
    expect(plan.steps).toHaveLength(1);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(recipe.plan?.(structuredClone(snapshot), {pid: '4711'}, {})).toEqual(plan);
    for (const step of plan.steps)
      expect(step).toMatchObject({kind: 'sql', undo: 'irreversible', lock: 'none'});
    expect(plan.recipe).toBe(id);
  });

  it('has parameters in snake_case with defaults that its own plan reads', () => {
    for (const {name, description} of recipe.parameters) {
      expect(name).toMatch(/^[a-z][a-z_]*$/);
      expect(description).not.toBe('');
    }
    const defaults = Object.fromEntries(recipe.parameters.map(({name, default: value}) => [name, value]));
    if (recipe.plan)
      expect(() => recipe.plan?.(createSnapshot(), {...defaults, pid: '4711'}, {})).not.toThrow();
  });
});

it('lists one recipe per file, under the name of the file', async () => {
  const files = await readdir(new URL('../../recipes/', import.meta.url));
  const names = files
    .filter(file => file.endsWith('.ts') && file !== 'index.ts')
    .map(file => file.slice(0, -3));
  expect(recipes.map(({id}) => id).sort()).toEqual(names.sort());
});
