import {describe, expect, it} from 'vitest';
import type {Backend, Snapshot} from '../../../../source/model/snapshot.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {examine, reading, type WaitOf} from './jams.ts';

describe('a hot row', () => {
  const update = (id: number): Partial<Backend> => ({
    query: `UPDATE "usage_counters" SET "used" = "used" + 1 WHERE "organiser_id" = ${id}`,
    query_id: '77',
  });
  const holder: Partial<Backend> = {state: 'idle in transaction', state_age_ms: 20, xact_age_ms: 40};
  const queue = (root: Partial<Backend>, waits: WaitOf[], ids: number[] = waits.map(() => 42)) =>
    reading(
      {1: root, ...Object.fromEntries(waits.map(({pid}, index) => [pid, update(ids[index] ?? 42)]))},
      waits,
    );
  /** The first waits for the holder's transaction, the others for the first's tuple lock. */
  const waits: WaitOf[] = [
    {pid: 2, blocked_by: [1], relation: 'usage_counters', wait_age_ms: 40},
    ...[3, 4, 5, 6, 7].map(pid => ({
      pid,
      blocked_by: [2],
      locktype: 'tuple',
      relation: 'usage_counters',
      wait_age_ms: 100 * pid,
    })),
  ];

  it('gives advice only, with the literal that the statements share', () => {
    const [finding, ...others] = examine(queue(holder, waits));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      recipe: 'hot-row',
      cause: 'hot-row',
      summary:
        '6 of 7 sessions of shop/shop_app queue for one row of usage_counters (organiser_id = 42); the holder changes',
      explains: expect.arrayContaining(['backend:1', 'backend:7', 'statement:77', 'relation:usage_counters']),
    });
    expect(finding?.params).toBeUndefined();
    for (const {recipe} of finding?.acts ?? []) expect(recipe).toBeNull();
  });

  it.each([
    ['account_id = 987654321012', true],
    ['"accountId" = 987654321012', true],
    ['seat = 17', true],
    ['phone = 48123456789', false],
    ['price = 17.5', false],
  ])('shows ids and short numbers, and nothing else: %s', (condition, isShown) => {
    const snapshot = queue(holder, waits);
    const backends = snapshot.backends.map(each => ({
      ...each,
      query: `UPDATE seats SET taken = 1 WHERE ${condition}`,
    }));
    const [finding] = examine({...snapshot, backends});
    expect(finding?.summary.includes(condition.replaceAll('"', ''))).toBe(isShown);
    expect(finding?.summary).not.toMatch(/48123456789|17\.5/);
  });

  it('knows one row by its tuple lock where statements have parameters', () => {
    const parameterised = {...queue(holder, waits)};
    const backends = parameterised.backends.map(each => ({
      ...each,
      query: 'UPDATE usage_counters SET used = $1 WHERE id = $2',
    }));
    const [finding] = examine({...parameterised, backends});
    expect(finding?.summary).toMatch(/queue for one row of usage_counters; the holder changes/);
    expect(finding?.reasons?.join(' ')).toMatch(/same tuple lock/);
  });

  it('says the time of a call and that it waits', () => {
    const before = queue(holder, waits);
    const counters = (calls: number, total_exec_time_ms: number) =>
      before.statements.map(each => ({...each, queryid: '77', calls, total_exec_time_ms}));
    const [finding] = examine([
      {...before, statements: counters(10, 100)},
      {...before, statements: counters(20, 9250)},
    ]);
    expect(finding?.summary).toMatch(/the holder changes; 915ms per call, nearly all of it waiting$/);
  });

  it.each<[string, Partial<Backend>, WaitOf[], string]>([
    ['not a literal that few share', holder, waits, '5 of 6'],
  ])('%s', (_, root, all) => {
    const [finding] = examine(queue(root, all, [1, 2, 3, 4, 5, 6]));
    expect(finding?.summary).not.toMatch(/organiser_id/);
  });

  it('does not blame the holder of a moment, which may end by itself', () => {
    const brief = waits.map(each => ({...each, wait_age_ms: 10}));
    expect(examine(queue(holder, brief))).toEqual([]);
  });

  const readingsOf = (holders: number[], root: Partial<Backend>, wait_age_ms: number) =>
    holders.map(pid => {
      const blocked = waits.map(each => ({
        ...each,
        blocked_by: each.pid === 2 ? [pid] : [2],
        wait_age_ms,
      }));
      const {backends, ...rest} = queue(root, blocked);
      return {...rest, backends: backends.map(each => (each.pid === 1 ? {...each, pid} : each))};
    });

  it.each([
    ['sessions that come back', [1, 8, 9, 1, 8, 9, 1], 1800, ['hot-row']],
    ['one that has held it since', [1, 8, 9, 8, 1, 1, 1], 1800, ['idle-blocker']],
    ['one that took it again in another transaction', [8, 9, 8, 1, 1, 1], 500, ['hot-row']],
    ['one that takes it again and again', [8, 1, 1, 1, 1, 1], 500, ['idle-blocker']],
  ])('knows by the last readings that the holder changes: %s', (_, holders, xact_age_ms, causes) => {
    const snapshots = readingsOf(holders, {...holder, xact_age_ms}, 400);
    expect(examine(snapshots).map(({cause}) => cause)).toEqual(causes);
  });

  it('says no time of a COMMIT, whose wait its statement does not contain', () => {
    const before = queue(holder, waits);
    const backends = before.backends.map(each => ({...each, query: 'COMMIT'}));
    const counters = (calls: number) =>
      before.statements.map(each => ({...each, queryid: '77', calls, total_exec_time_ms: 0.01}));
    const at = (calls: number) => ({...before, backends, statements: counters(calls)});
    expect(examine([at(10), at(20)])[0]?.summary).toMatch(/the holder changes$/);
  });

  it('blames no session where a queue has one left at the moment of a reading', () => {
    const snapshots = readingsOf([8, 9, 8, 9, 8, 9, 8, 9, 8, 9, 1], holder, 30);
    const {lock_waits, ...last} = snapshots.at(-1) ?? reading({}, []);
    const findings = examine([...snapshots.slice(0, -1), {...last, lock_waits: lock_waits.slice(0, 1)}]);
    expect(findings.map(({cause}) => cause)).toEqual(['hot-row']);
    for (const {recipe} of findings[0]?.acts ?? []) expect(recipe).toBeNull();
  });

  const calm = (snapshot: Snapshot): Snapshot => ({
    ...snapshot,
    lock_waits: [],
    backends: snapshot.backends.map(each => ({...each, wait_event_type: null, blocked_by: []})),
  });

  it('outlives readings at whose moment no session waits, and goes soon after the last wait', () => {
    const snapshots = readingsOf([8, 9, 8, 9, 8, 9], holder, 400);
    const calmFor = (count: number) => [
      ...snapshots,
      ...Array.from({length: count}, () => calm(snapshots.at(-1) as Snapshot)),
    ];
    const [finding, ...others] = examine(calmFor(2));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'critical',
      cause: 'hot-row',
      summary:
        '6 of 7 sessions of shop/shop_app queue for one row of usage_counters (organiser_id = 42) in 6 of 8 snapshots; the holder changes',
      explains: expect.arrayContaining(['application:shop/role:shop_app', 'relation:usage_counters']),
      harm: {sessions: 6, share: 0.75, since: null},
    });
    expect(finding?.acts?.map(({recipe}) => recipe)).toEqual([null, null, null]);
    expect(examine(calmFor(4))).toEqual([]);
  });

  it('is one finding where the server was asked for the name of the table by some of the sessions', () => {
    const snapshots = readingsOf([8, 9, 8, 9, 8, 9], holder, 400).map(each => ({
      ...each,
      lock_waits: each.lock_waits.map((wait, index) =>
        index < 3 ? wait : {...wait, blocked_by: [30], object: 'row of public.usage_counters'},
      ),
      backends: [...each.backends, createBackend({pid: 30, ...holder})],
    }));
    expect(examine(snapshots).map(({subject}) => subject)).toEqual(['relation:public.usage_counters/row']);
  });

  it('is gone at once where one session held it all the time', () => {
    const snapshots = readingsOf([1, 1, 1, 1, 1, 1], {...holder, xact_age_ms: 60_000}, 6000);
    expect(examine(snapshots)).toHaveLength(1);
    expect(examine([...snapshots, calm(snapshots.at(-1) as Snapshot)])).toEqual([]);
  });

  it.each<[string, Partial<Backend>]>([
    [
      'a transaction that is open since before the waits',
      {...holder, state_age_ms: 60_000, xact_age_ms: 60_000},
    ],
    ['a long statement', {state: 'active', query_age_ms: 60_000, xact_age_ms: 60_000}],
  ])('is not one behind %s', (_, root) => {
    expect(examine(queue(root, waits))[0]?.cause).not.toBe('hot-row');
  });

  it('is named NOTIFY for commits that the server was not asked about yet', () => {
    const {backends, ...rest} = queue(
      holder,
      waits.map(each => ({...each, locktype: 'object', relation: null})),
    );
    const commits = backends.map(each => ({...each, query: 'COMMIT'}));
    expect(examine({...rest, backends: commits})).toMatchObject([
      {cause: 'hot-lock', subject: 'lock:NOTIFY', summary: expect.stringContaining('queue for NOTIFY;')},
    ]);
  });

  it('is a hot lock if the object is no row', () => {
    const locks = waits.map(each => ({...each, locktype: 'advisory', relation: null}));
    expect(examine(queue(holder, locks))).toMatchObject([{cause: 'hot-lock', recipe: 'hot-lock'}]);
  });
});
