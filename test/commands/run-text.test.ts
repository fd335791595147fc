import {expect, it} from 'vitest';
import {planText} from '../../source/commands/run-text.ts';
import {freeNameGuard} from '../../source/core/indexes/index-guards.ts';
import {buildStep} from '../../source/core/indexes/index-steps.ts';
import type {Plan} from '../../source/core/recipe.ts';

const index = {schema: 'public', name: 'orders_idx', table: 'orders', table_oid: '1'};
const build = buildStep(
  {...index, definition: 'CREATE INDEX CONCURRENTLY orders_idx ON public.orders (id)', shape: null},
  {lock_timeout_ms: 1000, server_version_num: 180_000},
);
const {guard: _, ...unguarded} = build;
const planOf = (step: Plan['steps'][number]): Plan => ({
  recipe: 'apply-indexes',
  params: {},
  explanation: [],
  steps: [step],
  left_alone: [],
  batch_size: 1,
  pause_ms: 0,
  slots_freed: 0,
  watch_groups: [],
});

it('folds a long guard into one line and says where it is whole; the act is whole', () => {
  const text = planText(planOf(build), 'db:5432/shop', 'abc');
  const [guardLine = '', ...others] = text.split('\n').filter(line => line.includes('only if'));
  expect(guardLine).toMatch(/^ {3}only if not: the table is not the one of the preview any more; something/);
  expect(others).toEqual([]);
  expect(text).not.toContain(freeNameGuard(index).query.text.split('\n')[1]);
  expect(text).toContain(`\n   ${build.apply.text}\n`);
  expect(text).toMatch(/\n\nguards in --json\n\nplan abc$/);
});

it('points nowhere where nothing is folded', () => {
  expect(planText(planOf(unguarded), 'db:5432/shop', 'abc')).not.toContain('--json');
});

it('tells a long reason once for all whom it holds for, a short one beside each', () => {
  const long = 'no index leads with it, but so many rows share a value that no plan would use one';
  const left = (name: string, reason: string) => ({subject: 'index', description: name, reason});
  const left_alone = [left('a', long), left('b', 'short'), left('c', long), left('d', 'short')];
  const lines = planText({...planOf(unguarded), left_alone}, 'db:5432/shop', 'abc').split('\n');
  const at = lines.indexOf('left alone');
  expect(lines.slice(at + 1, at + 6)).toEqual([
    `  ${long}:`,
    '    index  a',
    '    index  c',
    '  index  b: short',
    '  index  d: short',
  ]);
});
