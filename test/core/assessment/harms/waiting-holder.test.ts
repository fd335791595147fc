import {describe, expect, it} from 'vitest';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend, Snapshot} from '../../../../source/model/snapshot.ts';
import {examine, reading, type WaitOf, worker} from './jams.ts';

describe('other holders', () => {
  const behind = (
    root: Partial<Backend> | null,
    wait: Partial<WaitOf> = {},
    overrides: Partial<Snapshot> = {},
  ) =>
    reading(
      {...(root && {1: root}), 2: {}, 3: {}},
      [2, 3].map(pid => ({pid, blocked_by: [root === null ? 9 : 1], ...wait})),
      overrides,
    );
  const idle: Partial<Backend> = {
    application_name: 'psql',
    usename: 'dana',
    state: 'idle in transaction',
    state_age_ms: 432_000,
    xact_age_ms: 440_000,
    backend_xid: '77',
    query: 'UPDATE orders SET total = 0',
  };

  it('names a forgotten transaction, since when, and its last statement', () => {
    expect(examine(behind(idle))).toMatchObject([
      {
        cause: 'idle-blocker',
        severity: 'critical',
        summary:
          'psql/dana (1), idle in transaction for 7m12s after UPDATE orders, holds rows of orders; 2 sessions wait for it, the longest for 9s',
        acts: [
          {
            recipe: 'release-blockers',
            params: {pid: '1'},
            frees: 'unblocks all 2 waiting sessions',
            costs: expect.stringContaining('rolled back'),
          },
          {recipe: 'set-timeouts', params: {role: 'dana', idle_in_transaction_session_timeout: '1min'}},
        ],
      },
    ]);
  });

  it('does not say of a transaction that goes on that it runs nothing', () => {
    const [atWork] = examine(behind({...idle, state_age_ms: 40, xact_age_ms: 8000}));
    expect(atWork?.reasons?.[0]).toMatch(
      /open for 8s; it pauses between its statements, and keeps its locks/,
    );
    const [forgotten] = examine(behind(idle));
    expect(forgotten?.reasons?.[0]).toMatch(/; it runs nothing, and keeps its locks/);
  });

  it('ends no session that has been idle for a moment only', () => {
    expect(examine(behind({...idle, state_age_ms: 300}))).toMatchObject([
      {cause: 'idle-blocker', acts: [{recipe: null, title: 'wait: psql/dana has been idle for 0s only'}]},
    ]);
  });

  it('ends no session of an application that keeps transactions open as a rule', () => {
    const brief = {...idle, application_name: 'web', state_age_ms: 6000, xact_age_ms: 7000};
    const snapshot = reading({1: brief, 4: brief, 5: brief, 2: {}}, [
      {pid: 2, blocked_by: [1], wait_age_ms: 6000},
    ]);
    expect(examine(snapshot)).toMatchObject([
      {
        cause: 'idle-blocker',
        acts: [{recipe: null, title: expect.stringContaining('outside its transactions')}],
      },
    ]);
  });

  it.each<[string, Partial<Parameters<typeof worker>[0]>, number]>([
    ['an apply worker', {backend_type: 'logical replication apply worker'}, 1],
    ['a parallel worker of a session', {backend_type: 'parallel worker', leader_pid: 2}, 1],
    ['autovacuum, which gives way', {backend_type: 'autovacuum worker'}, 0],
  ])('sees that %s waits', (_, of, count) => {
    const background_workers = [worker({pid: 9, blocked_by: [1], ...of})];
    const findings = examine(reading({1: idle, 2: {}}, [{pid: 9, blocked_by: [1]}], {background_workers}));
    expect(findings).toHaveLength(count);
  });

  it('ends no protected session', () => {
    const [finding] = examine(behind({...idle, application_name: 'pg_dump'}));
    expect(finding).toMatchObject({
      recipe: 'idle-blocker',
      acts: [{recipe: null, title: expect.stringContaining('dump')}, {}],
    });
    expect(finding?.params).toBeUndefined();
  });

  it('names a long statement, and waiting as the alternative', () => {
    const root: Partial<Backend> = {...idle, state: 'active', query_age_ms: 180_000};
    expect(examine(behind(root))).toMatchObject([
      {
        cause: 'running-blocker',
        recipe: 'release-blockers',
        summary:
          'UPDATE orders (psql/dana, 3m00s) holds rows of orders; 2 sessions wait for it, the longest for 9s',
        acts: [{title: 'cancel UPDATE orders of psql/dana (1)'}, {recipe: null}],
      },
    ]);
  });

  it.each([
    ['REFRESH MATERIALIZED VIEW top_pages', 'next time: REFRESH MATERIALIZED VIEW CONCURRENTLY'],
    ['REINDEX TABLE orders', 'next time: REINDEX CONCURRENTLY'],
    ['REINDEX INDEX CONCURRENTLY orders_idx', undefined],
  ])('says how it would not have blocked: %s', (query, title) => {
    const [finding] = examine(behind({...idle, state: 'active', query, query_age_ms: 180_000}));
    expect(finding?.acts?.[2]?.title).toBe(title);
  });

  it('promises no rollback of a commit that waits for its standby', () => {
    const [finding] = examine(
      behind({
        state: 'active',
        query: 'COMMIT',
        query_age_ms: 180_000,
        wait_event: 'SyncRep',
        backend_xid: '7',
      }),
    );
    expect(finding?.acts?.[0]?.costs).toMatch(/^1 waits for a synchronous standby .* cannot be rolled back/);
  });

  it.each<[string, Partial<Backend>, string | null, RegExp]>([
    [
      "Prisma Migrate's lock",
      {query: 'SELECT pg_advisory_lock(72707369)'},
      'prisma-migrate-lock',
      /, holds advisory lock 72707369 \(Prisma Migrate\); 2/,
    ],
    [
      "Prisma Migrate's lock of a running migration",
      {state: 'active', query: 'SELECT pg_advisory_lock(72707369)'},
      null,
      /Prisma Migrate/,
    ],
    [
      "an application's own",
      {query: 'SELECT pg_try_advisory_lock(4201)'},
      'release-blockers',
      /psql\/dana \(1\), idle for 7m12s after a SELECT, holds advisory lock 4201; 2/,
    ],
  ])('names %s', (_, root, recipe, summary) => {
    const [finding] = examine(
      behind({...idle, state: 'idle', xact_age_ms: null, ...root}, {locktype: 'advisory', relation: null}),
    );
    expect(finding).toMatchObject({cause: 'advisory-lock', summary: expect.stringMatching(summary)});
    expect(finding?.acts?.[0]?.recipe).toBe(recipe);
  });

  it("takes an advisory lock's name from the server", () => {
    const object = 'advisory lock (7, 42)';
    const [finding] = examine(
      behind({...idle, state: 'idle'}, {locktype: 'advisory', relation: null, object}),
    );
    expect(finding?.summary).toContain('holds advisory lock (7, 42); 2 sessions');
  });

  it.each<[string, Partial<Backend>, boolean]>([
    ['a report', {...idle, state: 'active', query: 'SELECT 1', query_age_ms: 60_000}, true],
    ['a forgotten transaction', idle, false],
  ])('an index build that waits for %s', (_, root, isHarmless) => {
    const build = {query: 'CREATE INDEX CONCURRENTLY i ON orders (total)'};
    const [finding] = examine(
      reading({1: root, 2: build}, [{pid: 2, blocked_by: [1], locktype: 'virtualxid', relation: null}]),
    );
    expect(finding).toMatchObject({
      cause: 'build-waits',
      summary: expect.stringMatching(
        /^CREATE INDEX CONCURRENTLY on orders \(shop\/shop_app, 9s\) waits for /,
      ),
    });
    expect(finding?.harm === undefined).toBe(isHarmless);
    expect(finding?.params).toEqual(isHarmless ? undefined : {pid: '1'});
  });

  it('gives advice for a prepared transaction, by name if there is one', () => {
    const holder = {
      kind: 'prepared transaction' as const,
      name: 'order-77',
      description: 'shop',
      xmin_age: 3,
      age_ms: 720_000,
    };
    const snapshot = reading({2: {}}, [{pid: 2, blocked_by: [0]}]);
    const facts = (count: number): AssessmentFacts => ({
      maintenance: {tables: [], xmin_holders: Array.from({length: count}, () => holder)},
    });
    expect(examine(snapshot, facts(1))).toMatchObject([
      {
        cause: 'prepared-transaction',
        recipe: 'prepared-transaction',
        subject: 'prepared transaction',
        summary:
          'prepared transaction order-77, 12m00s old, holds rows of orders; 1 session has waited 9s for it',
        acts: [{recipe: null, frees: 'unblocks the waiting session'}],
      },
    ]);
    expect(examine(snapshot, facts(2))[0]?.summary).toMatch(/^a prepared transaction holds rows of orders/);
  });

  it.each<[string, string | null, RegExp]>([
    [
      'autovacuum worker',
      'autovacuum: VACUUM public.orders (to prevent wraparound)',
      /^autovacuum of public\.orders \(to prevent wraparound\) holds rows/,
    ],
    ['logical replication apply worker', null, /^the logical replication apply worker holds rows/],
    ['startup', 'recovering 000000010000000000000007', /^the startup holds/],
  ])('names a worker: %s', (backend_type, query, summary) => {
    const background_workers = [worker({backend_type, query})];
    const [finding] = examine(behind(null, {}, {background_workers}));
    expect(finding).toMatchObject({cause: 'background-worker', acts: [{recipe: null}]});
    expect(finding?.summary).toMatch(summary);
  });

  it('calls sessions that wait for one another a deadlock', () => {
    const circle = [2, 3, 4, 5, 6].map(pid => ({pid, blocked_by: [pid === 2 ? 6 : pid - 1]}));
    const sessions = Object.fromEntries(circle.map(({pid}) => [pid, {}]));
    expect(examine(reading(sessions, circle))).toMatchObject([
      {
        cause: 'deadlock',
        summary:
          '5 sessions wait for row of orders, and each for one of the others: a deadlock, which the server ends after deadlock_timeout',
        acts: [{recipe: null}],
      },
    ]);
  });

  it('says so if nothing that can be seen holds it', () => {
    expect(examine(behind(null))).toMatchObject([
      {
        cause: 'unexplained-wait',
        summary: '2 sessions wait for row of orders, the longest for 9s; what holds it cannot be seen',
        acts: [{recipe: null, title: expect.stringContaining('9')}],
      },
    ]);
  });
});
