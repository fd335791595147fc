import {describe, expect, it} from 'vitest';
import {planHash} from '../../../source/core/engine/execute.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createPlan, createPorts} from './engine-ports.ts';

describe('planHash', () => {
  const {ports} = createPorts();
  const hash = (plan: Plan, target = 'db', server = exampleServer) =>
    planHash(plan, {target, server}, ports.sha256);
  const plan = createPlan(2, {params: {a: '1', b: '2'}});

  it('is independent of key order and of the explanation', () => {
    expect(hash({...plan, params: {b: '2', a: '1'}, explanation: ['now 3 minutes'], skipped: []})).toBe(
      hash(plan),
    );
  });

  it.each([
    ['target', hash(plan, 'other')],
    ['server', hash(plan, 'db', {...exampleServer, system_identifier: '1'})],
    ['database created again', hash(plan, 'db', {...exampleServer, database_oid: '1'})],
    ['start of the server', hash(plan, 'db', {...exampleServer, started_at: '2026-11-28T00:00:00.000000Z'})],
    ['recipe', hash({...plan, recipe: 'other'})],
    ['parameter', hash({...plan, params: {a: '1', b: '3'}})],
    ['step', hash({...plan, steps: plan.steps.slice(1)})],
    ['order', hash({...plan, steps: plan.steps.toReversed()})],
  ])('depends on %s', (_, other) => expect(other).not.toBe(hash(plan)));
});
