import {describe, expect, it} from 'vitest';
import {examineWaiting} from '../../../../source/core/assessment/harms/waiting.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend, Snapshot} from '../../../../source/model/snapshot.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {contextOf, reading, type WaitOf, worker} from './jams.ts';

const examine = (snapshots: Snapshot | Snapshot[], facts: AssessmentFacts = {}) =>
  examineWaiting(contextOf(snapshots, facts));

const leaking: Partial<Backend> = {
  state: 'idle in transaction',
  state_age_ms: 40_000,
  xact_age_ms: 45_000,
  query: 'UPDATE "orders" SET "total" = 1',
};
const running: Partial<Backend> = {
  state: 'active',
  query_age_ms: 90_000,
  state_age_ms: 90_000,
  xact_age_ms: 90_000,
  query: 'UPDATE orders SET total = 1',
};

describe('whether it is harm', () => {
  it.each<[string, Partial<Backend>, number, unknown[]]>([
    ['a short wait', running, 4000, []],
    ['a long wait', running, 6000, [['backend:1', 'warning']]],
    ['a wait of a minute', running, 60_000, [['backend:1', 'critical']]],
    ['a leak, however short the wait', leaking, 100, [['backend:1', 'critical']]],
    ['a transaction idle for a moment', {...leaking, state_age_ms: 2000}, 100, []],
  ])('%s', (_, root, wait_age_ms, expected) => {
    const findings = examine(
      reading({1: root, 2: {}, 3: {}}, [
        {pid: 2, blocked_by: [1], wait_age_ms},
        {pid: 3, blocked_by: [2], wait_age_ms: 10},
      ]),
    );
    expect(findings.map(({subject, severity}) => [subject, severity])).toEqual(expected);
    for (const {params} of findings) expect(params).toEqual({pid: '1'});
  });

  const crowd = (count: number, wait_age_ms = 800) => {
    const waits: WaitOf[] = Array.from({length: count}, (_, index) => ({
      pid: index + 2,
      blocked_by: [1],
      wait_age_ms,
    }));
    const sessions = {
      1: {...running, xact_age_ms: 60_000},
      ...Object.fromEntries(waits.map(({pid}) => [pid, {}])),
    };
    return reading({...sessions, 90: {application_name: 'other'}}, waits);
  };
  const calm = reading({1: running, 90: {application_name: 'other'}}, []);

  it.each<[string, Snapshot[], number]>([
    ['a crowd in the only reading', [crowd(6)], 1],
    ['a crowd in one reading of many', [calm, calm, calm, calm, calm, crowd(6)], 0],
    ['a crowd in most of the last ones', [calm, calm, calm, crowd(6), crowd(6), crowd(7)], 1],
    ['half of an application, again and again', Array.from({length: 6}, () => crowd(3)), 1],
    ['two sessions for a moment, again and again', Array.from({length: 6}, () => crowd(1)), 0],
  ])('%s', (_, snapshots, count) => {
    expect(examine(snapshots)).toHaveLength(count);
  });

  const behind = (root: Partial<Backend>, count: number, wait_age_ms: number, head: Partial<WaitOf> = {}) => {
    const {backends, lock_waits, ...rest} = crowd(count, wait_age_ms);
    return {
      ...rest,
      backends: backends.map(each =>
        each.pid === 1 ? {...each, ...root} : {...each, ...(head.mode && each.pid > 2 && {blocked_by: [2]})},
      ),
      lock_waits: lock_waits.map(each =>
        each.pid === 2 ? {...each, ...head} : {...each, ...(head.mode && {blocked_by: [2]})},
      ),
    };
  };
  const begun: Partial<Backend> = {
    query: 'ALTER TABLE orders ADD c int',
    xact_age_ms: 3000,
    query_age_ms: 3000,
  };
  const waitingDdl: Partial<WaitOf> = {locktype: 'relation', mode: 'AccessExclusiveLock'};

  it.each<[string, Snapshot, (string | undefined)[]]>([
    ['eight behind a migration of three seconds', behind(begun, 8, 2900), []],
    ['20 behind it', behind(begun, 20, 2100), ['running-blocker']],
    ['20 of which none has waited two seconds', behind(begun, 20, 1900), []],
    ['a migration that waits, with four behind it', behind(begun, 5, 2100, waitingDdl), ['lock-queue']],
    ['a migration that waits, with two behind it', behind(begun, 3, 2100, waitingDdl), []],
    ['a migration that has waited for a moment', behind(begun, 5, 1900, waitingDdl), []],
  ])('behind what has only begun: %s', (_, snapshot, causes) => {
    const findings = examine(snapshot);
    expect(findings.map(({cause}) => cause)).toEqual(causes);
    // It may end by itself.
    if (causes[0] === 'running-blocker') expect(findings[0]?.acts?.[0]?.recipe).toBeNull();
  });

  it('is critical for many waiters', () => {
    expect(examine(crowd(5, 6000))).toMatchObject([{severity: 'critical'}]);
  });

  it('says how many wait, in how many readings, and since when', () => {
    const [finding] = examine([calm, calm, crowd(6), crowd(8)]);
    expect(finding?.harm).toEqual({
      kind: 'waiting',
      sessions: 7,
      share: 0.5,
      since: '2026-01-01T00:01:02.000Z',
    });
    expect(finding?.reasons?.slice(-2)).toEqual([
      '8 of 9 sessions of shop/shop_app wait, the longest for 0s.',
      '8 of 8 wait for row of orders; 8 run a SELECT.',
    ]);
    expect(finding?.explains).toEqual(
      expect.arrayContaining(['backend:1', 'backend:9', 'application:shop/role:shop_app']),
    );
  });

  it('costs nothing to speak of without a wait', () => {
    const backends = Array.from({length: 500}, (_, pid) => createBackend({pid}));
    expect(examine(reading({}, [], {backends}))).toEqual([]);
  });
});

