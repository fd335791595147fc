import {expect, it} from 'vitest';
import {planDocument} from '../../../source/cli/execution/render-plan.ts';
import {buildStep} from '../../../source/core/indexes/index-steps.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {SqlStep} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';

const index = {schema: 'public', name: 'orders_idx', table: 'orders', table_oid: '1'};
const build = buildStep(
  {...index, definition: 'CREATE INDEX CONCURRENTLY orders_idx ON public.orders (id)', shape: null},
  {lock_timeout_ms: 1000, server_version_num: 180_000},
);
const documentOf = (step: SqlStep) => {
  const plan = {recipe: 'r', params: {}, explanation: [], steps: [step], skipped: []};
  const rest = {batch_size: 1, pause_ms: 0, slots_freed: 0, watch_groups: []};
  return planDocument({...plan, ...rest} satisfies Plan, {id: 'db:5432/shop', server: exampleServer}, 'abc')
    .steps[0];
};

it('the JSON document of a plan has every statement in full', () => {
  const {text, values} = build.guard?.query ?? build.apply;
  const undo = build.undo as Exclude<SqlStep['undo'], string>;
  expect(documentOf(build)).toMatchObject({
    sql: build.apply.text,
    guard: {sql: text, values, expect: build.guard?.expect},
    verify: {sql: build.verify.query.text, values: build.verify.query.values, expect: build.verify.expect},
    settings: {lock_timeout: '1000ms', transaction_timeout: '0'},
    cleanup: {sql: build.cleanup?.apply.text, guard: {sql: build.cleanup?.guard.query.text}},
    undo: undo.apply.text,
    undo_step: {
      sql: undo.apply.text,
      guard: {sql: undo.guard?.query.text},
      verify: {sql: undo.verify.query.text},
    },
    transaction: false,
    timeout_ms: 0,
  });
});

it('the JSON document of a plan masks secrets', () => {
  const secret = {text: "ALTER ROLE a PASSWORD 'hush'", values: []};
  const valued = {text: 'UPDATE t SET password = $1, b = $2', values: ['hush', 'y']};
  const step = {...build, apply: secret, verify: {...build.verify, query: valued}};
  expect(JSON.stringify(documentOf(step))).not.toContain('hush');
  expect(documentOf(step)).toMatchObject({
    sql: "ALTER ROLE a PASSWORD '***'",
    verify: {values: ['***', 'y']},
  });
});
