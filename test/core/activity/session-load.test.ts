import {describe, expect, it} from 'vitest';
import {loadClasses} from '../../../source/core/activity/busy-sessions.ts';
import {groupLoad, loadColumns, loadOver} from '../../../source/core/activity/load-over.ts';
import {summarizeLoad, waitsOfAll} from '../../../source/core/activity/load-summary.ts';
import {addLoad, type LoadHistory, noLoad} from '../../../source/core/activity/session-load.ts';
import type {ServerState} from '../../../source/model/server-state.ts';
import type {HostReading} from '../../../source/model/server-work.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const start_ms = Date.UTC(2026, 0, 1, 12, 0, 0);

/** One reading a second from 12:00:00 on. */
function read(...readings: Partial<Backend>[][]): LoadHistory {
  return readings.reduce<LoadHistory>((history, backends, second) => {
    const at = new Date(start_ms + second * 1000).toISOString();
    const sessions = backends.map((backend, index) => createBackend({pid: index + 1, ...backend}));
    const lock_waits = sessions.flatMap(({pid, blocked_by}) =>
      blocked_by.length === 0 ? [] : [waitOf(pid, blocked_by)],
    );
    return addLoad(history, createSnapshot({at, backends: sessions, lock_waits}));
  }, noLoad);
}

function waitOf(pid: number, blocked_by: number[]) {
  return {
    ...{pid, blocked_by, locktype: 'relation', relation: 'public.orders', object: 'public.orders'},
    ...{mode: 'AccessShareLock', wait_age_ms: 1000, holders: []},
  } as never;
}

const active = {state: 'active', wait_event_type: null, wait_event: null} as const;
const waiting = (type: string, event: string) =>
  ({state: 'active', wait_event_type: type, wait_event: event}) as const;
const idle = {state: 'idle', wait_event_type: 'Client', wait_event: 'ClientRead'} as const;
const inTransaction = {...idle, state: 'idle in transaction'} as const;

describe('the class of a session', () => {
  it.each<[string, Partial<Backend>[], string[]]>([
    ['without a wait event', [active], ['CPU CPU']],
    ['that reads a block', [waiting('IO', 'DataFileRead')], ['IO IO:DataFileRead']],
    ['that waits for a row', [waiting('Lock', 'transactionid')], ['Lock Lock:transactionid']],
    ['that waits for a lightweight lock', [waiting('LWLock', 'WALWrite')], ['LWLock LWLock:WALWrite']],
    ['that sends to its client', [waiting('Client', 'ClientWrite')], ['Client Client:ClientWrite']],
    ['that sleeps', [waiting('Timeout', 'PgSleep')], ['other Timeout:PgSleep']],
    ['that is idle', [idle], []],
    ['that is idle in transaction and blocks none', [inTransaction], []],
    [
      'that is idle in transaction and blocks one',
      [inTransaction, {...waiting('Lock', 'relation'), blocked_by: [1]}],
      ['blocker idle in transaction', 'Lock Lock:relation'],
    ],
  ])('%s', (_, backends, expected) => {
    const rows = loadOver(read(backends), 60_000)?.rows ?? [];
    expect(rows.map(row => `${row.class} ${row.event}`).sort()).toEqual(expected.sort());
  });

  it('of a session that is hidden is not known', () => {
    expect(loadOver(read([{state: null}, active]), 60_000)).toMatchObject({hidden: 1, rows: [{sessions: 1}]});
  });
});

describe('the load over a window', () => {
  const named = (value: string) => ({key: value, value, known: value, query_id: null});
  const web = {...active, application_name: 'web'};
  const job = {...waiting('IO', 'DataFileRead'), application_name: 'job'};

  it('is the average of its readings', () => {
    const over = loadOver(read([web, web], [web], [], [web, job]), 60_000);
    expect(over).toMatchObject({readings: 4, from_ms: start_ms, to_ms: start_ms + 3000});
    expect(groupLoad(over?.rows ?? [], 'application')).toEqual([
      {...named('web'), sessions: 1, share_ratio: 0.8, classes: [{class: 'CPU', sessions: 1}]},
      {...named('job'), sessions: 0.25, share_ratio: 0.2, classes: [{class: 'IO', sessions: 0.25}]},
    ]);
  });

  it('has one group for a statement, whatever its literals', () => {
    const of = (id: number) => ({
      ...active,
      query_id: '7',
      query: `SELECT *\n  FROM orders WHERE id = ${id}`,
    });
    const over = loadOver(read([of(1), of(2)], [of(3)]), 60_000);
    expect(groupLoad(over?.rows ?? [], 'statement')).toMatchObject([
      {key: '7', value: 'SELECT * FROM orders WHERE id = 1', sessions: 1.5},
    ]);
  });

  it('leaves out what is older', () => {
    const over = loadOver(read([web, web, web], [job], [job]), 1000);
    expect(groupLoad(over?.rows ?? [], 'event')).toEqual([
      {
        ...named('IO:DataFileRead'),
        sessions: 1,
        share_ratio: 1,
        classes: [{class: 'IO', sessions: 1}],
      },
    ]);
  });

  it('counts a second reading of the same time once', () => {
    const snapshot = createSnapshot({
      at: new Date(start_ms).toISOString(),
      backends: [createBackend(active)],
    });
    const history = addLoad(addLoad(noLoad, snapshot), snapshot);
    expect(loadOver(history, 60_000)).toMatchObject({readings: 1, rows: [{sessions: 1}]});
  });

  it('starts over where the clock was set back', () => {
    const history = read([web], [web]);
    const earlier = createSnapshot({
      at: new Date(start_ms - 1000).toISOString(),
      backends: [createBackend(job)],
    });
    expect(loadOver(addLoad(history, earlier), 60_000)).toMatchObject({
      readings: 1,
      rows: [{event: 'IO:DataFileRead'}],
    });
  });

  it('of an hour is kept in buckets of ten seconds, and not one session is lost', () => {
    const readings = Array.from({length: 4200}, (_, second) => (second % 2 === 0 ? [web, web] : [job]));
    const history = read(...readings);
    expect(history.buckets.length).toBeLessThan(301 + 3300 / 10 + 2);
    const over = loadOver(history, 3_600_000);
    expect((over?.to_ms ?? 0) - (over?.from_ms ?? 0)).toBeGreaterThan(3_580_000);
    const groups = groupLoad(over?.rows ?? [], 'application').map(({value, sessions}) => [
      value,
      sessions.toFixed(2),
    ]);
    expect(groups).toEqual([
      ['web', '1.00'],
      ['job', '0.50'],
    ]);
  });
});