describe('a lock queue', () => {
  const alter: Partial<Backend> = {
    application_name: 'deploy',
    usename: 'migrator',
    query: 'ALTER TABLE "orders" ADD COLUMN "note" text',
  };
  const report: Partial<Backend> = {
    ...running,
    application_name: 'report',
    usename: 'analyst',
    query: 'SELECT sum(total) FROM orders',
    query_age_ms: 432_000,
    xact_age_ms: 432_000,
  };
  const head: WaitOf = {
    pid: 2,
    blocked_by: [1],
    locktype: 'relation',
    mode: 'AccessExclusiveLock',
    wait_age_ms: 40_000,
  };
  const behind = (pid: number): WaitOf => ({
    pid,
    blocked_by: [2],
    locktype: 'relation',
    mode: 'AccessShareLock',
    wait_age_ms: 30_000,
  });
  const queue = (root: Partial<Backend>, more: Partial<Backend> = {}) =>
    reading({1: root, 2: {...alter, ...more}, 3: {}, 4: {}, 5: {}}, [head, behind(3), behind(4), behind(5)]);

  it('on a standby: the replay of a lock, which cannot be cancelled', () => {
    const replay = worker({pid: 2, backend_type: 'startup', blocked_by: [1]});
    const [finding, ...others] = examine(
      reading({1: report, 3: {}, 4: {}}, [head, behind(3), behind(4)], {background_workers: [replay]}),
    );
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      cause: 'lock-queue',
      summary:
        'the replay of AccessExclusiveLock on orders (startup, 40s) waits behind a SELECT (report/analyst, 7m12s); 2 sessions queue behind it',
      acts: [
        {recipe: 'release-blockers', params: {pid: '1'}},
        {recipe: null, title: expect.stringContaining('max_standby_streaming_delay')},
      ],
    });
  });

  it('names the schema change, what it waits for, and what queues behind it, with both ways out', () => {
    const [finding, ...others] = examine(queue(report));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      recipe: 'release-blockers',
      cause: 'lock-queue',
      subject: 'backend:2',
      summary:
        'ALTER TABLE orders (deploy/migrator, 40s) waits behind a SELECT (report/analyst, 7m12s); 3 sessions queue behind it',
      params: {pid: '2'},
      acts: [
        {
          recipe: 'release-blockers',
          params: {pid: '2'},
          frees: 'unblocks all 3 waiting sessions immediately',
        },
        {
          recipe: 'release-blockers',
          params: {pid: '1'},
          frees: 'ALTER TABLE orders runs, which then unblocks all 3 waiting sessions',
        },
        {recipe: 'set-timeouts', params: {role: 'migrator', lock_timeout: '2s'}, frees: null},
      ],
    });
    expect(finding?.explains).toEqual(expect.arrayContaining(['backend:1', 'backend:2', 'backend:5']));
  });

  it.each<[string, Partial<Backend>, Partial<Backend>, (string | undefined)[]]>([
    ['a forgotten transaction is ended first', leaking, {}, ['1', '2', undefined]],
    ['one that is protected is not', {...leaking, is_superuser: true}, {}, ['2', undefined, undefined]],
    ['a dump is waited for', {...report, application_name: 'pg_dump'}, {}, ['2', undefined, undefined]],
    [
      "what a superuser's change needs, a superuser must do",
      report,
      {is_superuser: true},
      [undefined, '1', undefined],
    ],
  ])('%s', (_, root, more, pids) => {
    const [finding] = examine(queue(root, more));
    expect(finding?.acts?.map(({params}) => params.pid)).toEqual(pids);
    expect(finding?.params?.pid).toBe(pids[0]);
  });

  it('frees only those at once that wait for nothing else', () => {
    const sessions = {1: report, 2: alter, 3: {}, 4: {}, 5: {}, 8: report};
    const [finding] = examine(
      reading(sessions, [head, behind(3), behind(4), {...behind(5), blocked_by: [2, 8]}]),
    );
    expect(finding?.acts?.[0]?.frees).toMatch(
      /2 of 3 waiting sessions,? immediately; the others wait for other sessions too$/,
    );
  });

  it('names all that hold the table, as ending one of them frees nothing', () => {
    const sessions = {1: report, 2: alter, 3: {}, 4: {}, 8: {...report, application_name: 'cron'}};
    const [finding] = examine(reading(sessions, [{...head, blocked_by: [1, 8]}, behind(3), behind(4)]));
    expect(finding).toMatchObject({
      summary: expect.stringContaining(
        'behind a SELECT (report/analyst, 7m12s) and 1 other holder; 2 sessions',
      ),
      acts: [
        {params: {pid: '2'}, frees: 'unblocks all 2 waiting sessions immediately'},
        {params: {pid: '1,8'}, frees: 'ALTER TABLE orders runs, which then unblocks all 2 waiting sessions'},
        {recipe: 'set-timeouts'},
      ],
    });
  });

  it('says what will happen if nothing queues yet', () => {
    const [finding] = examine(reading({1: report, 2: alter}, [head]));
    expect(finding?.summary).toMatch(/7m12s\); the next session that uses orders will queue behind it$/);
  });

  it('cancels two schema changes of one table together: the second would hold up the queue as well', () => {
    const [finding] = examine(
      reading({1: report, 2: alter, 3: alter, 4: {}, 5: {}}, [
        head,
        {...head, pid: 3, blocked_by: [1, 2], wait_age_ms: 20_000},
        {...behind(4), blocked_by: [2, 3]},
        {...behind(5), blocked_by: [2, 3]},
      ]),
    );
    expect(finding).toMatchObject({
      params: {pid: '2,3'},
      acts: [{frees: 'unblocks all 2 waiting sessions immediately'}, {}, {}],
    });
  });

  it('names autovacuum, which is not ended', () => {
    const vacuum = worker({query: 'autovacuum: VACUUM public.orders (to prevent wraparound)'});
    const [finding] = examine(
      reading({2: alter, 3: {}}, [{...head, blocked_by: [9]}, behind(3)], {background_workers: [vacuum]}),
    );
    expect(finding?.summary).toMatch(
      /waits behind autovacuum of public\.orders \(to prevent wraparound\); 1 session queues/,
    );
    expect(finding?.acts?.map(({recipe}) => recipe)).toEqual(['release-blockers', null, 'set-timeouts']);
  });

  it('is not one if most wait for something else', () => {
    const [finding] = examine(
      reading({1: running, 2: alter, 3: {}, 4: {}, 5: {}}, [
        head,
        {pid: 3, blocked_by: [1]},
        {pid: 4, blocked_by: [1]},
        {pid: 5, blocked_by: [1]},
      ]),
    );
    expect(finding).toMatchObject({cause: 'running-blocker', subject: 'backend:1'});
  });
});
