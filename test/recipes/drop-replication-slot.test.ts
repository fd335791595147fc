import {describe, expect, it} from 'vitest';
import dropReplicationSlot from '../../recipes/drop-replication-slot.ts';
import type {ReplicationSlot} from '../../source/model/server-facts.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {createSlot} from './samples.ts';

function planOf(overrides: Partial<ReplicationSlot> = {}, slot = 'standby_berlin') {
  const facts = {replication: {slots: [createSlot(overrides)], standbys: []}};
  return dropReplicationSlot.plan?.(createSnapshot(), {slot}, facts);
}

describe('drop-replication-slot', () => {
  it('drops the named slot, and says before what it holds back', () => {
    const plan = planOf();
    expect(plan?.steps).toMatchObject([
      {
        title: 'drop replication slot standby_berlin',
        subject: 'replication slot:standby_berlin',
        undo: 'irreversible',
      },
    ]);
    const text = plan?.explanation.join(' ');
    expect(text).toContain('It holds back vacuum by 12000 transactions and 2.8G of WAL (extended).');
  });

  it.each([
    [
      'in use',
      {is_active: true, active_pid: 99},
      'a consumer is connected to it (pid 99): stop the consumer first',
    ],
    [
      'synchronised from the primary',
      {is_synced: true},
      'it is synchronised from the primary: drop it there',
    ],
    ['temporary', {is_temporary: true}, 'it is temporary: it ends with its session'],
  ])('leaves a slot that is %s', (_, overrides, reason) => {
    const plan = planOf(overrides);
    expect(plan?.steps).toEqual([]);
    expect(plan?.skipped).toMatchObject([{reason}]);
  });

  it('refuses a name that is not exactly that of a slot', () => {
    expect(() => planOf({}, 'standby_berli')).toThrow('there is no replication slot "standby_berli"');
  });
});
