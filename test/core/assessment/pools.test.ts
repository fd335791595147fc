import {describe, expect, it} from 'vitest';
import {examinePools} from '../../../source/core/assessment/harms/pools.ts';
import {samplesOf} from '../../../source/core/assessment/samples.ts';
import type {Finding} from '../../../source/model/recipe.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

const base: Partial<Backend> = {application_name: 'api', usename: 'api_app', query_id: '7'};

/** One reading a second; `sessionOf` gives each session. */
function readings(
  count: number,
  sessions: number,
  sessionOf: (session: number, second: number) => Partial<Backend>,
  others: Backend[] = [],
): Snapshot[] {
  return Array.from({length: count}, (_, second) => ({
    ...createSnapshot({
      backends: [
        ...Array.from({length: sessions}, (_, session) =>
          createBackend({pid: session + 1, ...base, ...sessionOf(session, second)}),
        ),
        ...others,
      ],
      statements: [createStatement({queryid: '7', calls: 100, total_exec_time_ms: 10})],
    }),
    at: `2026-01-01T00:01:${String(second).padStart(2, '0')}.000000Z`,
  }));
}

function examine(all: Snapshot[]): Finding[] {
  return examinePools({snapshot: all.at(-1) as Snapshot, samples: samplesOf(all), facts: {}});
}

/** A transaction of `calls_s` seconds after another, idle all the time. */
const calling = (calls_s: number) => (session: number, second: number) => ({
  state: 'idle in transaction' as const,
  state_age_ms: ((second + session) % calls_s) * 1000 + 500,
  xact_start: `transaction ${Math.floor((second + session) / calls_s)}`,
  query: 'UPDATE "public"."Booking" SET "status" = $1 WHERE "public"."Booking"."id" = $2',
});

describe('a pool whose sessions are all in transaction', () => {
  it('waits for something outside, which poolctl cannot end', () => {
    const [finding, ...others] = examine(readings(20, 5, calling(6)));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      recipe: 'outside-call',
      cause: 'outside-call',
      severity: 'warning',
      subject: 'application:api/role:api_app',
      summary:
        'api/api_app holds transactions open while it waits outside the database: all 5 sessions in a transaction in 20 of 20 snapshots, idle for 6.0 s on average after UPDATE "Booking"',
      harm: {kind: 'pool', sessions: 5, share: 1, since: null},
      confidence: 'likely',
      evidence: {mean_exec_time_ms: 0.1},
      acts: [{recipe: null}, {recipe: null}, {recipe: 'set-timeouts', params: {role: 'api_app'}}],
    });
    expect(finding?.explains).toEqual([
      'application:api/role:api_app',
      ...[1, 2, 3, 4, 5].map(pid => `backend:${pid}`),
    ]);
    expect(finding).not.toHaveProperty('params');
  });

  it('is less sure after few readings', () => {
    expect(examine(readings(8, 5, calling(3)))).toMatchObject([{confidence: 'possible'}]);
  });

  it.each<[string, string, number]>([
    ['a worker that computes', 'UPDATE "Parcel" SET state = $1 WHERE id = $2', 2],
    ['a load that transforms what it read', 'SELECT * FROM staging.orders WHERE day = $1', 6],
    ['an import that parses between its inserts', 'INSERT INTO prices (sku, amount) VALUES ($1, $2)', 3],
  ])('is no harm with one session, which may be %s', (_, query, pause_s) => {
    const all = readings(20, 1, (session, second) => ({...calling(pause_s)(session, second), query}));
    const [finding, ...others] = examine(all);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      cause: 'outside-call',
      summary: expect.stringMatching(
        /^api\/api_app pauses inside its transactions: its one session in a transaction in 20 of 20 snapshots, idle for \d\.0 s on average after .*; requests that wait for it cannot be seen$/,
      ),
    });
    expect(finding).not.toHaveProperty('harm');
    expect(finding).not.toHaveProperty('acts');
  });

  it('is harm with one session whose pool reports that requests wait', () => {
    const pool_report = {instance: 'k3f', turn: 1, size: 1, busy: 1, waiting: 4, wait_p95_ms: 5000};
    const all = readings(20, 1, (session, second) => ({...calling(6)(session, second), pool_report}));
    expect(examine(all)).toMatchObject([
      {
        cause: 'outside-call',
        summary:
          'api/api_app holds transactions open while it waits outside the database: its one session in a transaction in 20 of 20 snapshots, idle for 6.0 s on average after UPDATE "Booking"',
        harm: {kind: 'pool', sessions: 1},
        reasons: [
          expect.any(String),
          expect.any(String),
          expect.stringMatching(/Other requests wait in the application's pool \(P2024\)\.$/),
        ],
      },
    ]);
  });

  it.each<[string, Snapshot[]]>([
    ['too few readings', readings(4, 5, calling(2))],
    ['one session in few readings', readings(9, 1, calling(3))],
    [
      'one session that works on a job it has locked',
      readings(20, 1, (index, second) => ({
        ...calling(6)(index, second),
        query: 'SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
      })),
    ],
    [
      'short pauses',
      readings(20, 5, (_, second) => ({
        ...calling(6)(0, second),
        state_age_ms: 100,
        xact_start: `${second}`,
      })),
    ],
    [
      'a free session in most readings',
      readings(20, 5, (session, second) => (session === 0 ? {state: 'idle'} : calling(6)(session, second))),
    ],
    [
      'a dump',
      readings(20, 5, (session, second) => ({...calling(6)(session, second), application_name: 'pg_dump'})),
    ],
  ])('is no finding with %s', (_, all) => {
    expect(examine(all)).toEqual([]);
  });
});

