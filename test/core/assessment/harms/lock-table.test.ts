import {describe, expect, it} from 'vitest';
import {examineLockTable} from '../../../../source/core/assessment/harms/lock-table.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {contextOf} from './readings.ts';

const rollup = createBackend({
  pid: 7,
  application_name: 'rollup',
  usename: 'etl',
  state: 'idle in transaction',
  xact_age_ms: 420_000,
});

describe('examineLockTable', () => {
  const full = {used: 640, capacity: 640, most: {pid: 7, locks: 612}};

  it('names who has filled it, and ends that session', () => {
    const context = contextOf(
      10,
      index => ({backends: [rollup], database: {xact_commit: 10 * index, xact_rollback: 30 * index}}),
      {lock_table: full},
    );
    expect(examineLockTable(context)).toMatchObject([
      {
        cause: 'lock-table-full',
        severity: 'critical',
        recipe: 'terminate-sessions',
        params: {pid: '7'},
        summary:
          'the table of locks is full: rollup/etl has 612 of its 640 locks, in one transaction (7m00s); statements fail (53200), 30 rollbacks a second',
        explains: ['database:shop/rollbacks', 'backend:7', 'application:rollup/role:etl'],
      },
    ]);
  });

  it('warns before it is full, and cancels a statement that runs', () => {
    const used = {...full, used: 540};
    const backends = [{...rollup, state: 'active' as const}];
    const context = contextOf(10, () => ({backends}), {lock_table: used});
    expect(examineLockTable(context)).toMatchObject([
      {
        severity: 'warning',
        recipe: 'cancel-statements',
        summary: expect.stringMatching(/^the table of locks is 84% full: .*; statements that need more fail/),
        harm: {kind: 'soon'},
      },
    ]);
  });

  it('finds nothing where there is room, nor where it is not known', () => {
    const some = {...full, used: 500};
    expect(examineLockTable(contextOf(2, () => ({}), {lock_table: some}))).toEqual([]);
    expect(examineLockTable(contextOf(2, () => ({}), {}))).toEqual([]);
  });
});
