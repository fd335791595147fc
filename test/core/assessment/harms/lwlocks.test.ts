import {expect, it} from 'vitest';
import {examineLwlocks} from '../../../../source/core/assessment/harms/lwlocks.ts';
import type {Sample} from '../../../../source/model/assessment.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import {contextOf} from './readings.ts';

/** Of ten sessions that insert, `waiting` wait for the lock. */
const inserting = (waiting: number, wait_event = 'WALWrite') =>
  Array.from({length: 10}, (_, index) =>
    createBackend({
      pid: index + 1,
      application_name: 'ingest',
      state: 'active',
      query: 'INSERT INTO events VALUES ($1)',
      query_id: '7',
      ...(index < waiting && {wait_event_type: 'LWLock', wait_event}),
    }),
  );

it('names the lock that most wait for, and what it means', () => {
  const [finding, ...others] = examineLwlocks(contextOf(8, () => ({backends: inserting(6)})));
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    cause: 'lwlock',
    severity: 'warning',
    subject: 'lwlock:WALWrite',
    summary:
      '6 of 10 sessions of ingest/shop_app wait for WALWrite (LWLock), most in INSERT INTO events, 6.0 on average in 8 of 8 snapshots: commits wait for WAL to be written',
    harm: {kind: 'waiting', sessions: 6, share: 1, since: null},
    acts: [{recipe: null}],
  });
  expect(finding?.explains).toContain('application:ingest/role:shop_app');
});

it('counts the sessions that write the WAL, and says how often commits come and how many rows each has', () => {
  const writer = {wait_event_type: 'IO', wait_event: 'WalSync'};
  const context = contextOf(8, second => ({
    backends: inserting(4).map((backend, index) => (index === 0 ? {...backend, ...writer} : backend)),
    statements: [
      createStatement({
        queryid: '7',
        query: 'INSERT INTO events VALUES ($1)',
        calls: 5000 + 300 * second,
        rows: 5000 + 600 * second,
      }),
    ],
    database: {xact_commit: 90_000 + 900 * second},
    info: {at: new Date(Date.UTC(2026, 0, 1, 13, 4, second)).toISOString()},
  }));
  expect(examineLwlocks(context)).toMatchObject([
    {
      subject: 'lwlock:WALWrite',
      summary:
        '4 of 10 sessions of ingest/shop_app wait for WALWrite (LWLock), most in INSERT INTO events, 4.0 on average in 8 of 8 snapshots: commits wait for WAL to be written, 300 commits/s of 2 rows each',
      evidence: {sessions: 4, commits_per_second: 300, rows_per_commit: 2},
    },
  ]);
  const reset = context.samples.map((sample, index) => ({
    ...sample,
    databases: sample.databases.map(each => (index < 4 ? each : {...each, xact_commit: index * 900})),
  }));
  const [finding] = examineLwlocks({...context, samples: reset});
  expect(finding?.summary).toMatch(/written$/);
  expect(finding?.evidence).not.toHaveProperty('commits_per_second');
  const synced = contextOf(8, () => ({
    backends: inserting(6).map(each => ({...each, ...(each.wait_event_type === 'LWLock' && writer)})),
  }));
  expect(examineLwlocks(synced)[0]?.summary).toContain(
    '6 of 10 sessions of ingest/shop_app wait for WalSync (IO), most in',
  );
});

it.each([
  ['MultiXactOffsetSLRU', /share mode$/],
  ['SubtransBuffer', /64 savepoints each$/],
  ['BufferMapping', /the same pages$/],
  ['SomethingNew', /they share it inside the server$/],
])('knows %s', (wait_event, summary) => {
  const [finding] = examineLwlocks(contextOf(8, () => ({backends: inserting(6, wait_event)})));
  expect(finding?.summary).toMatch(summary);
});

it.each<[string, number, (index: number) => number]>([
  ['few wait', 8, () => 3],
  ['they wait now and then', 8, index => (index % 4 === 3 ? 6 : 0)],
  ['there are few readings', 3, () => 6],
  ['they wait no longer', 8, index => (index < 7 ? 6 : 0)],
])('is silent while %s', (_, count, waiting) => {
  expect(examineLwlocks(contextOf(count, index => ({backends: inserting(waiting(index))})))).toEqual([]);
});

it('is silent on the lock manager while more sessions queue for one lock', () => {
  const context = contextOf(8, () => ({backends: inserting(6, 'LockManager')}));
  expect(examineLwlocks(context)).toHaveLength(1);
  const wait = {object: 'row of events', waiting: 8} as Sample['waits'][number];
  const samples = context.samples.map(sample => ({...sample, waits: [wait]}));
  expect(examineLwlocks({...context, samples})).toEqual([]);
});
