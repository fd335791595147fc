import {describe, expect, it} from 'vitest';
import type {LockWait} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {open, play, press, read, rowsOf, screenOf} from './played.ts';

describe('locks', () => {
  /** `[pid, blocker]`, in the order in which they came. */
  function waiting(...waits: [number, number][]) {
    const pids = [...new Set(waits.flat())];
    const lock_waits = waits.map(
      ([pid, blocker]): LockWait => ({
        pid,
        blocked_by: [blocker],
        locktype: 'transactionid',
        mode: 'ShareLock',
        transactionid: String(70_000 + pid),
        relation: pid % 2 === 0 ? 'orders' : null,
        wait_age_ms: 9000,
      }),
    );
    const backends = pids.map(pid => {
      const blocked_by = waits.filter(([waiter]) => waiter === pid).map(([, blocker]) => blocker);
      return createBackend({pid, state: 'active', blocked_by});
    });
    return read(createSnapshot({backends, lock_waits}));
  }
  const trees = (rows: string[]) => rows.flatMap(row => /^[ >] ([│├└ ]*\d{2,})/.exec(row)?.[1] ?? []);

  it('are drawn as the trees they are', () => {
    const state = press(
      play(open(120, 24), waiting([11, 10], [12, 10], [13, 11], [14, 13], [21, 20])).state,
      '4',
    );
    expect(trees(rowsOf(state))).toEqual(['10', '├ 11', '│ └ 13', '│   └ 14', '└ 12', '20', '└ 21']);
  });

  it('are grouped by route, the one that blocks most first, and open its sessions', () => {
    const {state: read} = play(open(140, 24), waiting([11, 10], [12, 10], [13, 12], [21, 20]));
    const routes: Record<number, string> = {10: '/cart', 11: '/list', 12: '/list', 13: '/list', 20: '/pay'};
    const backends = (read.snapshot?.backends ?? []).map(each => ({
      ...each,
      tags: routes[each.pid] ? {route: routes[each.pid] as string} : {},
      wait_event_type: each.blocked_by.length > 0 ? 'Lock' : null,
    }));
    const idle = createBackend({pid: 99, tags: {route: '/list'}});
    const snapshot = {
      ...createSnapshot({backends: [...backends, idle]}),
      lock_waits: read.snapshot?.lock_waits ?? [],
    };
    const grouped = press({...read, snapshot}, '4', 'B');
    const rows = rowsOf(grouped).filter(row => /\/|no tag/.test(row));
    expect(rows.map(row => row.trim().split(/ +/).at(-1))).toEqual(
      expect.arrayContaining(['/cart', '/list', '/pay']),
    );
    expect(screenOf(grouped)).toMatch(/BLOCKS +XACT ROUTE\n> +1 .* 2 .*\/cart\n +3 .* 3 +1 .*\/list\n/);
    expect(screenOf(press(grouped, 'K'))).toContain('these are groups');
    const list = press(grouped, 'down', 'enter');
    expect(list).toMatchObject({view: 'sessions'});
    expect(
      screenOf(list)
        .match(/^[ >] +\d\d /gm)
        ?.map(Number.parseFloat.bind(null)),
    ).toHaveLength(3);
  });

  it('say which transaction is waited for, and of which relation the row is', () => {
    const screen = screenOf(press(play(open(160, 24), waiting([11, 10], [12, 10])).state, '4'));
    expect(screen).toMatch(/├ 11 .*transaction 70011 /);
    expect(screen).toMatch(/└ 12 .*transaction 70012, row of orders/);
  });

  it('name what is waited for, all that hold it, and processes that are no client sessions', () => {
    const wait = (pid: number, blocked_by: number[], of: Partial<LockWait>): LockWait => ({
      pid,
      blocked_by,
      locktype: 'relation',
      mode: 'AccessExclusiveLock',
      relation: 'orders',
      wait_age_ms: 9000,
      ...of,
    });
    const lock_waits = [
      wait(11, [10, 9], {object: 'relation public.orders'}),
      wait(12, [11], {object: 'row of public.items', locktype: 'tuple'}),
      wait(13, [11, 12], {object: 'advisory lock 42', locktype: 'advisory'}),
    ];
    const backends = [10, 11, 12, 13].map(pid => createBackend({pid, application_name: `app${pid}`}));
    const worker = {
      ...{pid: 9, backend_type: 'autovacuum worker', application_name: '', datname: null, usename: null},
      ...{state: null, wait_event_type: null, wait_event: null, xact_age_ms: 5000, xmin_age: null},
      ...{blocked_by: [], leader_pid: null, query_age_ms: null, query: 'autovacuum: VACUUM public.orders'},
    };
    const snapshot = createSnapshot({backends, lock_waits, background_workers: [worker]});
    const screen = screenOf(press(play(open(200, 24), read(snapshot)).state, '4'));
    expect(screen).toMatch(/9 .*autovacuum worker.*autovacuum: VACUUM public\.orders/);
    expect(screen).toMatch(/ 11 .*AccessExclusive public\.orders; also held by \d+ /);
    expect(screen).toMatch(/ 12 .* row of public\.items +app12/);
    expect(screen).toMatch(/ 13 .* advisory lock 42 +app13/);
  });

  it('keep their order while a row is selected, a new waiter under its blocker', () => {
    const selected = press(play(open(120, 24), waiting([11, 10], [21, 20])).state, '4', 'g');
    const later = play(selected, waiting([11, 10], [21, 20], [12, 10], [22, 20], [23, 20])).state;
    expect(trees(rowsOf(later))).toEqual(['10', '├ 11', '└ 12', '20', '├ 21', '├ 22', '└ 23']);
    expect(trees(rowsOf(press(later, 'escape')))[0]).toBe('20');
  });
});
