import {describe, expect, it} from 'vitest';
import cancelStatements from '../../recipes/cancel-statements.ts';
import slotsNearlyFull from '../../recipes/slots-nearly-full.ts';
import terminateSessions from '../../recipes/terminate-sessions.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

const backends = (count: number) =>
  Array.from({length: count}, (_, index) => createBackend({pid: index + 1}));

describe('slots-nearly-full', () => {
  it.each([
    [7, []],
    [8, ['warning']],
    [9, ['critical']],
  ])('reports %i of 10 slots in use with the right severity', (count, severities) => {
    const snapshot = createSnapshot({backends: backends(count), max_connections: 13});
    expect(slotsNearlyFull.diagnose(snapshot, {}).map(({severity}) => severity)).toEqual(severities);
  });

  it.each<[Partial<Backend>, Record<string, unknown>]>([
    [
      {application_name: '', usename: 'web'},
      {
        largest_application: '(no name)',
        frees_slots_now: 'poolctl run kill-idle-sessions --set states=idle --dry-run',
        advice: expect.stringContaining('poolctl run tune-connection-limit --set role=web --set instances=N'),
      },
    ],
    [
      {state: 'idle in transaction', usename: "o'hare x"},
      {
        largest_application: 'shop',
        frees_slots_now: 'poolctl run kill-idle-sessions --dry-run',
        advice: expect.stringContaining("--set role='o'\\''hare x' --set"),
      },
    ],
  ])('names the recipes that help: %j', (overrides, evidence) => {
    const held = backends(9).map(backend => ({...backend, ...overrides}));
    const [finding] = slotsNearlyFull.diagnose(createSnapshot({backends: held, max_connections: 13}), {});
    expect(finding?.evidence).toMatchObject(evidence);
  });

  it('promises no free slots if all sessions are active', () => {
    const held = backends(9).map(backend => ({...backend, state: 'active' as const}));
    const [finding] = slotsNearlyFull.diagnose(createSnapshot({backends: held, max_connections: 13}), {});
    expect(finding?.evidence).not.toHaveProperty('frees_slots_now');
  });

  it("reports a role's own limit and quotes its name", () => {
    const snapshot = createSnapshot();
    const role_and_database_limits = [{kind: 'role' as const, name: 'we"b', connection_limit: 10, used: 9}];
    const findings = slotsNearlyFull.diagnose(
      {...snapshot, budget: {...snapshot.budget, role_and_database_limits}},
      {},
    );
    expect(findings).toMatchObject([
      {
        subject: 'role:we"b',
        severity: 'critical',
        evidence: {advice: 'ALTER ROLE "we""b" CONNECTION LIMIT n'},
      },
    ]);
  });
});

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
