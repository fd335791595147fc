import {describe, expect, it} from 'vitest';
import cancelStatements from '../../recipes/cancel-statements.ts';
import terminateSessions from '../../recipes/terminate-sessions.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

describe('sessions named by pid', () => {
  const snapshot = createSnapshot({
    backends: [createBackend({pid: 1}), createBackend({pid: 2, state: 'active'})],
  });

  it('cancels only running statements', () => {
    const plan = cancelStatements.plan?.(snapshot, {pid: '1,2'}, {});
    expect(plan?.steps.map(({subject}) => subject)).toEqual(['backend:2']);
    expect(plan?.skipped).toMatchObject([
      {subject: 'backend:1', reason: expect.stringContaining('it is idle')},
    ]);
  });

  it.each([
    ['no', true],
    ['yes', false],
  ])('guards the state: even_if_changed=%s', (even_if_changed, isGuarded) => {
    const steps = terminateSessions.plan?.(snapshot, {pid: '1,2', even_if_changed}, {})?.steps ?? [];
    expect(steps).toHaveLength(2);
    for (const step of steps) {
      if (step.kind !== 'sql') throw new Error('an SQL step');
      expect(step.apply.text.includes('a.state_change = ')).toBe(isGuarded);
      expect(step.apply.text).toContain('backend_start = $2::timestamptz');
    }
  });
});
