import {expect, it} from 'vitest';
import {createDriftCheck} from '../../../source/core/engine/drift.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createPlan, createRecipe, createStep} from '../../console/played.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const start = '2026-01-01 00:00:00.000001+00';
const session = (pid: number, of: Partial<Backend> = {}) => createBackend({pid, backend_start: start, ...of});
const step = (pid: number, title = `terminate ${pid}`) =>
  createStep(pid, {title, apply: {text: 'SELECT $1, $2', values: [pid, start]}});

type Server = {backends: Backend[]; plan: Partial<Plan>; fails?: 'once' | 'always'};

/** Rechecks of a recipe on what the server shows now; the first reading may fail. */
function checkOf({backends, plan, fails}: Server, {readsFacts = true} = {}) {
  let readings = 0;
  const recipe = createRecipe({
    plan: () => createPlan(0, {skipped: [], ...plan}),
    ...(readsFacts && {planRequires: () => ({role_settings: true})}),
  });
  const check = createDriftCheck(
    recipe,
    {},
    {
      async read() {
        readings++;
        if (fails === 'always' || (fails === 'once' && readings === 1)) throw new Error('too many clients');
        return createSnapshot({backends});
      },
      load: async () => ({}),
    },
  );
  return {...check, readings: () => readings};
}

async function recheck(server: Server, of = step(1), options = {}) {
  const check = checkOf(server, options);
  await check.slots().catch(() => {});
  return check.recheck?.(of);
}

it.each<[string, Server, unknown]>([
  ['a step that is still planned', {backends: [session(1)], plan: {steps: [step(1)]}}, {kind: 'go'}],
  [
    'a session that has ended',
    {backends: [session(2)], plan: {steps: []}},
    {kind: 'skip', reason: 'the session has ended', is_met: true},
  ],
  [
    'a session that has ended and whose pid another one has',
    {backends: [session(1, {backend_start: '2026-01-01 09:00:00+00'})], plan: {steps: []}},
    {kind: 'skip', reason: 'the session has ended', is_met: true},
  ],
  [
    'a session whose start is hidden',
    {backends: [session(1, {backend_start: null})], plan: {steps: []}},
    {kind: 'stop', reason: 'changed since the preview: "terminate 1" is no longer planned'},
  ],
  [
    'a session that is there and no longer planned',
    {backends: [session(1)], plan: {steps: [step(1, 'cancel the statement of session 1')]}},
    {kind: 'stop', reason: 'changed since the preview: "terminate 1" is no longer planned'},
  ],
  [
    'a session that the plan skips now',
    {
      backends: [session(1)],
      plan: {steps: [], skipped: [{subject: 'backend:1', description: '1', reason: 'it runs pg_dump'}]},
    },
    {kind: 'skip', reason: 'skipped now: it runs pg_dump'},
  ],
  [
    'a step that is planned although its subject is skipped for another one',
    {
      backends: [session(1)],
      plan: {steps: [step(1)], skipped: [{subject: 'backend:1', description: '1', reason: 'one of two'}]},
    },
    {kind: 'go'},
  ],
])('%s', async (_, server, expected) => {
  expect(await recheck(server)).toEqual(expected);
});

it('stops before an object that is no longer planned, and never calls it ended', async () => {
  const server = {backends: [], plan: {steps: []}};
  expect(await recheck(server, createStep(1, {subject: 'index:public.a', title: 'drop a'}))).toEqual({
    kind: 'stop',
    reason: 'changed since the preview: "drop a" is no longer planned',
  });
});

it('reads again where the first reading failed: a session that was not read has not ended', async () => {
  const server: Server = {backends: [session(1)], plan: {steps: [step(1)]}, fails: 'once'};
  const check = checkOf(server);
  await expect(check.slots()).rejects.toThrow();
  expect(await check.recheck?.(step(1))).toEqual({kind: 'go'});
  expect(await check.recheck?.(step(1))).toEqual({kind: 'go'});
  expect(check.readings()).toBe(2);
});

it('stops where nothing can be read', async () => {
  expect(await recheck({backends: [session(1)], plan: {steps: [step(1)]}, fails: 'always'})).toEqual({
    kind: 'stop',
    reason: 'the plan could not be made again: too many clients',
  });
});

it('leaves sessions of a recipe that reads no facts to the guard, also where nothing can be read', async () => {
  const options = {readsFacts: false};
  const gone: Server = {backends: [], plan: {steps: []}};
  expect(await recheck(gone, step(1), options)).toEqual({kind: 'go'});
  expect(await recheck({...gone, fails: 'always'}, step(1), options)).toEqual({kind: 'go'});
});

it('plans a recipe that reads no facts again before each batch, another one once', async () => {
  for (const readsFacts of [true, false]) {
    const plan: Partial<Plan> = {steps: [step(1)]};
    const server = {backends: [session(1)], plan};
    const check = checkOf(server, {readsFacts});
    await check.slots();
    Object.assign(plan, {steps: [], skipped: [{subject: 'backend:1', description: '1', reason: 'a dump'}]});
    await check.slots();
    expect(await check.recheck?.(step(1))).toMatchObject({kind: readsFacts ? 'go' : 'skip'});
  }
});
