import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/release-blockers.ts';
import {planText} from '../../source/cli/execution/render-plan.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {RecipeData} from '../../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createWorker, seenByRole} from '../helpers/snapshot.ts';

/** A snapshot with these sessions, by pid, and these lock waits. */
function snapshotOf(
  sessions: Record<number, Partial<Backend>>,
  waits: [pid: number, blocked_by: number[], wait_age_ms: number][],
): Snapshot {
  const blockers = new Map(waits.map(([pid, blocked_by]) => [pid, blocked_by]));
  return seenByRole({
    backends: Object.entries(sessions).map(([pid, overrides]) => {
      const blocked_by = blockers.get(Number(pid));
      const waiting = blocked_by && {state: 'active' as const, blocked_by, wait_event_type: 'Lock'};
      return createBackend({pid: Number(pid), ...waiting, ...overrides});
    }),
    lock_waits: waits.map(([pid, blocked_by, wait_age_ms]) => ({
      pid,
      blocked_by,
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: 'orders',
      wait_age_ms,
    })),
  });
}

const leaking: Partial<Backend> = {state: 'idle in transaction', state_age_ms: 40_000};
const running: Partial<Backend> = {state: 'active', state_age_ms: 90_000};

function plan(snapshot: Snapshot, params: ParameterValues = {}, facts: RecipeData = {}) {
  if (!recipe.plan) throw new Error('it acts');
  return recipe.plan(snapshot, params, facts);
}

const titles = (snapshot: Snapshot, params: ParameterValues = {}, facts: RecipeData = {}) =>
  plan(snapshot, params, facts).steps.map(({title}) => title.replace(/ \(.*?\)/, ''));

