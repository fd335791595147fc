import {readdir} from 'node:fs/promises';
import {isDeepStrictEqual} from 'node:util';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {canAct, planRecipe} from '../../source/core/engine/plan.ts';
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

/** Of each sample: what the preview says it does, to what and to whom, and what that costs beside what is seen. */
const stated: Record<string, {does: RegExp; whom: RegExp; costs: RegExp}> = {
  'tune-connection-limit': {
    does: /limit role shop_app to 77 connections/,
    whom: /now: 1 by role shop_app, 0 by others/,
    costs: /Beyond it the server refuses role shop_app \(53300\)/,
  },
  'replay-endpoint': {
    does: /Sends the queries of students\.sql for 10 concurrent users/,
    whom: /sessions are read-only/,
    costs: /they add load to the server/,
  },
  'kill-idle-sessions': {
    does: /1 session to end/,
    whom: /4711 shop\/shop_app idle in transaction/,
    costs: /Temporary tables, .* cannot be seen, and end with it/,
  },
  'terminate-sessions': {
    does: /1 session to end/,
    whom: /4711 shop\/shop_app idle in transaction/,
    costs: /Temporary tables, .* cannot be seen, and end with it/,
  },
  'cancel-statements': {
    does: /1 statement to cancel/,
    whom: /4711 shop\/shop_app active/,
    costs: /error \(57014\) and its transaction is aborted.*written nothing/s,
  },
  'cancel-runaway-statements': {
    does: /1 statement to cancel/,
    whom: /4711 shop\/shop_app active/,
    costs: /error \(57014\) and its transaction is aborted.*written nothing/s,
  },
  'release-blockers': {
    does: /1 blocker to release; it blocks 1 of 1 session/,
    whom: /1 shop\/shop_app active/,
    costs: /error \(57014\) and its transaction is aborted.*written nothing/s,
  },
  'prisma-migrate-lock': {
    does: /1 session to end/,
    whom: /4711 shop\/shop_app idle in transaction/,
    costs: /Temporary tables, .* cannot be seen, and end with it/,
  },
  'reset-role-setting': {
    does: /is reset for role shop_app in database shop/,
    whom: /1 session of 1 client .*4711 \(shop\/shop_app at 10\.0\.0\.7\)/s,
    costs: /pool of node-postgres .* ends its process/,
  },
  'set-timeouts': {
    does: /2 timeouts for role shop_app/,
    whom: /1 open session keeps its values/,
    costs: /everything that runs as this role, including migrations, dumps and index builds/,
  },
  'apply-indexes': {
    does: /1 index to build; 2 files to change/,
    whom: /orders_user_id_idx on public\.orders/,
    costs: /on disk, and as much again while sorting.*adds to the cost of writes/s,
  },
  'drop-unused-indexes': {
    does: /1 index to drop/,
    whom: /orders_status_idx of public\.orders/,
    costs: /once a year may not have been counted/,
  },
  'repair-invalid-indexes': {
    does: /dropped and rebuilt concurrently/,
    whom: /orders_status_idx of public\.orders/,
    costs: /ALTER TABLE and VACUUM of its table wait/,
  },
  'widen-column': {
    does: /public\.readings\.id becomes bigint/,
    whom: /public\.readings/,
    costs: /ACCESS EXCLUSIVE lock: its reads and writes wait.*Prepared statements .* fail once/s,
  },
  'analyze-stale-tables': {
    does: /1 table to analyze/,
    whom: /analyze public\.orders/,
    costs: /Query plans may change/,
  },
  'control-pgbouncer': {
    does: /pause shop in PgBouncer/,
    whom: /PgBouncer 1\.24\.1 at 10\.0\.0\.2:6432 .*Clients of shop then wait.*: 3 connected now, 12 waiting/s,
    costs: /disconnects one that has waited for 2m00s.*resumed immediately and the step fails/s,
  },
  'drop-replication-slot': {
    does: /drop replication slot standby_berlin/,
    whom: /no consumer is connected to it/,
    costs: /set up again from a full copy/,
  },
  'enable-statement-statistics': {
    does: /create extension pg_stat_statements/,
    whom: /in database shop/,
    costs: /takes no lock on tables and needs a superuser/,
  },
};

it.each(recipes.filter(canAct).map(recipe => [recipe.id, recipe] as const))(
  'the preview of %s says what it does, to whom, what that costs, and how it is undone',
  (id, recipe) => {
    const {snapshot, params, facts} = samples[id] as Sample;
    const {explanation, steps} = planRecipe(recipe, snapshot, params, facts);
    const text = [...explanation, ...steps.map(({title}) => title)].join('\n');
    for (const expected of Object.values(stated[id] ?? {none: /^$/})) expect(text).toMatch(expected);
    // Each step's own undo decides what is said.
    const undone = steps.flatMap(step => {
      if (step.kind === 'advice' || (step.kind === 'sql' && step.undo === 'unneeded')) return [];
      return [step.kind === 'file' || step.undo !== 'irreversible'];
    });
    const never = /^This cannot be undone\.$/m;
    const always = /^It can be undone: 'poolctl undo'/m;
    const partly = /^Steps that say so cannot be undone/m;
    const said = [never, always, partly].map(each => each.test(text));
    expect(said).toEqual([
      undone.length > 0 && undone.every(each => !each),
      undone.length > 0 && undone.every(each => each),
      undone.includes(true) && undone.includes(false),
    ]);
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
