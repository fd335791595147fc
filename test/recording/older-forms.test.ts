import {expect, it} from 'vitest';
import {openRecording} from '../../source/recording/recording.ts';

const file = new URL('../fixtures/older/recording-0.1.poolctl', import.meta.url).pathname;

it('a recording of poolctl 0.1 is read with the current field names', async () => {
  const {recording, problem} = await openRecording(file);
  expect(problem).toBeNull();
  expect(recording.times()).toHaveLength(13);
  const snapshots = await recording.read(0, 12);
  expect(snapshots).toHaveLength(13);
  for (const {budget, ...rest} of snapshots) {
    expect(budget.role_and_database_limits).toEqual([
      {kind: 'role', name: 'scoring_app', connection_limit: 30, used: expect.any(Number)},
      {kind: 'database', name: 'assessments', connection_limit: 90, used: expect.any(Number)},
    ]);
    expect(budget).not.toHaveProperty('own_limits');
    expect(rest).not.toHaveProperty('told_by_facts');
    expect(rest.background_workers.length).toBeGreaterThan(0);
    for (const worker of rest.background_workers)
      expect(worker).toMatchObject({blocked_by: [], leader_pid: null, xmin_age: null, datname: null});
  }
  const found = snapshots.flatMap(({fact_findings = []}) => fact_findings.map(({recipe}) => recipe));
  expect(found).toContain('apply-indexes');
});
