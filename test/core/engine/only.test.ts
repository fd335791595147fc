import {describe, expect, it} from 'vitest';
import {onlySubjects} from '../../../source/core/engine/only.ts';
import {createPlan} from '../../console/played.ts';

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
    expect(chosen.skipped.at(-1)).toMatchObject({subject: second, reason: 'left out by --only'});
    expect(chosen.slots_freed).toBe(2);
    expect(chosen.watch_groups).toEqual([{...group, steps: [0, 1]}]);
  });

  it('refuses a subject that the plan does not have, and names the nearest', () => {
    const [first = ''] = subjects;
    expect(() => onlySubjects(plan, [`${first}x`])).toThrow(`did you mean ${first}?`);
    expect(() => onlySubjects(plan, ['index:public.x'])).toThrow('the plan has no such subject');
  });
});