describe('a pool whose sessions are all busy', () => {
  const texts = [
    'SELECT a FROM orders',
    'SELECT b FROM users',
    'UPDATE carts SET n = 1',
    'SELECT c FROM items',
  ];
  const serving = (session: number, second: number) => ({
    state: 'active' as const,
    state_age_ms: 200,
    query_age_ms: 200,
    query: texts[(session + second) % 4] ?? '',
    query_id: String((session + second) % 4),
    client_addr: `10.0.0.${session % 2}`,
  });

  it('is full while the server has free slots', () => {
    expect(examine(readings(20, 8, serving))).toMatchObject([
      {
        recipe: 'tune-connection-limit',
        cause: 'pool-saturated',
        summary:
          'the pool of api/api_app is full: all 8 sessions busy in 100% of 20 snapshots; 89 slots of the server are free',
        params: {role: 'api_app', instances: '2'},
        harm: {kind: 'pool', sessions: 0},
      },
    ]);
  });

  it('names the statement that most of them run, whose slowness is the cause', () => {
    const slow = (session: number, second: number) =>
      session < 6
        ? {...serving(0, 0), query_id: '7', client_addr: `10.0.0.${session % 2}`}
        : serving(session, second);
    expect(examine(readings(20, 8, slow))).toMatchObject([
      {
        recipe: 'pool-saturated',
        summary: expect.stringContaining('6 of them in SELECT FROM orders'),
        explains: ['statement:7'],
      },
    ]);
  });

  it('reports its queue while requests keep its connections between statements', () => {
    const pool_report = {instance: 'k3f', turn: 1, size: 8, busy: 8, waiting: 34, wait_p95_ms: 1200};
    const kept = (session: number, second: number) => ({
      ...serving(session, second),
      pool_report,
      client_addr: '10.0.0.1',
      ...(session > 0 && {state: 'idle' as const}),
    });
    expect(examine(readings(20, 8, kept))).toMatchObject([
      {
        recipe: 'tune-connection-limit',
        summary: expect.stringMatching(
          /^api\/api_app: 34 requests wait for its pool of 8 \(p95 wait 1\.20s\); 89 slots/,
        ),
        harm: {kind: 'pool', share: 1},
        reasons: [
          expect.any(String),
          '7 of its sessions are idle on the server, though their pools have none free: requests keep connections between their statements.',
        ],
        acts: [{recipe: 'tune-connection-limit'}, {recipe: null}],
      },
    ]);
  });

  it.each<[string, (session: number, second: number) => Partial<Backend>]>([
    ['wait for locks', (session, second) => ({...serving(session, second), wait_event_type: 'Lock'})],
    ['run statements of a moment', (session, second) => ({...serving(session, second), query_age_ms: 40})],
    ['load rows', (session, second) => ({...serving(session, second), query: 'COPY items FROM STDIN'})],
    ['run for minutes', (session, second) => ({...serving(session, second), query_age_ms: 200_000})],
    [
      'repeat one statement on one client',
      session => ({...serving(0, 0), pid: session + 1, client_addr: '10.0.0.1'}),
    ],
  ])('is not reported if they %s', (_, sessionOf) => {
    expect(examine(readings(20, 8, sessionOf))).toEqual([]);
  });
});

