import {describe, expect, it} from 'vitest';
import {examineWaiting} from '../../../../source/core/assessment/harms/waiting.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment.ts';
import type {Backend, Snapshot} from '../../../../source/model/snapshot.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {contextOf, reading, type WaitOf, worker} from './jams.ts';

const examine = (snapshots: Snapshot | Snapshot[], facts: AssessmentFacts = {}) =>
  examineWaiting(contextOf(snapshots, facts));

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
    expect(finding?.summary).toMatch(/the holder changes; 915ms a call, nearly all of it waiting$/);
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
        '6 of 7 sessions of shop/shop_app queue for one row of usage_counters (organiser_id = 42) in 6 of 8 readings; the holder changes',
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

describe('a foreign key without an index', () => {
  const facts: AssessmentFacts = {
    foreign_keys: [
      {
        name: 'activities_contact_id_fkey',
        schema: 'public',
        table: 'activities',
        columns: ['contact_id'],
        rows: 650_000,
        references_schema: 'public',
        references_table: 'contacts',
        deleted_with: ['public.accounts'],
      },
    ],
  };
  const purge = (query: string, of: Partial<Backend> = {}): Partial<Backend> => ({
    application_name: 'purge',
    usename: 'ops',
    state: 'active',
    query_age_ms: 40_000,
    xact_age_ms: 40_000,
    query,
    ...of,
  });
  const jam = (root: Partial<Backend>) =>
    reading({1: root, 2: {}, 3: {}}, [
      {pid: 2, blocked_by: [1]},
      {pid: 3, blocked_by: [1]},
    ]);

  it.each(['DELETE FROM "public"."accounts" WHERE id IN ($1, $2)', 'DELETE FROM contacts WHERE id = 4'])(
    'is the cause of what waits for %s',
    query => {
      const [finding] = examine(jam(purge(query)), facts);
      expect(finding).toMatchObject({
        cause: 'foreign-key',
        recipe: 'apply-indexes',
        params: {table: 'public.activities'},
        summary: expect.stringMatching(
          /^DELETE FROM .* \(purge\/ops, 40s\) scans activities \(650k rows\) for each deleted row of contacts: no index on \(contact_id\); 2 sessions wait for it, the longest for 9s$/,
        ),
        acts: [
          {recipe: 'apply-indexes'},
          {recipe: 'release-blockers', params: {pid: '1'}, frees: 'all 2 waiting sessions'},
        ],
        explains: expect.arrayContaining([
          'backend:1',
          'backend:2',
          'indexes:missing',
          'relation:public.activities',
        ]),
      });
    },
  );

  it.each<[string, Partial<Backend>, string]>([
    ['another table', purge('DELETE FROM orders'), 'running-blocker'],
    ['an UPDATE', purge('UPDATE accounts SET name = $1'), 'running-blocker'],
    [
      'a transaction long idle after its DELETE',
      purge('DELETE FROM accounts', {state: 'idle in transaction', state_age_ms: 60_000}),
      'idle-blocker',
    ],
  ])('is not the cause for %s', (_, root, cause) => {
    expect(examine(jam(root), facts)).toMatchObject([{cause}]);
  });

  it('is one finding for several purges', () => {
    const two = reading({1: purge('DELETE FROM accounts'), 2: purge('DELETE FROM accounts'), 3: {}, 4: {}}, [
      {pid: 3, blocked_by: [1]},
      {pid: 4, blocked_by: [2]},
    ]);
    const findings = examine(two, facts);
    expect(findings).toMatchObject([
      {cause: 'foreign-key', explains: expect.arrayContaining(['backend:1', 'backend:2'])},
    ]);
  });
});

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
            frees: 'all 2 waiting sessions',
            costs: expect.stringContaining('rolled back'),
          },
          {recipe: 'set-timeouts', params: {role: 'dana', idle_in_transaction_session_timeout: '1min'}},
        ],
      },
    ]);
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
        acts: [{recipe: null, frees: 'the waiting session'}],
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
