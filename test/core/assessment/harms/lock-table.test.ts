import {describe, expect, it} from 'vitest';
import {examineLockTable} from '../../../../source/core/assessment/harms/lock-table.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import {contextOf, type Reading} from './readings.ts';

const rollup = createBackend({
  pid: 7,
  application_name: 'rollup',
  usename: 'etl',
  state: 'idle in transaction',
  xact_age_ms: 420_000,
  xact_start: '2026-01-01T12:57:00.000000Z',
});

describe('examineLockTable', () => {
  const most = {pid: 7, backend_start: rollup.backend_start, locks: 612, in_transaction: true};
  const full = {at: '2026-01-01T13:04:00.000000Z', used: 640, capacity: 640, most};

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
          'the shared lock table is full: rollup/etl has 612 of its 640 locks, in one transaction (7m00s); statements may fail (53200), 30 rollbacks/s',
        explains: ['database:shop/rollbacks', 'backend:7', 'application:rollup/role:etl'],
      },
    ]);
  });

  it('says that statements fail where the log has their error, and counts no ROLLBACK that was asked for', () => {
    const error = {
      ...{count: 9, recent_count: 9, first_at: null, last_at: '2026-01-01T13:04:08.000Z', severity: 'ERROR'},
      ...{sqlstate: '53200', message: 'out of shared memory', pid: null, application_name: null},
      ...{usename: null, datname: null, statement: null},
    };
    const server_log = {file: '/log', from: null, to: null, errors: [error], deadlocks: [], problem: null};
    const asked = (index: number): Reading => ({
      backends: [rollup, createBackend({pid: 8, query: 'ROLLBACK', query_id: '9', query_age_ms: 10})],
      statements: [
        createStatement({queryid: '9', dbid: '16384', query: 'ROLLBACK', calls: 100 + index * 20}),
      ],
      database: {xact_commit: 10 * index, xact_rollback: 30 * index},
    });
    const [finding] = examineLockTable(contextOf(10, asked, {lock_table: full, server_log}));
    expect(finding?.summary).toMatch(/; statements fail \(53200\), 10 rollbacks\/s$/);
  });

  it('warns before it is full, and cancels a statement that runs', () => {
    const used = {...full, used: 540};
    const backends = [{...rollup, state: 'active' as const}];
    const context = contextOf(10, () => ({backends}), {lock_table: used});
    expect(examineLockTable(context)).toMatchObject([
      {
        severity: 'warning',
        recipe: 'cancel-statements',
        summary: expect.stringMatching(
          /^the shared lock table is 84% full: .*; statements that need more will fail \(53200\) when it is full$/,
        ),
        harm: {kind: 'soon'},
      },
    ]);
  });

  it.each([
    ['in a later transaction', {xact_start: '2026-01-01T13:04:00.000001Z', state: 'active' as const}],
    ['whose start is hidden', {backend_start: null}],
  ])('does not act on a session %s', (_, since) => {
    const backend_start = 'backend_start' in since ? null : rollup.backend_start;
    const context = contextOf(2, () => ({backends: [{...rollup, ...since}]}), {
      lock_table: {...full, most: {...most, backend_start}},
    });
    const [finding] = examineLockTable(context);
    expect(finding).toMatchObject({recipe: 'lock-table-full', explains: []});
    expect(finding?.summary).toContain('rollup/etl has 612 of its 640 locks; statements');
    expect(finding?.acts?.every(({recipe}) => recipe === null)).toBe(true);
  });

  it('ends a session that keeps advisory locks, whatever it runs', () => {
    const backends = [{...rollup, state: 'active' as const, xact_start: '2026-01-01T13:04:01.000000Z'}];
    const lock_table = {...full, most: {...most, in_transaction: false}};
    expect(examineLockTable(contextOf(2, () => ({backends}), {lock_table}))).toMatchObject([
      {recipe: 'terminate-sessions', params: {pid: '7'}},
    ]);
  });

  it('names what others have where the session has ended and another one has its pid', () => {
    const backends = [{...rollup, backend_start: '2026-01-01T13:04:01.000000Z'}];
    const find = (locks: number) =>
      examineLockTable(contextOf(2, () => ({backends}), {lock_table: {...full, most: {...most, locks}}}));
    expect(find(612)).toEqual([]);
    const [finding] = find(100);
    expect(finding).toMatchObject({recipe: 'lock-table-full', evidence: {locks: 540, most_locks: null}});
    expect(finding?.summary).toMatch(/^the shared lock table is 84% full: at least 540 locks; /);
  });

  it('finds nothing where there is room, nor where it is not known', () => {
    const some = {...full, used: 500};
    expect(examineLockTable(contextOf(2, () => ({}), {lock_table: some}))).toEqual([]);
    expect(examineLockTable(contextOf(2, () => ({}), {}))).toEqual([]);
  });
});