describe('a pool whose client does not read', () => {
  const unread = (query: string) => () => ({
    state: 'active' as const,
    wait_event_type: 'Client',
    wait_event: 'ClientWrite',
    query_age_ms: 60_000,
    query,
  });
  const comments = '/**/'.repeat(250);

  it.each([
    ['SELECT id FROM line', true],
    [`${comments}SELECT id FROM line`, true],
    ['COPY line TO STDOUT', false],
    [`${comments} copy (SELECT id FROM line) TO STDOUT`, false],
  ])('%#: is found unless it is a COPY', (query, isFound) => {
    const causes = examine(readings(20, 5, unread(query))).map(({cause}) => cause);
    expect(causes.includes('slow-reader')).toBe(isFound);
  });
});

describe('sessions left in a transaction', () => {
  const left: Partial<Backend> = {state: 'idle in transaction', state_age_ms: 720_000, xact_start: 'then'};

  it('that harm no session are listed without harm', () => {
    const [finding] = examine([createSnapshot({backends: [createBackend({...base, ...left})]})]);
    expect(finding).toMatchObject({
      cause: 'leaked-sessions',
      summary:
        'api/api_app leaks 1 session idle in transaction, the longest for 12m00s: blocks no session, holds back no vacuum, slots are free',
      explains: ['backend:4711'],
    });
    expect(finding).not.toHaveProperty('harm');
    expect(finding).not.toHaveProperty('acts');
  });

  it.each<[string, Partial<Backend>]>([
    ['a dump', {application_name: 'pg_dump'}],
    ['a superuser', {is_superuser: true}],
    ['half a minute ago', {state_age_ms: 29_000}],
  ])('by %s are not', (_, overrides) => {
    expect(examine([createSnapshot({backends: [createBackend({...base, ...left, ...overrides})]})])).toEqual(
      [],
    );
  });

  it('are harm where they hold a whole pool', () => {
    const held = (session: number) => (session < 4 ? left : {state: 'active' as const, query_age_ms: 10});
    expect(examine(readings(10, 6, held)).find(({cause}) => cause === 'leaked-sessions')).toMatchObject({
      recipe: 'kill-idle-sessions',
      summary: expect.stringMatching(/^api\/api_app leaks 4 sessions .*: no session of its pool is free$/),
      params: {application: 'api', role: 'api_app', older_than: '30s'},
      harm: {kind: 'pool', sessions: 4},
    });
  });

  it('are harm where they grow until no slot is free', () => {
    const all = Array.from({length: 40}, (_, second) => second).map(second => ({
      ...(readings(1, 5 + second, () => left)[0] as Snapshot),
      at: `2026-01-01T00:01:${String(second).padStart(2, '0')}.000000Z`,
    }));
    expect(examine(all)).toMatchObject([
      {
        severity: 'critical',
        summary: expect.stringMatching(/at this rate no slot is free in 5\ds$/),
        harm: {kind: 'slots'},
      },
    ]);
  });
});
