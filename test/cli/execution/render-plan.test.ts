import {expect, it} from 'vitest';
import {planText} from '../../../source/cli/execution/render-plan.ts';
import {buildGuard} from '../../../source/core/indexes/index-guards.ts';
import {buildStep} from '../../../source/core/indexes/index-steps.ts';
import type {Plan} from '../../../source/model/recipe.ts';

const index = {schema: 'public', name: 'orders_idx', table: 'orders', table_oid: '1'};
const build = buildStep(
  {...index, definition: 'CREATE INDEX CONCURRENTLY orders_idx ON public.orders (id)', shape: null},
  {lock_timeout_ms: 1000, server_version_num: 180_000},
);
const planOf = (step: Plan['steps'][number]): Plan => ({
  recipe: 'apply-indexes',
  params: {},
  explanation: [],
  steps: [step],
  skipped: [],
  batch_size: 1,
  pause_ms: 0,
  slots_freed: 0,
  watch_groups: [],
});

it('a printed plan shows every line of a step, its guard and its verification', () => {
  const text = planText(planOf(build), {id: 'db:5432/shop'}, 'abc');
  const [first, ...guard] = buildGuard(index).query.text.split('\n');
  expect(text).toContain(`\n   only if ${first}\n`);
  for (const line of guard) expect(text).toContain(`\n   ${line}`);
  expect(text).toContain(`\n   ${build.apply.text}\n`);
  for (const line of build.verify.query.text.split('\n').slice(1)) expect(text).toContain(`\n   ${line}`);
  expect(text).toMatch(/\n\nplan abc$/);
});

it('a reason shared by several sessions is printed once, any other beside its subject', () => {
  const long = 'no index leads with it, but so many rows share a value that no plan would use one';
  const left = (name: string, reason: string) => ({subject: 'index', description: name, reason});
  const skipped = [left('a', long), left('b', 'short'), left('c', long), left('d', 'short')];
  const lines = planText({...planOf(build), skipped}, {id: 'db:5432/shop'}, 'abc').split('\n');
  const at = lines.indexOf('skipped');
  expect(lines.slice(at + 1, at + 6)).toEqual([
    `  ${long}:`,
    '    index  a',
    '    index  c',
    '  index  b: short',
    '  index  d: short',
  ]);
});
