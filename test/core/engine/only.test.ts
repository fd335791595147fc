import {describe, expect, it} from 'vitest';
import {choicesOf, onlySubjects, withoutChoices} from '../../../source/core/engine/only.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {Step} from '../../../source/model/step.ts';
import {createPlan, createStep} from '../../console/played.ts';

const group = {application_name: 'web', usename: 'app', client_addr: null};
/** Ends sessions 1, 2 and 3. */
const plan = {
  ...createPlan(3),
  slots_freed: 3,
  watch_groups: [
    {...group, steps: [0, 2]},
    {...group, client_addr: '10.0.0.1', steps: [1]},
  ],
};
const subjects = plan.steps.map(({subject}) => subject);

describe('only some subjects of a plan', () => {
  it('keeps their steps, lists the others as skipped, and counts what they free', () => {
    const [first = '', second, third = ''] = subjects;
    const chosen = onlySubjects(plan, [first, third]);
    expect(chosen.steps.map(({subject}) => subject)).toEqual([first, third]);
    expect(chosen.skipped.at(-1)).toMatchObject({subject: second, reason: 'not chosen'});
    expect(chosen.slots_freed).toBe(2);
    expect(chosen.watch_groups).toEqual([{...group, steps: [0, 1]}]);
  });

  it('says first how many are chosen', () => {
    expect(onlySubjects(plan, subjects.slice(0, 1)).explanation[0]).toBe(
      'Only 1 of 3 chosen: the others are left out.',
    );
    expect(onlySubjects(plan, subjects).explanation).toEqual(plan.explanation);
  });

  it('refuses a subject that the plan does not have, and names the nearest', () => {
    const [first = ''] = subjects;
    expect(() => onlySubjects(plan, [`${first}x`])).toThrow(`did you mean ${first}?`);
    expect(() => onlySubjects(plan, ['index:public.x'])).toThrow('the plan has no such subject');
  });

  it('says why a subject is skipped, and how to include a session anyway', () => {
    const skipped = [{subject: 'backend:4711', description: 'web', reason: 'it holds advisory lock 4242'}];
    const refused = (params: Plan['params']) => () =>
      onlySubjects({...plan, params, skipped}, ['backend:4711']);
    expect(refused({pid: ''})).toThrow(
      expect.objectContaining({
        message: `--only backend:4711: ${plan.recipe} skips it: it holds advisory lock 4242`,
        hint: 'To include it anyway: --set pid=4711.',
      }),
    );
    // It has no such parameter, or the session is named already.
    expect(refused({})).toThrow(expect.objectContaining({hint: undefined}));
    const worker = {subject: 'backend:12', description: '12', reason: 'walsender', is_final: true as const};
    expect(() => onlySubjects({...plan, params: {pid: ''}, skipped: [worker]}, ['backend:12'])).toThrow(
      expect.objectContaining({hint: undefined}),
    );
  });
});

describe('what can be left out of a plan', () => {
  const step = (subject: string) => createStep(1, {subject});
  const file: Step = {
    kind: 'file',
    title: 'write a migration',
    subject: 'file:m.sql',
    path: 'm.sql',
    change: {kind: 'create', text: ''},
    diff: [],
  };

  it.each([
    ['one session', [step('backend:1')], []],
    ['sessions', [step('backend:1'), step('backend:1'), step('backend:2')], ['backend:1', 'backend:2']],
    ['a setting and the sessions that hold it', [step('role:app'), step('backend:1'), step('backend:2')], []],
    ['indexes and their migration', [step('index:a'), step('index:b'), file], ['index:a', 'index:b']],
  ])('%s', (_, steps, choices) => {
    expect(choicesOf(createPlan(0, {steps}))).toEqual(choices);
  });

  it('leaves out a file that names what was left out', () => {
    const indexes = createPlan(0, {steps: [step('index:a'), step('index:b'), file]});
    expect(withoutChoices(indexes, [])).toBe(indexes);
    const {steps, skipped} = withoutChoices(indexes, ['index:b']);
    expect(steps.map(({subject}) => subject)).toEqual(['index:a']);
    expect(skipped.map(({subject}) => subject)).toEqual(['backend:9', 'index:b', 'file:m.sql']);
  });
});