describe('the summary of a load', () => {
  const web = {...active, application_name: 'web', tags: {route: '/cart'}, query_id: '7', query: 'SELECT 1'};
  const blocker = {...inTransaction, application_name: 'web'};
  const blocked = {...waiting('Lock', 'relation'), application_name: '', blocked_by: [1]};
  const over = loadOver(read([blocker, blocked, web], [web]), 60_000);

  it('has the classes, and the top of each dimension with null where there is no value', () => {
    const summary = over && summarizeLoad({...over, cores: 8});
    expect(summary).toMatchObject({
      ...{from: '2026-01-01T12:00:00.000Z', to: '2026-01-01T12:00:01.000Z', readings: 2, cores: 8},
      ...{average_active_sessions: 2, hidden_sessions: 0},
      classes: [
        {class: 'CPU', average_active_sessions: 1, share: 0.5},
        {class: 'blocker', average_active_sessions: 0.5, share: 0.25},
        {class: 'Lock', average_active_sessions: 0.5, share: 0.25},
      ],
    });
    expect(summary?.top.route.map(({value, share}) => [value, share])).toEqual([
      [null, 0.5],
      ['/cart', 0.5],
    ]);
    expect(summary?.top.statement).toContainEqual(
      expect.objectContaining({value: 'SELECT 1', query_id: '7', share: 0.5}),
    );
  });

  it('and the waits, without a class for those that work and without blockers, are of the same readings', () => {
    expect(over && waitsOfAll(over)).toEqual([
      {class: null, event: null, average_active_sessions: 1, share: 2 / 3},
      {class: 'Lock', event: 'relation', average_active_sessions: 0.5, share: 1 / 3},
    ]);
  });

  it('knows the cores once a reading has said them, and that they are not known', () => {
    const at = (second: number, server?: ServerState) =>
      createSnapshot({at: new Date(start_ms + second * 1000).toISOString(), ...(server && {server})});
    const here = {kind: 'here', cores: 4} as HostReading;
    const coresAfter = (...servers: (ServerState | undefined)[]) =>
      servers.reduce((load, server, second) => addLoad(load, at(second, server)), noLoad).cores;
    expect(coresAfter(undefined)).toBeUndefined();
    expect(coresAfter({host: here}, undefined)).toBe(4);
    expect(coresAfter(undefined, {host: {kind: 'elsewhere', reason: ''}}, undefined)).toBeNull();
    expect(coresAfter({})).toBeNull();
  });

  it('of a whole recording loses no reading', () => {
    const at = (second: number) =>
      createSnapshot({
        at: new Date(start_ms + second * 1000).toISOString(),
        backends: [createBackend(active)],
      });
    const history = [0, 5000, 9000].reduce(
      (load, second) => addLoad(load, at(second), {isWhole: true}),
      noLoad,
    );
    expect(loadOver(history, Infinity)).toMatchObject({readings: 3, from_ms: start_ms});
    expect(loadOver(history, 60_000, start_ms + 6_000_000)).toBeNull();
    expect(loadOver(history, 60_000, start_ms + 5_030_000)).toMatchObject({readings: 1});
  });
});

describe('the columns of the chart', () => {
  const totals = (history: LoadHistory, window_ms: number, count: number) =>
    loadColumns(history, {window_ms, count}, () => true).map(({sessions}) =>
      sessions === null
        ? null
        : Object.fromEntries(sessions.flatMap((each, at) => (each > 0 ? [[loadClasses[at], each]] : []))),
    );

  it('average the readings of their time, and a reading stands until the next one', () => {
    const history = read(
      [],
      [active],
      [active, active],
      [active, active, active],
      [waiting('IO', 'DataFileRead')],
    );
    // From 11:59:56 on: the last reading is at the end of the window.
    expect(totals(history, 8000, 4)).toEqual([null, null, {CPU: 0.5}, {CPU: 5 / 3, IO: 1 / 3}]);
    expect(totals(history, 8000, 16).slice(-5)).toEqual([{CPU: 1}, {CPU: 2}, {CPU: 2}, {CPU: 3}, {IO: 1}]);
  });

  it('of the past end with the reading on show', () => {
    const history = read([active], [active], [active, active], [active]);
    const columns = loadColumns(history, {window_ms: 8000, count: 8, until_ms: start_ms + 1000}, () => true);
    expect(columns.map(({sessions}) => sessions?.[0] ?? null)).toEqual([
      ...[null, null, null, null, null, null],
      ...[1, 1],
    ]);
  });

  it('are empty where no reading was for long', () => {
    const at = (second: number) =>
      createSnapshot({
        at: new Date(start_ms + second * 1000).toISOString(),
        backends: [createBackend(active)],
      });
    const history = addLoad(addLoad(noLoad, at(0)), at(60));
    expect(totals(history, 60_000, 6)).toEqual([{CPU: 1}, {CPU: 1}, {CPU: 1}, null, null, {CPU: 1}]);
  });
});