describe('plan', () => {
  const two = snapshotOf({1: running, 2: leaking, 3: {}, 4: {}, 5: {}}, [
    [3, [1], 9000],
    [4, [2], 8000],
    [5, [4], 7000],
  ]);

  it.each<[ParameterValues, string[]]>([
    [{}, ['terminate 2 if it blocks others']],
    [
      {at_most: '2'},
      [
        'terminate 2 if it blocks others',
        'cancel the statement of session 1',
        'terminate 1 if it still blocks others',
      ],
    ],
    [{at_most: '2', then_terminate: 'no', waited_for: '9s'}, ['cancel the statement of session 1']],
    [{waited_for: '10s'}, []],
    [{pid: '1'}, ['cancel the statement of session 1', 'terminate 1 if it still blocks others']],
    [{pid: '1', then_terminate: 'no'}, ['cancel the statement of session 1']],
    [{pid: '3'}, []],
  ])('with %j', (params, expected) => {
    expect(titles(two, params)).toEqual(expected);
  });

  it.each<[string, Partial<Backend>, RegExp]>([
    ['a dump', {...running, application_name: 'pg_dump'}, /dump/],
    ['a migration', {...leaking, query: 'ALTER TABLE a ADD b int'}, /migration/],
    ["a superuser's", {...leaking, is_superuser: true}, /superuser/],
    ['hidden', {state: null, backend_start: null, state_change: null}, /pg_read_all_stats/],
  ])('skips, and selects the next: %s', (_, root, reason) => {
    const snapshot = snapshotOf({1: root, 2: leaking, 3: {}, 4: {}, 5: {}}, [
      [3, [1], 9000],
      [5, [1], 9000],
      [4, [2], 8000],
    ]);
    expect(titles(snapshot)).toEqual(['terminate 2 if it blocks others']);
    expect(plan(snapshot).skipped).toMatchObject([
      {subject: 'backend:1', reason: expect.stringMatching(reason)},
    ]);
  });

  it('leaves a session that holds up autovacuum only, and counts the longest wait of a session', () => {
    const worker = createWorker({wait_event_type: 'Lock', blocked_by: [1]});
    const behind = snapshotOf({1: {}}, [[9, [1], 90_000]]);
    expect(plan({...behind, background_workers: [worker]}).steps).toEqual([]);
    const session = snapshotOf({1: {}, 2: {}}, [
      [9, [1], 90_000],
      [2, [9], 90_000],
    ]);
    expect(titles({...session, background_workers: [worker]})).not.toEqual([]);
  });

  it('skips a worker that is not a client session', () => {
    const worker = createWorker();
    const snapshot = {...snapshotOf({2: {}}, [[2, [9], 9000]]), background_workers: [worker]};
    expect(plan(snapshot)).toMatchObject({
      steps: [],
      skipped: [{subject: 'backend:9', reason: expect.stringContaining('autovacuum worker')}],
    });
  });

  it('gives advice for a blocking prepared transaction, with the statement that ends it', () => {
    const prepared = {
      gid: "order's",
      transaction: '741',
      prepared: '2026-01-01T00:00:00.123456Z',
      owner: 'shop',
      database: 'shop',
      age_ms: 100_000,
      waiters: [2],
    };
    const idle = {...prepared, gid: 'harmless', waiters: []};
    const snapshot = snapshotOf({2: {}}, [[2, [0], 9000]]);
    const {steps, figure} = plan(snapshot, {}, {prepared_transactions: [idle, prepared]});
    expect(steps).toMatchObject([
      {kind: 'advice', text: expect.stringContaining("ROLLBACK PREPARED 'order''s';")},
    ]);
    expect(figure?.[0]).toContain('prepared transaction  blocks 1');
  });

  it('draws the tree whole: the page cuts what does not fit', () => {
    const snapshot = snapshotOf({1: running, 2: {}, 3: {}, 4: {application_name: 'x'.repeat(60)}}, [
      [2, [1], 9000],
      [3, [2], 8000],
      [4, [1], 3000],
    ]);
    const {figure = []} = plan(snapshot);
    expect(figure.map(line => line.replace(/ {2}.*/, ''))).toEqual([
      expect.stringMatching(/^1/),
      '├─ 2',
      '│',
      '└─ 4',
    ]);
    expect(figure[2]).toContain('└─ 3  shop/shop_app active  waits 8s for ShareLock on orders');
    expect(figure[3]).toContain(`${'x'.repeat(60)}/shop_app active  waits`);
  });

  it('draws what is waited for by name, and all that hold it', () => {
    const snapshot = snapshotOf({1: running, 2: {}}, [[2, [1, 0], 9000]]);
    const lock_waits = snapshot.lock_waits.map(wait => ({...wait, object: 'row of public.orders'}));
    expect(plan({...snapshot, lock_waits}).figure?.[1]).toBe(
      '└─ 2  shop/shop_app active  waits 9s for row of public.orders  also for 1',
    );
  });

  it('describes a released session once, and shows its pid only in the tree and the steps', () => {
    const snapshot = snapshotOf({1: {...leaking, application_name: 'import'}, 2: {}, 3: {}}, [
      [2, [1], 9000],
      [3, [1], 8000],
    ]);
    const made = plan(snapshot);
    expect(made.explanation[0]).toBe('1 blocker to release; it blocks 2 of 2 sessions waiting for a lock:');
    expect(made.figure?.[0]).toBe('1  blocks 2');
    const text = planText(made, {id: 'here'}, 'hash');
    expect(text.match(/import\/shop_app/g)).toHaveLength(1);
    expect(text).toMatch(/^1\. terminate 1 if it blocks others$/m);
    expect(text).toContain("THEN 'it is in another transaction now'");
  });

  it('names the root that blocks most if it is skipped', () => {
    const snapshot = snapshotOf({1: {...leaking, is_superuser: true}, 2: {}}, [[2, [1], 9000]]);
    expect(plan(snapshot).explanation[0]).toBe(
      '1 (shop/shop_app idle in transaction) blocks 1 of 1 session waiting for a lock, the most.',
    );
  });

  it('cancels a session that waits itself and holds up a queue, and promises only what that frees', () => {
    const jam = snapshotOf(
      {1: running, 2: {query: 'ALTER TABLE orders ADD note text'}, 3: {}, 4: {}, 5: {}, 9: leaking},
      [
        [2, [1], 9000],
        [3, [2], 8000],
        [4, [2, 3], 7000],
        [5, [2, 9], 6000],
      ],
    );
    const made = plan(jam, {pid: '2'});
    expect(made.steps.map(({title}) => title.replace(/ \(.*?\)/, ''))).toEqual([
      'cancel the statement of session 2',
      'terminate 2 if it still blocks others',
    ]);
    expect(made.explanation).toEqual([
      '1 blocker to release; it blocks 3 of 4 sessions waiting for a lock:',
      expect.stringMatching(/^2 shop\/shop_app active .*blocks 3 sessions, running: ALTER TABLE/),
      '2 waits itself, for session 1; that one is left alone.',
      'This frees 2 sessions. 1 session still waits for session 1, session 9.',
      expect.stringMatching(/^A running statement/),
      expect.stringMatching(/^The client gets an error/),
      'The open transaction has written nothing.',
      expect.stringMatching(/^The session is terminated only if/),
      expect.stringMatching(/^A client of node-postgres that is checked out/),
      expect.stringMatching(/^Temporary tables/),
    ]);
    for (const step of made.steps)
      expect(step).toMatchObject({measures: [{name: 'sessions waiting for a lock'}]});
  });

  it('takes each of several that hold one lock, if asked for more than one', () => {
    const held = snapshotOf({1: leaking, 2: leaking, 3: leaking, 4: {}, 5: {}}, [
      [4, [1, 2, 3], 9000],
      [5, [4], 8000],
    ]);
    expect(titles(held, {at_most: '10'})).toEqual(
      [1, 2, 3].map(pid => `terminate ${pid} if it blocks others`),
    );
    expect(plan(held, {at_most: '10'}).explanation.join('\n')).not.toMatch(/still wait/);
    expect(plan(held).explanation.join('\n')).toMatch(
      /frees 0 sessions. 2 sessions still wait for session 2, session 3/,
    );
  });

  it.each<[string, Partial<Backend>, RecipeData, string[]]>([
    [
      "a superuser's dump",
      {...leaking, application_name: 'pg_dump', is_superuser: true},
      {},
      [
        '2 (shop/shop_app active) waits itself and holds up the rest: to cancel its statement, which frees 3 sessions, set pid=2.',
      ],
    ],
    [
      'the holder of an advisory lock',
      leaking,
      {sessions: {advisory_locks: [{pid: 1, count: 1, names: ['advisory lock 4242']}], index_builds: []}},
      [
        '2 (shop/shop_app active) waits itself and holds up the rest: to cancel its statement, which frees 3 sessions, set pid=2.',
        'To release 1 anyway, set pid=1.',
      ],
    ],
  ])('says what else can be named where the blocker is %s', (_, root, facts, expected) => {
    const queue = snapshotOf({1: root, 2: {}, 3: {}, 4: {}, 5: {}}, [
      [2, [1], 9000],
      [3, [2], 8000],
      [4, [2], 8000],
      [5, [2], 8000],
    ]);
    const made = plan(queue, {}, facts);
    expect(made.steps).toEqual([]);
    expect(made.explanation.slice(1)).toEqual(expected);
    expect(plan(queue, {waited_for: '10s'}, facts).explanation).toHaveLength(1);
  });

  it('names the blocker that can be named, not one that never can', () => {
    const held = snapshotOf(
      {
        1: {...leaking, application_name: 'poolctl'},
        2: {...leaking, application_name: 'pg_dump'},
        3: {},
        4: {},
        5: {},
      },
      [
        [3, [1], 9000],
        [4, [1], 9000],
        [5, [2], 8000],
      ],
    );
    expect(plan(held).skipped.map(({is_final}) => is_final)).toEqual([true, undefined]);
    expect(plan(held).explanation.slice(1)).toEqual(['To release 2 anyway, set pid=2.']);
    // They are named already.
    expect(plan(held, {pid: '1,5'}).explanation.slice(1)).toEqual([]);
  });

  it('promises nothing more than the rest waits for', () => {
    expect(plan(two, {pid: '2'}).explanation).toContain(
      'This frees 2 sessions. 1 session still waits for session 1.',
    );
  });

  it('has nothing to do if no session waits', () => {
    expect(plan(createSnapshot())).toMatchObject({
      steps: [],
      explanation: [expect.stringMatching(/^No session/)],
    });
  });
});
